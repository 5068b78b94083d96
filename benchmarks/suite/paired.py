"""Ratios of paired measurements: both sides on the same items, in turns, by CPU seconds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")


class Ratio(NamedTuple):
    """The median of the ratios of several pairs.

    Attributes:
        low, high: The smallest and the largest ratio.
        before, now: CPU seconds of all pairs together.
    """

    value: float
    low: float
    high: float
    before: float
    now: float

    def to_json(self) -> dict[str, Any]:
        """The values rounded to four significant digits."""
        return {name: float(f"{value:.4g}") for name, value in self._asdict().items()}


def groups_of(items: Sequence[T], count: int) -> list[list[T]]:
    """Splits items into ``count`` groups that take turns, so that like items are in all of them.

    Example:
        >>> groups_of([1, 2, 3, 4, 5], 2)
        [[1, 3, 5], [2, 4]]
    """
    return [list(items[first::count]) for first in range(min(count, len(items)))]


def paired(
    before: Callable[[list[T]], object], now: Callable[[list[T]], object], groups: Sequence[list[T]]
) -> Ratio:
    """CPU seconds of ``before`` over those of ``now``, on each of the groups.

    Both are called once before, on one item, without a measurement.
    """
    before(groups[0][:1])
    now(groups[0][:1])
    pairs = []
    for number, group in enumerate(groups):
        sides = ((0, before), (1, now))
        seconds = [0.0, 0.0]
        for side, function in sides if number % 2 == 0 else reversed(sides):
            began = time.process_time()
            function(group)
            seconds[side] = time.process_time() - began
        pairs.append((seconds[0], seconds[1]))
    return ratio_of(pairs)


def ratio_of(pairs: Sequence[tuple[float, float]]) -> Ratio:
    """The median of the ratios of pairs.

    Example:
        >>> ratio_of([(2.0, 1.0), (9.0, 3.0), (8.0, 2.0)])
        Ratio(value=3.0, low=2.0, high=4.0, before=19.0, now=6.0)
    """
    ratios = [before / max(now, 1e-9) for before, now in pairs]
    sums = (sum(column) for column in zip(*pairs, strict=True))
    return Ratio(statistics.median(ratios), min(ratios), max(ratios), *sums)
