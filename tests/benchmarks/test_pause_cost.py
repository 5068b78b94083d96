"""The benchmark of pauses, on a few steps."""

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


def test_a_block_pause_needs_one_forward_pass(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(script.RANDOM, "rate", 1.0)
    options = argparse.Namespace(model=None, shards=None, rows=8, emitted=15, steps=1, n=6, seed=0)
    results = {way: script.measure(way, options) for way in ("block", "generate")}
    for row in results.values():
        assert len(row["times"]) == 1
        assert row["times"][0] > 0
        assert row["peak_mib"] > 100
        assert row["pauses"] > 2
    assert results["generate"]["forwards"] == 15 + 3 * 6
    assert results["block"]["forwards"] <= 15 + 3 + 1
