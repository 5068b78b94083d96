"""The demo's sounds, synthesised from sines and noise, so that they are free of rights.

Each function takes a duration in seconds and a random generator, and returns samples ``[n]`` at :data:`RATE`.
The names of the functions are those in ``clips.yaml``; :data:`LABELS` has their AudioSet labels.
"""

from __future__ import annotations

import numpy as np
from scipy import signal

RATE = 24_000
LABELS = {
    "smoke_alarm": "Smoke detector, smoke alarm",
    "telephone": "Telephone bell ringing",
    "siren": "Siren",
    "rain": "Rain",
    "car_horn": "Vehicle horn, car horn, honking",
    "birds": "Bird vocalization, bird call, bird song",
    "whistle": "Whistle",
    "busy_signal": "Busy signal",
}


def times(seconds: float) -> np.ndarray:
    return np.arange(round(seconds * RATE)) / RATE


def sweep(hertz: np.ndarray) -> np.ndarray:
    """A sine with the frequency of each sample in Hz."""
    return np.sin(2 * np.pi * np.cumsum(hertz) / RATE)


def smoke_alarm(seconds: float, _: np.random.Generator) -> np.ndarray:
    """Three beeps of 3.1 kHz, a pause, and again: the pattern of ISO 8201."""
    t = times(seconds)
    on = (t % 2 < 1.5) & (t % 2 % 0.5 < 0.45)
    return on * (np.sin(2 * np.pi * 3100 * t) + 0.3 * np.sin(2 * np.pi * 6200 * t))


def telephone(seconds: float, _: np.random.Generator) -> np.ndarray:
    """A clapper that strikes two bells twenty times a second."""
    t = times(seconds)
    partials = ((1200, 1.0), (1560, 0.8), (2710, 0.5), (3420, 0.4), (4630, 0.3))
    bells = sum(loud * np.sin(2 * np.pi * hertz * t) for hertz, loud in partials)
    return (t % 2.6 < 1.6) * np.exp(-25 * (t % 0.05)) * bells


def siren(seconds: float, _: np.random.Generator) -> np.ndarray:
    """A wail from 600 to 1400 Hz and back in three seconds."""
    hertz = 1000 - 400 * np.cos(2 * np.pi * times(seconds) / 3)
    return sum(sweep(n * hertz) / n**1.5 for n in range(1, 6))


def rain(seconds: float, random: np.random.Generator) -> np.ndarray:
    """A hiss of far drops, and 250 near ones a second."""
    count = round(seconds * RATE)
    fall = 0.5 * signal.lfilter(
        *signal.butter(2, [400, 9000], "band", fs=RATE), random.standard_normal(count)
    )
    drop = times(0.025)
    for at in random.integers(0, count - len(drop), round(250 * seconds)):
        ring = np.sin(2 * np.pi * random.uniform(2000, 8000) * drop)
        fall[at : at + len(drop)] += (
            random.uniform(0.1, 1.2) * np.exp(-random.uniform(400, 1200) * drop) * ring
        )
    return fall


def car_horn(seconds: float, _: np.random.Generator) -> np.ndarray:
    """Two reeds, 420 and 510 Hz, rich in overtones."""
    t = times(seconds)
    return sum(
        (np.sin(2 * np.pi * 420 * n * t) + np.sin(2 * np.pi * 510 * n * t)) / n**0.8 for n in range(1, 14)
    )


def birds(seconds: float, _: np.random.Generator) -> np.ndarray:
    """Four falling and rising chirps, every 0.9 seconds."""
    song = np.zeros(round(seconds * RATE))
    t = times(0.09)
    for start in np.arange(0.0, seconds - 0.6, 0.9):
        for n in range(4):
            at = round((start + 0.13 * n) * RATE)
            chirp = np.hanning(len(t)) * sweep(5200 - 1500 * np.sin(np.pi * t / 0.09) + 200 * n)
            song[at : at + len(t)] += chirp
    return song


def whistle(seconds: float, random: np.random.Generator) -> np.ndarray:
    """A guard's whistle: 2.8 kHz, trembling thirty times a second, with breath."""
    t = times(seconds)
    return sweep(2800 + 40 * np.sin(2 * np.pi * 30 * t)) + 0.15 * random.standard_normal(len(t))


def busy_signal(seconds: float, _: np.random.Generator) -> np.ndarray:
    """480 and 620 Hz, half a second on, half a second off."""
    t = times(seconds)
    return (t % 1 < 0.5) * (np.sin(2 * np.pi * 480 * t) + np.sin(2 * np.pi * 620 * t))
