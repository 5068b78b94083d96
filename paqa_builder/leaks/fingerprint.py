"""Acoustic fingerprints: 32 bits for every 24 ms of a clip, which codecs, gain and resampling hardly change.

The method is that of Haitsma & Kalker, "A Highly Robust Audio Fingerprinting System", ISMIR 2002:
overlapping windows, the energies of 33 logarithmic bands, and for each pair of neighbouring bands the sign of
the change of their difference from one window to the next. Two fingerprints of the same recording differ in
few bits (the bit error rate), those of different recordings in nearly half.

It is implemented here because no library that pip installs fits. Chromaprint describes a clip of five seconds
by twenty values of musical pitch: on sound events, pairs of different recordings come as near (bit error rate
0.12) as copies in another codec (0.15), and clips below three seconds have no value. Its one wheel (essentia)
is under the AGPL. Landmarks (audfprint2) lose excerpts of three seconds. ``benchmarks/doubles.py`` measures
the code here.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from paqa_builder.audio import SILENCE_RMS, Audio, resample, spool

RATE = 8_000
WINDOW = 3_072
HOP = 192
"""Samples between two windows at :data:`RATE`: 24 ms."""
BITS = 32

VERSION = 1
"""Version of the method; fingerprints of different versions cannot be compared."""

_LOWEST, _HIGHEST = 150.0, 3_500.0
_QUIET = 1e-5
"""Power relative to the clip's loudest window below which a window is inactive (-50 dB)."""
_BLOCK = 1_024


@dataclass(frozen=True, slots=True)
class StoredFingerprint:
    """A fingerprint as texts, for rows in JSON.

    Attributes:
        bits: ``<u4 [frames]``, in Base64.
        active: One bit per frame, packed, in Base64.
        pcm: Hash of the decoded 16-bit samples; empty for silence.
    """

    bits: str
    active: str
    pcm: str


@dataclass(frozen=True, slots=True, eq=False)
class AcousticFingerprint:
    """A fingerprint.

    Attributes:
        bits: ``uint32 [frames]``.
        active: ``bool [frames]``: False for windows too quiet to have meaningful bits.
        pcm: Hash of the decoded 16-bit samples; empty for silence.
    """

    bits: np.ndarray
    active: np.ndarray
    pcm: str

    def stored(self) -> StoredFingerprint:
        """The fingerprint as texts."""
        return StoredFingerprint(
            base64.b64encode(self.bits.astype("<u4").tobytes()).decode(),
            base64.b64encode(np.packbits(self.active).tobytes()).decode(),
            self.pcm,
        )

    @classmethod
    def of(cls, stored: StoredFingerprint) -> AcousticFingerprint:
        """Converts texts to a fingerprint.

        Raises:
            ValueError: They are not what :meth:`stored` returns.
        """
        try:
            bits = np.frombuffer(base64.b64decode(stored.bits, validate=True), "<u4").astype(np.uint32)
            packed = np.frombuffer(base64.b64decode(stored.active, validate=True), np.uint8)
        except binascii.Error as error:
            raise ValueError(f"not a fingerprint ({error})") from error
        if len(packed) != (len(bits) + 7) // 8:
            raise ValueError("not a fingerprint (its parts differ in length)")
        return cls(bits, np.unpackbits(packed, count=len(bits)).astype(bool), stored.pcm)


def fingerprint(audio: Audio) -> AcousticFingerprint:
    """The fingerprint of mono audio at any rate. Audio shorter than 0.41 s has no frame."""
    narrow = resample(audio, RATE).samples
    bits, powers = [], []
    for bands in _bands(narrow):
        slope = bands[:, :-1] - bands[:, 1:]
        signs = (slope[1:] - slope[:-1]) > 0
        bits.append(np.packbits(signs, axis=1, bitorder="little").view("<u4")[:, 0])
        powers.append(bands.sum(axis=1))
    if not bits:
        return AcousticFingerprint(np.zeros(0, np.uint32), np.zeros(0, bool), _pcm(audio))
    loudest = max(float(power.max()) for power in powers)
    floor = max(_QUIET * loudest, _power(SILENCE_RMS))
    active = [(power[1:] > floor) & (power[:-1] > floor) for power in powers]
    return AcousticFingerprint(np.concatenate(bits).astype(np.uint32), np.concatenate(active), _pcm(audio))


def seconds(frames: int) -> float:
    """Duration in seconds of the sound that a number of consecutive frames covers; 0 for none."""
    return (frames * HOP + WINDOW) / RATE if frames else 0.0


_EDGES = np.round(np.geomspace(_LOWEST, _HIGHEST, BITS + 2) * WINDOW / RATE).astype(int)
_SHAPE = np.hanning(WINDOW).astype(np.float32)


def _bands(samples: np.ndarray) -> Iterator[np.ndarray]:
    """Energies ``float32 [windows, 33]`` of blocks of windows; each block begins with the last window of the
    one before."""
    from scipy.fft import rfft  # takes a while to import, and the search for doubles does without

    count = (len(samples) - WINDOW) // HOP + 1
    for first in range(0, count - 1, _BLOCK):
        last = min(count, first + _BLOCK + 1)
        piece = np.asarray(samples[first * HOP : (last - 1) * HOP + WINDOW], np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(piece, WINDOW)[::HOP]
        spectrum = rfft(windows * _SHAPE, axis=1)[:, _EDGES[0] : _EDGES[-1]]
        energy = np.square(spectrum.real) + np.square(spectrum.imag)
        yield np.add.reduceat(energy, _EDGES[:-1] - _EDGES[0], axis=1)


def _power(rms: float) -> float:
    """Energy of a window of white noise of this RMS in the bands."""
    share = (_HIGHEST - _LOWEST) / (RATE / 2)
    return rms**2 * float(np.sum(np.square(_SHAPE, dtype=np.float64))) * WINDOW / 2 * share


def _pcm(audio: Audio) -> str:
    """Hash of the samples as 16-bit integers: equal for lossless copies in any format."""
    whole, silent = hashlib.sha256(str(audio.rate).encode()), True
    for block in spool.blocks(audio.samples):
        quantised = np.round(np.clip(block, -1.0, 1.0) * 32767).astype("<i2")
        silent = silent and not quantised.any()
        whole.update(quantised.tobytes())
    return "" if silent else whole.hexdigest()[:32]
