"""Set operations on time intervals: tuples of half-open ``(start, end)`` in seconds."""

from __future__ import annotations

from collections.abc import Iterable

Span = tuple[float, float]
Spans = tuple[Span, ...]


def union(spans: Iterable[Span], gap: float = 0.0) -> Spans:
    """The union as sorted, disjoint intervals; joins neighbours at most ``gap`` seconds apart."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start - merged[-1][1] <= gap:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        elif start < end:
            merged.append((start, end))
    return tuple(merged)


def both(first: Spans, second: Spans) -> Spans:
    """The intersection of two sets; each must be disjoint."""
    return union((max(a, c), min(b, d)) for a, b in first for c, d in second if max(a, c) < min(b, d))


def outside(spans: Spans, start: float, end: float) -> Spans:
    """The complement of ``spans`` in ``[start, end)``."""
    gaps, at = [], start
    for a, b in union(spans):
        if at < min(a, end):
            gaps.append((at, min(a, end)))
        at = max(at, b)
    if at < end:
        gaps.append((at, end))
    return tuple(gaps)


def grow(spans: Spans, by: float) -> Spans:
    """Extends each interval by ``by`` seconds at both ends; shortens it if ``by`` is negative."""
    return union((max(0.0, a - by), b + by) for a, b in spans if a - by < b + by)


def time_covered(spans: Iterable[Span], least: int) -> float:
    """Seconds in which at least ``least`` of the intervals hold."""
    edges = sorted((time, step) for start, end in spans for time, step in ((start, 1), (end, -1)))
    seconds, active, last = 0.0, 0, 0.0
    for time, step in edges:
        if active >= least:
            seconds += time - last
        active, last = active + step, time
    return seconds


def total(spans: Spans) -> float:
    """The total length in seconds; the set must be disjoint."""
    return sum(b - a for a, b in spans)


def longest(spans: Iterable[Span]) -> Span:
    """The longest interval; the first of several."""
    return max(spans, key=lambda span: span[1] - span[0])
