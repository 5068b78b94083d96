"""Activity detection and level of clean recordings.

Activity is measured by energy, in frames of 20 ms every 5 ms. A frame is active if it is less than
``drop`` dB below the recording's loud frames (95th percentile) *and* above its noise floor. Short gaps
are bridged, and short spans dropped. Noisy recordings need another detector.

The level is the RMS over active samples, similar to the active speech level of ITU-T P.56. Integrated
loudness (ITU-R BS.1770, pyloudnorm) uses gating blocks of 400 ms, so it is undefined for short words and
single knocks.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from paqa_builder.intervals import Span, Spans, union

FRAME = 0.020
HOP = 0.005

_FLOOR_MARGIN = 6.0
_NEVER_CLOSER = 12.0


def activity(
    samples: np.ndarray, rate: int, *, drop: float = 30.0, bridge: float = 0.3, least: float = 0.06
) -> Spans:
    """Detects the active spans of ``float32 [n]`` samples, in seconds rounded to milliseconds.

    Args:
        drop: dB below the loud frames from which a frame is inactive.
        bridge: Gaps up to this many seconds are filled.
        least: Spans shorter than this many seconds are dropped.
    """
    level = levels(samples, rate)
    if not len(level) or level.max() < -75.0:
        return ()
    loud = float(np.percentile(level, 95))
    floor = float(np.percentile(level, 5))
    # The 5th percentile of a recording without pauses is no noise floor: stay well below the loud frames.
    threshold = max(loud - drop, min(floor + _FLOOR_MARGIN, loud - _NEVER_CLOSER))
    edges = np.flatnonzero(np.diff(np.concatenate(([0], (level > threshold).astype(np.int8), [0]))))
    end = len(samples) / rate
    spans = [(float(a * HOP), min(float((b - 1) * HOP + FRAME), end)) for a, b in edges.reshape(-1, 2)]
    return tuple((round(a, 3), round(b, 3)) for a, b in union(spans, bridge) if b - a >= least)


def levels(samples: np.ndarray, rate: int) -> np.ndarray:
    """Level of each frame in dBFS, ``[frames]``; -120 for digital silence."""
    frame, hop = round(FRAME * rate), round(HOP * rate)
    if len(samples) < frame:
        return np.zeros(0)
    power = np.concatenate(([0.0], np.cumsum(np.square(samples, dtype=np.float64))))
    starts = np.arange(0, len(samples) - frame + 1, hop)
    return 10 * np.log10(np.maximum((power[starts + frame] - power[starts]) / frame, 1e-12))


def clip_spans(spans: Iterable[Span], start: float, end: float, shift: float = 0.0) -> Spans:
    """Cuts spans to ``[start, end]``, then shifts them by ``shift`` seconds; rounded to milliseconds."""
    cut = ((max(a, start), min(b, end)) for a, b in spans)
    return tuple((round(a + shift, 3), round(b + shift, 3)) for a, b in cut if b - a > 1e-6)


def active_rms(samples: np.ndarray, rate: int, spans: Iterable[Span]) -> float:
    """RMS of the samples inside ``spans``; 0 if there are none."""
    power = count = 0.0
    for start, end in spans:
        part = samples[max(0, round(start * rate)) : max(0, round(end * rate))]
        # Not a dot product: its result depends on the number of BLAS threads.
        power += float(np.sum(np.square(part, dtype=np.float64)))
        count += len(part)
    return float(np.sqrt(power / count)) if count else 0.0


def split_long(samples: np.ndarray, rate: int, span: Span, longest: float) -> Spans:
    """Splits a span into parts of at most ``longest`` seconds, each time at the quietest frame.

    Only the middle half of a span is searched, so that no part is very short.
    """
    start, end = span
    if end - start <= longest:
        return ((start, end),)
    quarter = (end - start) / 4
    low, high = start + quarter, end - quarter
    level = levels(samples[round(low * rate) : round(high * rate)], rate)
    at = low + (float(np.argmin(level)) * HOP + FRAME / 2 if len(level) else (high - low) / 2)
    at = round(at, 3)
    return (
        *split_long(samples, rate, (start, at), longest),
        *split_long(samples, rate, (at, end), longest),
    )
