"""From a probability per moment to intervals with onset and offset."""

from __future__ import annotations

import numpy as np


def intervals(
    scores: np.ndarray, edges: np.ndarray, *, onset: float, offset: float, max_gap: float, min_duration: float
) -> list[tuple[float, float, float]]:
    """Thresholds with hysteresis: a sound starts at ``onset`` and lasts until below ``offset``.

    Args:
        scores: Probability in each of n moments, ``[n]``.
        edges: Borders between the moments in seconds, ``[n + 1]``.
        max_gap: Pauses of one sound up to this many seconds are bridged.
        min_duration: Shorter intervals, in seconds, are dropped.

    Returns:
        (start, end, peak) of each interval in seconds, in order.
    """
    above = scores >= offset
    borders = np.flatnonzero(np.diff(np.concatenate([[False], above, [False]]).astype(int)))
    joined: list[tuple[int, int]] = []
    for first, last in zip(borders[::2].tolist(), borders[1::2].tolist(), strict=True):
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
