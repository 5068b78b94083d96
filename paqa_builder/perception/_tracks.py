"""Frame-wise power, silences and pitch statistics."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from paqa_builder.audio import Audio, spool
from paqa_builder.intervals import Spans

FRAME = 0.02
"""Length of a frame in seconds."""
_FLOOR = 1e-10
"""-100 dBFS, the lowest level."""
_BURST = 0.06
"""Minimum length in seconds of a sound that ends a silence."""
_LOWER, _UPPER = 0.75, 1.5


class Power:
    """Mean square of a signal in frames of :data:`FRAME` seconds."""

    def __init__(self, audio: Audio) -> None:
        size = round(FRAME * audio.rate)
        count = len(audio.samples) // size
        # A long clip's samples are in a file.
        step = max(1, spool.BLOCK // size if spool.mapped(audio.samples) else count)
        self.frames = np.zeros(count)
        for at in range(0, count, step):
            frames = audio.samples[at * size : min(at + step, count) * size].reshape(-1, size)
            self.frames[at : at + step] = np.mean(np.square(frames, dtype=np.float64), axis=1)
            spool.release(audio.samples)

    def within(self, spans: Spans) -> np.ndarray:
        """Mask of the frames whose middle is in ``spans``, ``bool [frames]``."""
        return inside(len(self.frames), FRAME, spans)

    def mean(self, chosen: np.ndarray) -> float | None:
        """Mean power of the chosen frames; None if none is chosen."""
        return float(np.mean(self.frames[chosen])) if chosen.any() else None


def inside(count: int, step: float, spans: Spans) -> np.ndarray:
    """Mask of ``count`` frames of ``step`` seconds whose middle is in ``spans``, ``bool [count]``."""
    middles = (np.arange(count) + 0.5) * step
    chosen = np.zeros(count, bool)
    for start, end in spans:
        chosen |= (start <= middles) & (middles < end)
    return chosen


def decibels(power: float) -> float:
    """Level of a power in dB, at least -100 dB."""
    return float(10 * np.log10(max(power, _FLOOR)))


def silences(frames: np.ndarray, chosen: np.ndarray, depth: float) -> np.ndarray:
    """Mask of the chosen frames at least ``depth`` dB below the 95th percentile of the chosen ones.

    Sounds shorter than 60 ms between silent frames (a click, a breath) count as silent.
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
    """Runs of True in a mask, as index ranges [first, last)."""
    edges = np.flatnonzero(np.diff(chosen.astype(int), prepend=0, append=0)).tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))


def pitch_of(hertz: Sequence[float] | np.ndarray, least: int) -> tuple[float | None, float | None]:
    """Median in Hz and interquartile range in semitones of the pitch in voiced frames.

    Octave errors are removed as in Hirst ("The analysis by synthesis of speech melody", 2011): frames below
    0.75 times the lower or above 1.5 times the upper quartile are left out.

    Args:
        hertz: Pitch by frame; 0 for unvoiced frames.
        least: Minimum number of voiced frames; with fewer, both results are None.
    """
    voiced = np.asarray(hertz, dtype=np.float64)
    voiced = voiced[voiced > 0]
    if len(voiced) < max(1, least):
        return None, None
    low, high = np.percentile(voiced, (25, 75))
    voiced = voiced[(voiced >= _LOWER * low) & (voiced <= _UPPER * high)]
    low, middle, high = np.percentile(voiced, (25, 50, 75))
    return float(middle), float(12 * np.log2(high / low))
