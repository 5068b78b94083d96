"""Arithmetic of *measure*: power by frames, what is silent, pitch of many frames as one figure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from paqa_builder.audio import Audio
from paqa_builder.intervals import Spans

FRAME = 0.02
"""Seconds of signal whose power is one figure."""
_FLOOR = 1e-10
"""-100 dBFS: no level is lower."""
_BURST = 0.06
"""Seconds; a shorter sound within a silence does not end it."""
_LOWER, _UPPER = 0.75, 1.5


class Power:
    """The mean square of a signal in frames of :data:`FRAME` seconds."""

    def __init__(self, audio: Audio) -> None:
        size = round(FRAME * audio.rate)
        count = len(audio.samples) // size
        frames = audio.samples[: count * size].reshape(count, size)
        self.frames = np.mean(np.square(frames, dtype=np.float64), axis=1)

    def within(self, spans: Spans) -> np.ndarray:
        """Which frames have their middle within ``spans``: ``bool [frames]``."""
        return inside(len(self.frames), FRAME, spans)

    def mean(self, chosen: np.ndarray) -> float | None:
        """Mean power of the chosen frames; None where there are none."""
        return float(np.mean(self.frames[chosen])) if chosen.any() else None


def inside(count: int, step: float, spans: Spans) -> np.ndarray:
    """Which of ``count`` frames of ``step`` seconds have their middle within ``spans``."""
    middles = (np.arange(count) + 0.5) * step
    chosen = np.zeros(count, bool)
    for start, end in spans:
        chosen |= (start <= middles) & (middles < end)
    return chosen


def decibels(power: float) -> float:
    """10 log10, never under -100 dB."""
    return float(10 * np.log10(max(power, _FLOOR)))


def silences(frames: np.ndarray, chosen: np.ndarray, depth: float) -> np.ndarray:
    """Which of the chosen frames are silent: ``depth`` dB and more below a voice's loud frames.

    The loud frames are those at the 95th percentile of the chosen ones. What sounds for less than
    60 ms between silent frames (a click, a breath) is silent, too.
    """
    if not chosen.any():
        return chosen
    levels = 10 * np.log10(np.maximum(frames, _FLOOR))
    silent = levels < np.percentile(levels[chosen], 95) - depth
    for first, last in runs(~silent):
        if last - first < round(_BURST / FRAME) and first > 0 and last < len(frames):
            silent[first:last] = True
    return silent & chosen


def runs(chosen: np.ndarray) -> list[tuple[int, int]]:
    """Stretches of True, as [first, last) frame numbers."""
    edges = np.flatnonzero(np.diff(np.r_[0, chosen.astype(int), 0])).tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))


def pitch_of(hertz: Sequence[float] | np.ndarray, least: int) -> tuple[float | None, float | None]:
    """Median in Hz and interquartile range in semitones of voiced frames; None with fewer than ``least``.

    Octave errors are guarded against as in Hirst ("The analysis by synthesis of speech melody", 2011):
    what lies outside 0.75 times the lower and 1.5 times the upper quartile is left out.
    """
    found = np.asarray(hertz, dtype=np.float64)
    found = found[found > 0]
    if len(found) < max(1, least):
        return None, None
    low, high = np.percentile(found, (25, 75))
    found = found[(found >= _LOWER * low) & (found <= _UPPER * high)]
    low, middle, high = np.percentile(found, (25, 50, 75))
    return float(middle), float(12 * np.log2(high / low))
