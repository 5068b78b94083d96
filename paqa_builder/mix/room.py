"""Room impulse responses, with the direct path at sample 0 and of amplitude 1.

Two engines. ``noise`` needs only numpy: the direct path, then exponentially decaying noise (Moorer, "About
this reverberation business", Computer Music Journal 3(2), 1979), with the energy of the
direct-to-reverberant ratio. It has no early reflections and no colouration. ``pyroomacoustics`` (MIT, 5 MB,
depends on Cython and scipy) computes the image sources of a box (Allen & Berkley, JASA 65, 1979; Scheibler
et al., ICASSP 2018).
"""

from __future__ import annotations

import numpy as np

from paqa_builder.errors import NotReadyError
from paqa_builder.mix.scene import Place, Room

DELAY = 0.002
"""Seconds between the direct path and the noise."""


def impulse_response(room: Room, place: Place, rate: int) -> np.ndarray:
    """The impulse response from a place to the microphone, ``float64 [taps]``; tap 0 is the direct path.

    Raises:
        NotReadyError: The room's engine is pyroomacoustics, which is not installed.
    """
    if room.engine == "pyroomacoustics":
        return _image_sources(room, place, rate)
    count = round(room.rt60 * rate)
    time = np.arange(count) / rate
    tail = white(place.seed, count) * np.exp(-3 * np.log(10) * time / room.rt60)
    tail[: round(DELAY * rate)] = 0.0
    tail *= np.sqrt(10 ** (-place.drr / 10) / np.sum(tail**2))
    tail[0] = 1.0
    return tail


def white(seed: int, count: int) -> np.ndarray:
    """Nearly Gaussian white noise of unit variance, ``float64 [count]``, equal on every machine.

    Sums of four 16-bit lanes of a bit stream: numpy keeps its bit streams stable (NEP 19), but not its
    distributions.
    """
    lanes = np.random.Philox(seed).random_raw(count).astype("<u8").view("<u2").reshape(count, 4)
    # Variance of one uniform lane on [0, 1) is 1/12, so of the sum of four 1/3.
    return (lanes.sum(axis=1, dtype=np.int64) / 65536.0 - 2.0 + 2 / 65536) * np.sqrt(3.0)


def convolve(samples: np.ndarray, response: np.ndarray) -> np.ndarray:
    """Convolution by fast Fourier transform, ``[n + taps - 1]``."""
    length = len(samples) + len(response) - 1
    size = 1 << (length - 1).bit_length()
    return np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(response, size), size)[:length]


def _image_sources(room: Room, place: Place, rate: int) -> np.ndarray:
    try:
        import pyroomacoustics as acoustics
    except ImportError as error:
        raise NotReadyError(
            "the specification asks for room.engine pyroomacoustics, which is not installed",
            fix="pip install pyroomacoustics, or set room.engine to noise",
        ) from error
    # The order of summation, and so the bytes, would depend on the number of threads.
    acoustics.constants.set("num_threads", 1)
    try:
        absorption, order = acoustics.inverse_sabine(room.rt60, room.size)
        material = acoustics.Material(absorption)
    except ValueError:  # the rt60 is too short for a box of this size
        material, order = acoustics.Material(0.99), 1
    box = acoustics.ShoeBox(room.size, fs=rate, materials=material, max_order=min(order, 40))
    box.add_source(place.position)
    box.add_microphone(room.microphone)
    box.compute_rir()
    response = np.asarray(box.rir[0][0], dtype=np.float64)
    response = response[int(np.argmax(np.abs(response))) :]
    return response / response[0]
