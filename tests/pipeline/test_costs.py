"""Extrapolation of measured costs: exact where the costs are linear, with a range that holds the truth."""

from __future__ import annotations

import numpy as np
import pytest

from paqa_builder.pipeline.costs import Length, Range, Task, range_of, seconds_of, summed, total_of


def tasks(count: int, noise: float = 0.0, seed: int = 1) -> list[Task]:
    """Tasks that cost 0.5 s a clip and 0.1 s a second of audio."""
    generator = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        clips, seconds = int(generator.integers(1, 9)), float(generator.uniform(5, 100))
        cost = (0.5 * clips + 0.1 * seconds) * (1 + noise * generator.normal())
        made.append(Task(clips, seconds, cost, 2 * cost))
    return made


def test_linear_costs_are_found_exactly() -> None:
    seconds = np.full(201, 9_000.0)
    generator = np.random.default_rng(0)
    assert total_of(1_000, seconds, tasks(12), "cpu", generator)[0] == pytest.approx(1_400)
    assert total_of(1_000, seconds, tasks(12), "wall", generator)[0] == pytest.approx(2_800)


def test_the_range_holds_the_truth_in_most_of_the_trials() -> None:
    held = 0
    for seed in range(40):
        generator = np.random.default_rng(seed)
        found = range_of(total_of(1_000, np.full(201, 9_000.0), tasks(8, 0.3, seed), "cpu", generator))
        assert found.low < found.value < found.high
        held += found.low <= 1_400 <= found.high
    assert held >= 32


def test_a_single_task_gives_an_estimate_with_the_least_range() -> None:
    found = range_of(
        total_of(10, np.full(201, 20.0), [Task(1, 2.0, 3.0, 3.0)], "cpu", np.random.default_rng(0))
    )
    assert found == Range(pytest.approx(30.0), pytest.approx(28.5), pytest.approx(31.5))


def test_durations_follow_the_bytes_of_each_suffix() -> None:
    sample = [Length(".wav", 32_000, 1.0), Length(".wav", 64_000, 2.0), Length(".mp3", 4_000, 1.0)]
    corpus = {".wav": 3_200_000, ".mp3": 400_000}
    assert seconds_of(corpus, sample, np.random.default_rng(0))[0] == pytest.approx(200.0)
    unknown = seconds_of({".ogg": 100_000}, sample, np.random.default_rng(0))[0]
    assert unknown == pytest.approx(4.0)  # as the average of the sample


def test_costs_of_steps_add_up() -> None:
    assert summed([Range(1, 0, 2), Range(2, 1, 4)]) == Range(3, 1, 6)
    assert summed([]) == Range(0, 0, 0)
