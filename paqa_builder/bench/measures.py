"""Measures: sums over clips that can be taken apart again, by condition and for the bootstrap.

A measure keeps what every clip adds to it. So it has a value for any subset of the clips (those with
two speakers, say) and for any weighting of them, which is all that resampling needs.
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
    """One figure over a set of clips."""

    clips: tuple[str, ...]

    @abstractmethod
    def weighted(self, weights: np.ndarray) -> np.ndarray:
        """Its values, shape (B,), where clips count ``weights`` times, shape (B, clips); NaN for none."""

    @abstractmethod
    def over(self, clips: Sequence[str]) -> Measure:
        """The same measure over some of its clips, in the given order."""

    @property
    def value(self) -> float:
        """Over all its clips; NaN where there is nothing to measure."""
        import numpy as np

        return float(self.weighted(np.ones((1, len(self.clips))))[0])

    def interval(self) -> tuple[float, float]:
        """The 95 % interval of its value when clips are drawn with replacement (percentiles)."""
        return _interval(self.weighted(_draws(len(self.clips))))


class Ratio(Measure):
    """A sum over a sum: errors over words, right clips over clips."""

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
    """Average precision of each class over the clips, averaged over the classes that any clip has.

    Average precision is the sum, over falling thresholds, of precision times the gain in recall;
    clips with the same score come in at the same threshold.
    """

    def __init__(self, clips: Iterable[str], scores: np.ndarray, present: np.ndarray) -> None:
        """Takes scores and presence of every class, both (clips, classes)."""
        self.clips = tuple(clips)
        self._scores, self._present = scores, present

    def weighted(self, weights: np.ndarray) -> np.ndarray:
        import numpy as np

        found = [
            _average_precision(weights, self._scores[:, n], self._present[:, n])
            for n in range(self._scores.shape[1])
        ]
        table = np.array(found).reshape(-1, len(weights))
        known = ~np.isnan(table)  # a class that no drawn clip has is not averaged
        return _divided(np.where(known, table, 0.0).sum(0), known.sum(0))

    def over(self, clips: Sequence[str]) -> MeanAveragePrecision:
        place = {clip: n for n, clip in enumerate(self.clips)}
        rows = [place[clip] for clip in clips]
        return MeanAveragePrecision(clips, self._scores[rows], self._present[rows])


@dataclass(frozen=True)
class Difference:
    """How another build differs on the clips that both have: ``other - one``, with its interval."""

    clips: int
    value: float
    low: float
    high: float


def difference(one: Measure, other: Measure) -> Difference | None:
    """Compares two builds, clip by clip; None where they share no clip.

    Both are resampled together (a paired bootstrap), so what makes a clip hard for both cancels out.
    """
    import numpy as np

    shared = [clip for clip in one.clips if clip in set(other.clips)]
    if not shared:
        return None
    one, other = one.over(shared), other.over(shared)
    draws = _draws(len(shared))
    values = other.weighted(draws) - one.weighted(draws)
    ones = np.ones((1, len(shared)))
    return Difference(len(shared), float((other.weighted(ones) - one.weighted(ones))[0]), *_interval(values))


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
    """How often each clip is drawn in each resample, (B, clips); the same every time."""
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
