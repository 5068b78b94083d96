"""One channel from many, and samples that may be used.

The mean of the channels is what players give where there is one loudspeaker. It fails where channels
cancel each other: a voice in antiphase disappears. The mean is therefore compared with the channels,
over time and frequency, and one channel takes its place where something would be lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from paqa_builder.audio import spool
from paqa_builder.errors import AudioError

_SILENT = 1e-4
"""RMS below which a channel is empty (-80 dBFS), if another one is much louder."""

_MUCH_LOUDER = 100.0
_FRAME, _SPECTRA = 0.064, 16
"""Seconds of a spectrum, and spectra (half overlapping) in a cell of time: half a second."""

_CELLS = 64
"""Cells computed at once."""

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


def mix_down(samples: np.ndarray, rate: int, name: str, folder: Path | None = None) -> Mixdown:
    """Makes one channel of ``[n, channels]``.

    Constant offsets are removed, because they upset energy measures and networks. Empty channels are
    left out, so that they do not make the others quieter. Samples outside [-1, 1], which float formats
    may hold, are scaled: by the peak up to 2 (a lossy codec's overshoot), else by a power of two, which
    changes no digit. Denormal numbers become 0.

    Args:
        folder: Folder for the result of a long clip, whose ``samples`` are in a file.

    Raises:
        AudioError: Samples are NaN or infinite; they are integers stored as float; or channels cancel
            each other in their mean and no channel holds everything.
        NotReadyError: The disk is full.
    """
    _check_numbers(samples, rate, name)
    channels, notes = _audible(samples), []
    if len(channels) < samples.shape[1]:
        listed = ", ".join(str(channel + 1) for channel in channels)
        notes.append(f"channels used: {listed}; the others are empty")
    if len(channels) > 1 and (kept := _channel_in_place_of_mean(samples, channels, rate, name)) is not None:
        channels, notes = np.array([kept]), [f"channel {kept + 1}, the channels' mean cancels"]
    long = spool.mapped(samples)
    once = () if long else tuple(_means(samples, channels))

    def means() -> Iterable[np.ndarray]:
        return _means(samples, channels) if long else once

    offset = sum(float(mono.sum()) for mono in means()) / len(samples)
    top = max(float(np.abs(mono - offset).max(initial=0.0)) for mono in means())
    gain = 1.0
    if top > 1.0:
        gain = 1.0 / top if top <= 2.0 else 2.0 ** -np.ceil(np.log2(top))
        notes.append(f"scaled by {gain:.6g}")

    def usable() -> Iterator[np.ndarray]:
        for mono in means():
            mono -= offset
            mono *= gain
            mono[np.abs(mono) < np.finfo(np.float32).tiny] = 0.0
            yield mono.astype(np.float32)

    made = spool.filed(usable(), folder) if long else next(usable())
    return Mixdown(made, "; ".join(notes) or "mean")


def _check_numbers(samples: np.ndarray, rate: int, name: str) -> None:
    peak, at = 0.0, 0
    for block in spool.blocks(samples):
        if not np.isfinite(block).all():
            first = at + int(np.argmin(np.isfinite(block).all(axis=1)))
            raise AudioError(f"{name}: holds NaN or infinite samples (the first at {first / rate:.3f} s)")
        peak = max(peak, float(np.abs(block).max(initial=0.0)))
        at += len(block)
    if peak >= 2.0 and all(np.array_equal(block, np.rint(block)) for block in spool.blocks(samples)):
        raise AudioError(
            f"{name}: holds integers stored as float (up to {peak:.0f})",
            fix="divide the samples by their full scale (32768 for 16 bits) and write the file again",
        )


def _means(samples: np.ndarray, channels: np.ndarray) -> Iterator[np.ndarray]:
    """Mean of some channels, block by block, ``float64``."""
    for block in spool.blocks(samples):
        yield _some(block, channels).mean(axis=1, dtype=np.float64)


def _some(samples: np.ndarray, channels: np.ndarray) -> np.ndarray:
    return samples if len(channels) == samples.shape[1] else samples[:, channels]


def _audible(samples: np.ndarray) -> np.ndarray:
    """Numbers, from 0, of the channels that are not empty."""
    if samples.shape[1] == 1:
        return np.arange(1)
    count = len(samples)
    mean = sum(block.sum(axis=0, dtype=np.float64) for block in spool.blocks(samples)) / count
    rms = np.sqrt(sum(np.square(block - mean).sum(axis=0) for block in spool.blocks(samples)) / count)
    return np.flatnonzero((rms >= _SILENT) | (rms * _MUCH_LOUDER >= rms.max()))


def _channel_in_place_of_mean(samples: np.ndarray, channels: np.ndarray, rate: int, name: str) -> int | None:
    """The channel that holds everything where the mean of all does not; None where the mean does."""
    mixed, *cells = _cells(samples, rate, channels)
    whole = np.max(cells, axis=0)
    if _keeps(len(channels) ** 2 * mixed, whole, _LOST):
        return None
    for channel in np.argsort([-energy.sum() for energy in cells], kind="stable"):
        if _keeps(cells[channel], whole, _MOST_LOST):
            return int(channels[channel])
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


def _cells(samples: np.ndarray, rate: int, channels: np.ndarray) -> np.ndarray:
    """Energy by time and band of the mean of some channels, and of each: ``[1 + channels, time, band]``."""
    size = max(16, round(_FRAME * rate))
    hop = size // 2
    window = np.hanning(size)
    edges = np.searchsorted(np.fft.rfftfreq(size, 1 / rate), _BANDS[rate / 2 > _BANDS])
    edges = np.unique(edges)
    count = len(samples)
    total = sum(_some(block, channels).sum(axis=0, dtype=np.float64) for block in spool.blocks(samples))
    cells = []
    step = _CELLS * _SPECTRA * hop
    for at in range(0, count + 1, step):
        end = min(at + step, count + 1) - 1 + size  # of the last frame that starts before at + step
        part = _some(samples[at : min(end, count)], channels) - total / count
        part = np.pad(part.T, ((0, 0), (0, end - at - len(part))))
        spool.release(samples)
        frames = np.lib.stride_tricks.sliding_window_view(part, size, axis=1)[:, ::hop]
        for start in range(0, frames.shape[1], _SPECTRA):
            spectra = np.fft.rfft(frames[:, start : start + _SPECTRA] * window)
            spectra = np.concatenate([spectra.mean(axis=0, keepdims=True), spectra])
            power = np.square(np.abs(spectra)).sum(axis=1)
            cells.append(np.add.reduceat(power, edges, axis=1))
    return np.stack(cells, axis=1)
