"""Measures over clips, for any subset and any weights of the clips.

A measure stores the contribution of every clip. Subsets give its value by condition (clips with two
speakers, say), weights its bootstrap resamples.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

RESAMPLES = 1000
LEVEL = 0.95


class Measure(ABC):
    """A measure over a set of clips."""

    clips: tuple[str, ...]

    @abstractmethod
    def weighted(self, weights: np.ndarray) -> np.ndarray:
        """Values, shape (B,), for weights of the clips, shape (B, clips); NaN if undefined."""

    @abstractmethod
    def over(self, clips: Sequence[str]) -> Measure:
        """The measure over a subset of its clips, in the given order."""

    @property
    def value(self) -> float:
        """Value over all clips; NaN if undefined."""
        import numpy as np

        return float(self.weighted(np.ones((1, len(self.clips))))[0])

    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the value, by bootstrap over clips (percentiles)."""
        return _interval(self.weighted(_draws(len(self.clips))))


class Ratio(Measure):
    """A ratio of sums over clips: errors over words, right clips over clips."""

    def __init__(self, parts: Mapping[str, tuple[float, float]]) -> None:
        import numpy as np

        self.clips = tuple(parts)
        self._parts = np.array([parts[clip] for clip in self.clips], float).reshape(-1, 2)

    def weighted(self, weights: np.ndarray) -> np.ndarray:
        return _divided(*(weights @ self._parts).T)

    def over(self, clips: Sequence[str]) -> Ratio:
        place = {clip: n for n, clip in enumerate(self.clips)}
        return Ratio({clip: tuple(self._parts[place[clip]]) for clip in clips})


class MeanAveragePrecision(Measure):
    """Mean over classes of the average precision over clips; classes without a positive clip are left out.

    Average precision is the sum over decreasing thresholds of precision times the increase in recall.
    Clips with equal scores share a threshold.
    """

    def __init__(self, clips: Iterable[str], scores: np.ndarray, present: np.ndarray) -> None:
        """Takes scores (float) and presence (bool) of classes, both of shape (clips, classes)."""
        self.clips = tuple(clips)
        self._scores, self._present = scores, present

    def weighted(self, weights: np.ndarray) -> np.ndarray:
        import numpy as np

        by_class = [
            _average_precision(weights, self._scores[:, n], self._present[:, n])
            for n in range(self._scores.shape[1])
        ]
        table = np.array(by_class).reshape(-1, len(weights))
        known = ~np.isnan(table)  # NaN: no drawn clip has the class
        return _divided(np.where(known, table, 0.0).sum(0), known.sum(0))

    def over(self, clips: Sequence[str]) -> MeanAveragePrecision:
        place = {clip: n for n, clip in enumerate(self.clips)}
        rows = [place[clip] for clip in clips]
        return MeanAveragePrecision(clips, self._scores[rows], self._present[rows])


@dataclass(frozen=True)
class Difference:
    """Difference of a measure between two builds over their shared clips, with its 95 % interval."""

    clips: int
    value: float
    low: float
    high: float


def difference(base: Measure, other: Measure) -> Difference | None:
    """``other - base`` over the shared clips, by paired bootstrap; None without a shared clip."""
    others = set(other.clips)
    shared = [clip for clip in base.clips if clip in others]
    if not shared:
        return None
    base, other = base.over(shared), other.over(shared)
    draws = _draws(len(shared))
    interval = _interval(other.weighted(draws) - base.weighted(draws))
    return Difference(len(shared), other.value - base.value, *interval)


def _average_precision(weights: np.ndarray, scores: np.ndarray, present: np.ndarray) -> np.ndarray:
    import numpy as np

    order = np.argsort(-scores, kind="stable")
    ranked = weights[:, order]
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    hits = np.cumsum(ranked * present[order], axis=1)[:, ends]
    taken = np.cumsum(ranked, axis=1)[:, ends]
    gained = np.diff(hits, axis=1, prepend=0.0)
    precision = np.where(taken > 0, hits / np.maximum(taken, 1e-12), 0.0)
    return _divided((gained * precision).sum(1), hits[:, -1])


def _divided(tops: np.ndarray, bottoms: Any) -> np.ndarray:
    import numpy as np

    known = np.asarray(bottoms) > 0
    return np.where(known, tops / np.where(known, bottoms, 1.0), np.nan)


def _draws(clips: int) -> np.ndarray:
    """Counts of each clip in each bootstrap resample, shape (B, clips); deterministic."""
    import numpy as np

    if clips == 0:
        return np.zeros((RESAMPLES, 0))
    return np.random.default_rng(0).multinomial(clips, np.full(clips, 1 / clips), RESAMPLES).astype(float)


def _interval(values: np.ndarray) -> tuple[float, float]:
    import numpy as np

    known = values[~np.isnan(values)]
    if not len(known):
        return float("nan"), float("nan")
    edge = (1 - LEVEL) / 2
    low, high = np.quantile(known, [edge, 1 - edge])
    return float(low), float(high)
