"""How much of what a speech enhancer took away was speech, and belongs back.

An enhancer distorts speech by about as much whatever the noise, so where there is little noise it takes
more of the speech away than of anything else: nearly clean recordings come out worse than they went in.
Of two estimates of one signal, the enhanced one (which errs by its distortion) and the mixture (which
errs by the noise), the best sum gives each a weight by the other's error (Wiener). Neither error is
known; both are guessed from the ratio of what was kept to what was taken, in each band of hearing at
each moment and over the clip. The three numbers of the guess were fitted on mixtures whose voices are known
(``benchmarks/mixtures.py``): least mean SI-SDR loss.
"""

from __future__ import annotations

import numpy as np

HOP = 0.008
"""Seconds from frame to frame; a frame is four times as long."""
_SMOOTHING = 0.05
"""Standard deviation, in seconds, over which a moment's powers are averaged."""
_MEL_PER_BAND = 118.0
_CONSTANT, _MOMENT, _CLIP = 0.32, 1.50, 0.77
"""Log odds that what was taken is speech: constant, and per tenfold of kept to taken, now and in the clip."""
_BLOCK = 2000
"""Frames worked on at once: an hour's spectrogram would take gigabytes."""


def put_back(kept: np.ndarray, taken: np.ndarray, rate: int) -> np.ndarray:
    """What of ``taken`` belongs to ``kept``.

    Args:
        kept: The enhanced speech, ``float32 [n]``.
        taken: The mixture less ``kept``, sample by sample.
        rate: Of both, in Hz.

    Returns:
        A part of ``taken`` in each band and moment, ``float32 [n]``.
    """
    from scipy.ndimage import gaussian_filter1d

    hop = round(HOP * rate)
    taper = np.sqrt(np.hanning(4 * hop + 1)[:-1]).astype(np.float32)
    bands = _bands(4 * hop, rate)
    frames = [_frames(signal, hop) for signal in (kept, taken)]
    ratios = [np.concatenate([_powers(block, taper, bands) for block in _blocks(one)]) for one in frames]
    floor = 1e-6 * float(ratios[0].mean()) + 1e-12
    clip = np.log10((ratios[0].mean(axis=0) + floor) / (ratios[1].mean(axis=0) + floor))
    smooth = [gaussian_filter1d(powers, _SMOOTHING / HOP, axis=0, mode="nearest") for powers in ratios]
    moment = np.log10((smooth[0] + floor) / (smooth[1] + floor))
    share = (1 / (1 + np.exp(-(_CONSTANT + _MOMENT * moment + _CLIP * clip)))).astype(np.float32)
    total = np.zeros((len(frames[1]) + 3) * hop, np.float32)
    for at, block in zip(range(0, len(share), _BLOCK), _blocks(frames[1]), strict=True):
        spectra = np.fft.rfft(block * taper) * share[at : at + _BLOCK, bands]
        pieces = (np.fft.irfft(spectra, 4 * hop) * taper / 2).astype(np.float32)
        for quarter in range(4):  # frames overlap by three quarters
            part = pieces[:, quarter * hop : (quarter + 1) * hop].reshape(-1)
            start = (at + quarter) * hop
            total[start : start + len(part)] += part
    return total[3 * hop : 3 * hop + len(kept)]


def _frames(signal: np.ndarray, hop: int) -> np.ndarray:
    """Overlapping frames ``[m, 4 * hop]``, such that four cover every sample; a view."""
    padded = np.pad(signal, (3 * hop, 4 * hop))
    return np.lib.stride_tricks.sliding_window_view(padded, 4 * hop)[::hop]


def _blocks(frames: np.ndarray) -> list[np.ndarray]:
    return [frames[at : at + _BLOCK] for at in range(0, len(frames), _BLOCK)]


def _bands(size: int, rate: int) -> np.ndarray:
    """The band of each bin of a transform of ``size``: equally wide on the mel scale."""
    mel = 2595 * np.log10(1 + np.arange(size // 2 + 1) * rate / size / 700)
    return np.unique((mel / _MEL_PER_BAND).astype(int), return_inverse=True)[1]


def _powers(frames: np.ndarray, taper: np.ndarray, bands: np.ndarray) -> np.ndarray:
    """Mean power by band, ``[m, bands]``."""
    power = np.square(np.abs(np.fft.rfft(frames * taper)))
    starts = np.flatnonzero(np.diff(bands, prepend=-1))
    sizes = np.diff(starts, append=len(bands))
    return (np.add.reduceat(power, starts, axis=1) / sizes).astype(np.float32)
