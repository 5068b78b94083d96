"""Sound events from frame-wise probabilities, by hysteresis thresholds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from paqa_builder.perception._tracks import runs
from paqa_builder.perception.backends.base import Span


def label_spans(
    scores: np.ndarray,
    edges: np.ndarray,
    labels: Sequence[str],
    options: Any,
    confidence: Callable[[float], float],
) -> list[Span]:
    """Sorted spans of all labels except "Silence".

    Args:
        scores: Probabilities, ``[n, labels]``.
        edges: Frame boundaries in seconds, ``[n + 1]``.
        options: Has the thresholds of :func:`intervals`.
        confidence: Peak probability of a span to its score.
    """
    limits = options.model_dump(include={"onset", "offset", "max_gap", "min_duration"})
    return sorted(
        Span(start, end, labels[index], confidence(peak))
        for index in np.flatnonzero(scores.max(axis=0) >= options.onset).tolist()
        if labels[index] != "Silence"
        for start, end, peak in intervals(scores[:, index], edges, **limits)
        if start < end
    )


def intervals(
    scores: np.ndarray, edges: np.ndarray, *, onset: float, offset: float, max_gap: float, min_duration: float
) -> list[tuple[float, float, float]]:
    """Intervals that reach ``onset`` and last until the probability falls below ``offset``.

    Args:
        scores: Probability per frame, ``[n]``.
        edges: Frame boundaries in seconds, ``[n + 1]``.
        max_gap: Longest gap in seconds that is bridged.
        min_duration: Shortest interval in seconds.

    Returns:
        (start, end, peak) of each interval, times in seconds, in order.
    """
    joined: list[tuple[int, int]] = []
    for first, last in runs(scores >= offset):
        if scores[first:last].max() < onset:
            continue
        if joined and edges[first] - edges[joined[-1][1]] <= max_gap:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return [
        (float(edges[first]), float(edges[last]), float(scores[first:last].max()))
        for first, last in joined
        if edges[last] - edges[first] >= min_duration
    ]
