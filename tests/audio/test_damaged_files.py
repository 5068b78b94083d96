"""Files with changed bytes are audio or an error, in bounded time."""

from __future__ import annotations

import time

import numpy as np
import pytest
from fault_trials.fuzz import FORMATS, mutated, outcome


@pytest.mark.parametrize("kind", FORMATS)
def test_mutated_files(kind: str) -> None:
    """60 files of each format."""
    data, random = FORMATS[kind](), np.random.default_rng(0)
    for _ in range(60):
        changed = mutated(data, random)
        started = time.perf_counter()
        assert outcome(changed, f"clip.{kind}") in ("audio", "error row")
        assert time.perf_counter() - started < 10
