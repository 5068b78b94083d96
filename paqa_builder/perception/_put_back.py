"""Restoration of speech that a speech enhancer removed.

The distortion of an enhancer hardly depends on the noise, so nearly clean recordings lose more speech than
noise. The enhanced signal and the mixture are two estimates of the speech, with the distortion and the noise
as their errors; the best sum weights each by the error of the other (Wiener). The weights are estimated from
the ratio of kept to removed power, in each mel band at each moment and over the clip. The three parameters
were fitted on mixtures with known voices (``benchmarks/mixtures.py``) for the least mean SI-SDR loss.
"""

from __future__ import annotations

import numpy as np

HOP = 0.008
"""Hop between frames in seconds; a frame has four times this length."""
_SMOOTHING = 0.05
"""Standard deviation in seconds of the smoothing of powers over time."""
_MEL_PER_BAND = 118.0
_CONSTANT, _MOMENT, _CLIP = 0.32, 1.50, 0.77
"""Log odds that the removed signal is speech: constant, and slopes per factor ten of the kept to the removed
power, at the moment and in the clip."""
_BLOCK = 2000
"""Frames per block, which bounds memory for long clips."""


def put_back(kept: np.ndarray, taken: np.ndarray, rate: int) -> np.ndarray:
    """Estimates the speech in the removed signal.

    Args:
        kept: The enhanced speech, ``float32 [n]``.
        taken: The removed signal: the mixture less ``kept``.
        rate: Sample rate of both in Hz.

    Returns:
        ``taken``, weighted in each band and moment, ``float32 [n]``.
    """
    from scipy.ndimage import gaussian_filter1d

    hop = round(HOP * rate)
    taper = np.sqrt(np.hanning(4 * hop + 1)[:-1]).astype(np.float32)
    bands = _bands(4 * hop, rate)
    frames = [_frames(signal, hop) for signal in (kept, taken)]
    ratios = [
        np.concatenate([_powers(block, taper, bands) for block in _blocks(signal)]) for signal in frames
    ]
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
    """Overlapping frames ``[m, 4 * hop]``, four over every sample; a NumPy view."""
    padded = np.pad(signal, (3 * hop, 4 * hop))
    return np.lib.stride_tricks.sliding_window_view(padded, 4 * hop)[::hop]


def _blocks(frames: np.ndarray) -> list[np.ndarray]:
    return [frames[at : at + _BLOCK] for at in range(0, len(frames), _BLOCK)]


def _bands(size: int, rate: int) -> np.ndarray:
    """Band of each bin of a transform of ``size``; bands have equal width on the mel scale."""
    mel = 2595 * np.log10(1 + np.arange(size // 2 + 1) * rate / size / 700)
    return np.unique((mel / _MEL_PER_BAND).astype(int), return_inverse=True)[1]


def _powers(frames: np.ndarray, taper: np.ndarray, bands: np.ndarray) -> np.ndarray:
    """Mean power per band, ``[m, bands]``."""
    power = np.square(np.abs(np.fft.rfft(frames * taper)))
    starts = np.flatnonzero(np.diff(bands, prepend=-1))
    sizes = np.diff(starts, append=len(bands))
    return (np.add.reduceat(power, starts, axis=1) / sizes).astype(np.float32)
