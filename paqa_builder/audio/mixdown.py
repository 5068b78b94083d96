"""One channel from many, and samples that may be used.

The mean of the channels is what players give where there is one loudspeaker. It fails where channels
cancel each other: a voice in antiphase disappears. The mean is therefore compared with the channels,
over time and frequency, and one channel takes its place where something would be lost.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from paqa_builder.errors import AudioError

_SILENT = 1e-4
"""RMS below which a channel is empty (-80 dBFS), if another one is much louder."""

_MUCH_LOUDER = 100.0
_FRAME, _SPECTRA = 0.064, 16
"""Seconds of a spectrum, and spectra (half overlapping) in a cell of time: half a second."""

_BANDS = np.geomspace(100.0, 12_000.0, 21)
"""Edges in Hz of the bands, a third of an octave wide."""

_CANCELLED = 0.3
"""Of a cell's energy in its loudest channel, the least that a mixdown keeps. The mean of two channels
that are not related keeps 2, of a channel beside an empty one 1 (its lower level does not count)."""

_LOST, _MOST_LOST = 0.02, 0.1
"""Share of a clip's energy that the channels' mean may lose, and a single channel in its place."""

_QUIET, _LOST_NOW = 1e-3, 0.25
"""In no cell of time within 30 dB of the loudest may more than a quarter of the energy be lost."""


@dataclass(frozen=True, slots=True)
class Mixdown:
    """Mono samples ``float32 [n]`` in [-1, 1] without offset, and how they were made.

    Attributes:
        how: ``"mean"`` of all channels; or which ones were used and why, and the gain if it is not 1.
    """

    samples: np.ndarray
    how: str = "mean"


def mix_down(samples: np.ndarray, rate: int, name: str) -> Mixdown:
    """Makes one channel of ``[n, channels]``.

    Constant offsets are removed, because they upset energy measures and networks. Empty channels are
    left out, so that they do not make the others quieter. Samples outside [-1, 1], which float formats
    may hold, are scaled: by the peak up to 2 (a lossy codec's overshoot), else by a power of two, which
    changes no digit. Denormal numbers become 0.

    Raises:
        AudioError: Samples are NaN or infinite; they are integers stored as float; or channels cancel
            each other in their mean and no channel holds everything.
    """
    if not np.isfinite(samples).all():
        first = int(np.argmin(np.isfinite(samples).all(axis=1)))
        raise AudioError(f"{name}: holds NaN or infinite samples (the first at {first / rate:.3f} s)")
    peak = float(np.abs(samples).max(initial=0.0))
    if peak >= 2.0 and np.array_equal(samples, np.rint(samples)):
        raise AudioError(
            f"{name}: holds integers stored as float (up to {peak:.0f})",
            fix="divide the samples by their full scale (32768 for 16 bits) and write the file again",
        )
    used, channels = _audible(samples)
    mono, notes = _mean(used), []
    if used.shape[1] < samples.shape[1]:
        listed = ", ".join(str(channel + 1) for channel in channels)
        notes.append(f"channels used: {listed}; the others are empty")
    if used.shape[1] > 1 and (kept := _channel_in_place_of_mean(used, rate, name)) is not None:
        mono, notes = _mean(used[:, [kept]]), [f"channel {channels[kept] + 1}, the channels' mean cancels"]
    if (top := float(np.abs(mono).max(initial=0.0))) > 1.0:
        gain = 1.0 / top if top <= 2.0 else 2.0 ** -np.ceil(np.log2(top))
        mono *= gain
        notes.append(f"scaled by {gain:.6g}")
    mono[np.abs(mono) < np.finfo(np.float32).tiny] = 0.0
    return Mixdown(mono.astype(np.float32), "; ".join(notes) or "mean")


def _mean(samples: np.ndarray) -> np.ndarray:
    mono = samples.mean(axis=1, dtype=np.float64)
    mono -= mono.mean()
    return mono


def _audible(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The channels that are not empty, and their numbers from 0."""
    if samples.shape[1] == 1:
        return samples, np.arange(1)
    rms = samples.std(axis=0, dtype=np.float64)
    kept = np.flatnonzero((rms >= _SILENT) | (rms * _MUCH_LOUDER >= rms.max()))
    return (samples, kept) if len(kept) == samples.shape[1] else (samples[:, kept], kept)


def _channel_in_place_of_mean(samples: np.ndarray, rate: int, name: str) -> int | None:
    """The channel that holds everything where the mean of all does not; None where the mean does."""
    count = samples.shape[1]
    cells = np.stack([_cells(samples[:, c], rate) for c in range(count)])
    whole = cells.max(axis=0)
    if _keeps(count**2 * _cells(samples.mean(axis=1), rate), whole, _LOST):
        return None
    for channel in np.argsort(-cells.sum(axis=(1, 2)), kind="stable"):
        if _keeps(cells[channel], whole, _MOST_LOST):
            return int(channel)
    raise AudioError(
        f"{name}: its channels cancel each other, and no single one holds everything",
        fix="mix the file down to one channel yourself, with the phases set right",
    )


def _keeps(mixed: np.ndarray, whole: np.ndarray, most: float) -> bool:
    """True if a mixdown loses at most that share of the energy ``[time, band]``, never a quarter at once."""
    moments = whole.sum(axis=1)
    lost = np.where(mixed < _CANCELLED * whole, whole, 0.0).sum(axis=1)
    audible = moments > _QUIET * moments.max(initial=0.0)
    return bool(lost.sum() <= most * moments.sum() and not (lost > _LOST_NOW * moments)[audible].any())


def _cells(samples: np.ndarray, rate: int) -> np.ndarray:
    """Energy by time and band, ``[time, band]``."""
    size = max(16, round(_FRAME * rate))
    hop = size // 2
    window = np.hanning(size)
    padded = np.pad(samples - samples.mean(dtype=np.float64), (0, size))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    edges = np.searchsorted(np.fft.rfftfreq(size, 1 / rate), _BANDS[rate / 2 > _BANDS])
    edges = np.unique(edges)
    rows = []
    for start in range(0, len(frames), _SPECTRA):
        power = np.square(np.abs(np.fft.rfft(frames[start : start + _SPECTRA] * window))).sum(axis=0)
        rows.append(np.add.reduceat(power, edges))
    return np.array(rows)
