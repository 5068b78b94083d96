"""The script that measures what pauses cost: every way does what it says, on a few steps."""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def script() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks/pause_cost.py"
    spec = importlib.util.spec_from_file_location("pause_cost", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_pause_costs_one_forward_instead_of_one_a_token(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(script.RANDOM, "rate", 1.0)
    options = argparse.Namespace(model=None, shards=None, rows=8, emitted=15, steps=1, n=6, seed=0)
    found = {way: script.measure(way, options) for way in ("block", "generate")}
    for one in found.values():
        assert len(one["times"]) == 1
        assert one["times"][0] > 0
        assert one["peak_mib"] > 100
        assert one["pauses"] > 2
    assert found["generate"]["forwards"] == 15 + 3 * 6
    assert found["block"]["forwards"] <= 15 + 3 + 1
