"""Arithmetic on sets of time intervals: tuples of half-open ``(start, end)`` in seconds."""

from __future__ import annotations

from collections.abc import Iterable

Span = tuple[float, float]
Spans = tuple[Span, ...]


def union(spans: Iterable[Span], gap: float = 0.0) -> Spans:
    """Sorted and disjoint; neighbours at most ``gap`` seconds apart become one."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start - merged[-1][1] <= gap:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        elif start < end:
            merged.append((start, end))
    return tuple(merged)


def both(one: Spans, other: Spans) -> Spans:
    """Where both sets hold. Each must be disjoint in itself."""
    return union(
        (max(a, c), min(b, d)) for a, b in one for c, d in other if max(a, c) < min(b, d)
    )  # fmt: skip


def outside(spans: Spans, start: float, end: float) -> Spans:
    """What ``spans`` leave of ``[start, end)``."""
    gaps, at = [], start
    for a, b in union(spans):
        if at < min(a, end):
            gaps.append((at, min(a, end)))
        at = max(at, b)
    if at < end:
        gaps.append((at, end))
    return tuple(gaps)


def grow(spans: Spans, by: float) -> Spans:
    """Each interval made longer by ``by`` seconds at both ends; shorter where ``by`` is negative."""
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
    """Summed length in seconds; the set must be disjoint."""
    return sum(b - a for a, b in spans)


def longest(spans: Iterable[Span]) -> Span:
    """The longest interval; the first of several."""
    return max(spans, key=lambda span: span[1] - span[0])
