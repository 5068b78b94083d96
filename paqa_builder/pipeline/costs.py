"""Costs of a whole corpus, extrapolated from tasks that were measured on a sample of its clips.

The cost of a step is ``a * clips + b * seconds of audio`` with ``a, b >= 0``: a least-squares fit to the
tasks, scaled so that it gives the sum that was measured. The range holds 90 % of 200 bootstrap samples of
tasks and clips, is widened for few tasks, and is at least 5 % to either side.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls
from scipy.stats import t as student

SAMPLES = 200
"""Number of bootstrap samples."""
_LOW, _HIGH = 5.0, 95.0
_NORMAL = 1.645  # half the width of 90 % of a normal distribution, in standard deviations
_LEAST = 0.05

Values = np.ndarray
"""The estimate, and after it that of every bootstrap sample."""


class Range(NamedTuple):
    """An estimate and the range that holds it in 90 % of cases."""

    value: float
    low: float
    high: float


class Task(NamedTuple):
    """A measured task: clips and seconds of audio that it processed, CPU seconds and wall seconds it took."""

    clips: int
    seconds: float
    cpu: float
    wall: float


class Length(NamedTuple):
    """A clip of the sample: the suffix of its file, its size in bytes, its duration (0 if unreadable)."""

    suffix: str
    bytes: int
    seconds: float


class Corpus(NamedTuple):
    """The number of clips, and the bytes of their files by suffix."""

    clips: int
    bytes: Mapping[str, int]


def seconds_of(corpus: Mapping[str, int], sample: Sequence[Length], generator: np.random.Generator) -> Values:
    """Seconds of audio in a corpus, by the bytes per second that its sample has.

    Args:
        corpus: Bytes of all clips by suffix. A suffix that the sample lacks counts as an average one.

    Example:
        >>> clips = [Length(".wav", 32_000, 1.0), Length(".wav", 64_000, 2.0)]
        >>> values = seconds_of({".wav": 320_000}, clips, np.random.default_rng(0))
        >>> round(float(values[0]), 6)
        10.0
    """
    groups = defaultdict(list)
    for length in sample:
        groups[length.suffix].append((length.bytes, length.seconds))
    everything = [pair for pairs in groups.values() for pair in pairs]
    total = np.zeros(SAMPLES + 1)
    for suffix, size in corpus.items():
        pairs = np.array(groups.get(suffix) or everything, float)
        drawn = np.vstack([np.ones(len(pairs)), _drawn(len(pairs), generator)])
        sums = drawn @ pairs
        total += size * sums[:, 1] / np.maximum(sums[:, 0], 1.0)
    return total


def total_of(
    clips: float, seconds: Values, tasks: Sequence[Task], column: str, generator: np.random.Generator
) -> Values:
    """The cost of ``clips`` clips with ``seconds`` of audio.

    Args:
        column: ``"cpu"`` or ``"wall"``.
    """
    rows = np.array([(task.clips, task.seconds, getattr(task, column)) for task in tasks], float)
    weights = np.vstack([np.ones(len(rows)), _drawn(len(rows), generator)])
    values = np.array(
        [_fitted(rows, weight, clips, second) for weight, second in zip(weights, seconds, strict=True)]
    )
    few = student.ppf(_HIGH / 100, len(rows) - 1) / _NORMAL if len(rows) > 1 else 2.0
    return np.maximum(0.0, values[0] + (values - values[0]) * max(1.0, few))


def proportional(value: float, generator: np.random.Generator, deviation: float = 0.3) -> Values:
    """A cost that was measured once, with an assumed range of ``deviation`` to either side."""
    return value * np.append(1.0, generator.normal(1.0, deviation / _NORMAL, SAMPLES).clip(0.0))


def range_of(values: Values) -> Range:
    """The estimate with its range."""
    value = float(values[0])
    low, high = np.percentile(values, [_LOW, _HIGH])
    return Range(value, min(float(low), (1 - _LEAST) * value), max(float(high), (1 + _LEAST) * value))


def summed(parts: Iterable[Range]) -> Range:
    """The sum of costs; their ranges add up, since what slows one step down slows the others, too."""
    return Range(*map(sum, zip((0.0, 0.0, 0.0), *parts, strict=True)))


def _drawn(count: int, generator: np.random.Generator) -> np.ndarray:
    """How often each of ``count`` items is drawn, by bootstrap sample."""
    return generator.multinomial(count, np.full(count, 1 / count), SAMPLES).astype(float)


def _fitted(rows: np.ndarray, weight: np.ndarray, clips: float, seconds: float) -> float:
    root = np.sqrt(weight)
    # Both columns get the same scale; in other units, one would decide the fit.
    scale = np.maximum(rows[:, :2].mean(axis=0), 1e-9)
    rates, _ = nnls(root[:, None] * rows[:, :2] / scale, root * rows[:, 2])
    predicted = float(weight @ (rows[:, :2] / scale @ rates))
    if not predicted:
        return 0.0
    return float(rates @ (np.array([clips, seconds]) / scale)) * float(weight @ rows[:, 2]) / predicted
