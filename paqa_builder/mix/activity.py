"""Where in a recording something is to be heard, and how loud it is there.

Activity is measured by energy, in frames of 20 ms every 5 ms. A frame is active if it is less than
``drop`` dB below the recording's loud frames (95th percentile) *and* above its noise floor; short
gaps are bridged and shorter blips dropped. That is voice activity of clean recordings, which pools
are made of; it is no detector for noisy ones.

Loudness is the RMS over active samples: the idea of the active speech level of ITU-T P.56, with the
activity above. Integrated loudness (ITU-R BS.1770, pyloudnorm) was not chosen, because its 400 ms
gating blocks leave the level of short words and of single knocks undefined.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

FRAME = 0.020
HOP = 0.005
Spans = tuple[tuple[float, float], ...]
"""(start, end) pairs in seconds, sorted and disjoint."""

_FLOOR_MARGIN = 6.0
_NEVER_CLOSER = 12.0


def activity(
    samples: np.ndarray, rate: int, *, drop: float = 30.0, bridge: float = 0.3, least: float = 0.06
) -> Spans:
    """Active spans of ``float32 [n]`` samples, to the millisecond.

    Args:
        drop: How many dB below the loud frames still counts.
        bridge: Gaps shorter than this many seconds are part of what surrounds them.
        least: Spans shorter than this are dropped.
    """
    level = levels(samples, rate)
    if not len(level) or level.max() < -75.0:
        return ()
    loud = float(np.percentile(level, 95))
    floor = float(np.percentile(level, 5))
    # A dense recording has no pause for its 5th percentile to fall into: stay well below the loud.
    threshold = max(loud - drop, min(floor + _FLOOR_MARGIN, loud - _NEVER_CLOSER))
    edges = np.flatnonzero(np.diff(np.concatenate(([0], (level > threshold).astype(np.int8), [0]))))
    end = len(samples) / rate
    spans = [(float(a * HOP), min(float((b - 1) * HOP + FRAME), end)) for a, b in edges.reshape(-1, 2)]
    return tuple((round(a, 3), round(b, 3)) for a, b in merge(spans, bridge) if b - a >= least)


def levels(samples: np.ndarray, rate: int) -> np.ndarray:
    """dBFS of each frame, ``[frames]``; -120 for digital silence."""
    frame, hop = round(FRAME * rate), round(HOP * rate)
    if len(samples) < frame:
        return np.zeros(0)
    power = np.concatenate(([0.0], np.cumsum(np.square(samples, dtype=np.float64))))
    starts = np.arange(0, len(samples) - frame + 1, hop)
    return 10 * np.log10(np.maximum((power[starts + frame] - power[starts]) / frame, 1e-12))


def merge(spans: Iterable[Sequence[float]], bridge: float = 0.0) -> list[tuple[float, float]]:
    """The union of spans, those closer than ``bridge`` seconds joined; sorted and disjoint."""
    merged: list[tuple[float, float]] = []
    for start, end in sorted((s[0], s[1]) for s in spans):
        if merged and start - merged[-1][1] <= bridge:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def clip_spans(spans: Iterable[Sequence[float]], start: float, end: float, shift: float = 0.0) -> Spans:
    """The part of ``spans`` inside ``[start, end]``, moved by ``shift`` seconds, to the millisecond."""
    cut = ((max(a, start), min(b, end)) for a, b in ((s[0], s[1]) for s in spans))
    return tuple((round(a + shift, 3), round(b + shift, 3)) for a, b in cut if b - a > 1e-6)


def active_rms(samples: np.ndarray, rate: int, spans: Iterable[Sequence[float]]) -> float:
    """RMS of the samples inside ``spans``; 0 where there are none."""
    power = count = 0.0
    for start, end in ((s[0], s[1]) for s in spans):
        part = samples[max(0, round(start * rate)) : max(0, round(end * rate))]
        # Not a dot product: BLAS adds up in another order for another number of threads.
        power += float(np.sum(np.square(part, dtype=np.float64)))
        count += len(part)
    return float(np.sqrt(power / count)) if count else 0.0


def split_long(samples: np.ndarray, rate: int, span: Sequence[float], longest: float) -> Spans:
    """Cuts a span into parts of at most ``longest`` seconds, each time at the quietest place.

    The place is looked for in the middle half of what is to be cut, so that no part is tiny.
    """
    start, end = span[0], span[1]
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
