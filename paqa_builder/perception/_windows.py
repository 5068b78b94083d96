"""Signals of long clips that are computed in windows, which fade into each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from paqa_builder.audio import fit

WINDOW, CONTEXT, FADE = 240, 10, 2
"""Seconds of a window, those before and after it that are computed with it, and those in which the signals of
one window fade into the next one's."""


def faded(
    seconds: float, rate: int, length: int, compute: Callable[[int, int | None], Sequence[np.ndarray]]
) -> Iterator[list[np.ndarray]]:
    """Yields adjacent pieces of signals.

    Args:
        seconds: Duration of the clip.
        rate: Sample rate of the signals in Hz.
        length: Number of samples of each signal.
        compute: Signals between two times in seconds; None is the end of the clip.
    """
    rising = (np.arange(FADE * rate, dtype=np.float32) + 0.5) / (FADE * rate)
    tails = None
    for start in range(0, max(1, int(np.ceil(seconds - CONTEXT))), WINDOW):
        last = start + WINDOW + CONTEXT >= seconds
        first = max(0, start - CONTEXT)
        signals = compute(first, None if last else start + WINDOW + CONTEXT)
        if last:
            signals = [fit(signal, length - first * rate) for signal in signals]
        if tails is not None:  # from half a fade before the window's start on
            skipped = round((start - first - FADE / 2) * rate)
            signals = [signal[skipped:] for signal in signals]
            signals = [
                np.concatenate([rising * signal[: len(rising)] + (1 - rising) * tail, signal[len(rising) :]])
                for signal, tail in zip(signals, tails, strict=True)
            ]
        if last:
            yield list(signals)
            return
        kept = round((CONTEXT + FADE / 2) * rate)
        tails = [signal[-kept : len(signal) - kept + len(rising)] for signal in signals]
        yield [signal[:-kept] for signal in signals]
