"""Synthetic audio: tones that the fake models recognise, and a murmur for real ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from paqa_builder.audio import Audio
from paqa_builder.perception.backends.fake import SOUNDS, VOICES

_SECONDS = 10.0
TONES = (("low", 0.5, 3.5), ("high", 5.0, 8.0), ("Bell", 8.2, 9.5), ("Siren", 3.7, 4.7))
FADE = 0.01
"""Seconds of fade-in and fade-out of a tone; without them, its edges are broadband clicks."""


def tone_scene(
    duration: float,
    tones: Sequence[tuple[str, float, float]] = (),
    *,
    rate: int = 16_000,
    amplitude: float = 0.1,
) -> Audio:
    """Synthesises audio for the fake backends, which recognise each voice and each sound by its tone.

    Args:
        duration: Seconds.
        tones: (name, start, end) with a name from :data:`~paqa_builder.perception.backends.fake.VOICES` or
            :data:`~paqa_builder.perception.backends.fake.SOUNDS`, and times in seconds.
        rate: Hz.
        amplitude: Amplitude of each tone.

    Raises:
        KeyError: A name is neither a voice nor a sound.
    """
    hertz = VOICES | SOUNDS
    time = np.arange(round(duration * rate)) / rate
    samples = np.zeros(len(time))
    for name, start, end in tones:
        rise = np.clip(np.minimum(time - start, end - time) / FADE, 0, 1)
        samples += amplitude * rise * np.sin(2 * np.pi * hertz[name] * time)
    return Audio(samples.astype(np.float32), rate)


def murmur(duration: float, *, seed: int = 0, rate: int = 16_000) -> Audio:
    """Synthesises two alternating voices over noise: pulse trains with formants and syllables.

    It resembles speech enough for real models to process it. The same seed gives the same samples.
    """
    count = round(duration * rate)
    time = np.arange(count) / rate
    random = np.random.default_rng(seed)
    spectrum = np.zeros(count // 2 + 1, complex)
    hertz = np.fft.rfftfreq(count, 1 / rate)
    for pitch, offset in ((110.0, 0.0), (210.0, 2.0)):
        pulses = (np.diff(np.floor(time * pitch), prepend=0) > 0).astype(float)
        syllables = np.clip(np.sin(2 * np.pi * 3.5 * time), 0, None) * ((time + offset) % 4 < 2)
        formants = sum(np.exp(-(((hertz - f * pitch / 110) / 120) ** 2)) for f in (500, 1500, 2500))
        spectrum += np.fft.rfft(pulses * syllables) * formants
    voices = np.fft.irfft(spectrum, count)
    peak = np.abs(voices).max() or 1.0
    return Audio((0.3 * voices / peak + 0.01 * random.standard_normal(count)).astype(np.float32), rate)


def write_tones(path: Path | str, seconds: float = _SECONDS) -> Path:
    """Writes a WAV file in which the fake models find two speakers and two sounds, with its folders."""
    import soundfile

    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    audio = tone_scene(seconds, [tone for tone in TONES if tone[2] <= seconds])
    soundfile.write(file, audio.samples, audio.rate, format="WAV", subtype="PCM_16")
    return file
