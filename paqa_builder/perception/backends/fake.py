"""Fake backends for tests: exact detectors of pure tones.

Each voice and each sound event is a sine tone of its own frequency; see :data:`VOICES` and :data:`SOUNDS`.
On a sum of such tones, the separator splits at 1 kHz, the diarizer and the tagger detect the tones, and the
transcriber outputs a word per half second of voice.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from paqa_builder.audio import Audio
from paqa_builder.perception._tracks import runs
from paqa_builder.perception.backends.base import (
    AudioInput,
    Diarizer,
    Measured,
    Measurer,
    Options,
    Separator,
    Span,
    Speech,
    Tagger,
    Transcriber,
)
from paqa_builder.records import Word

VOICES = {"low": 200.0, "middle": 400.0, "high": 600.0}
SOUNDS = {"Bell": 2000.0, "Siren": 3000.0, "Whistle": 4000.0, "Buzzer": 5000.0}
WORDS = ("alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel")
SPLIT_HZ = 1000.0
FRAME = 0.1


class FakeOptions(Options):
    """Settings of the fakes."""

    threshold: float = 0.01
    """Minimum amplitude of a tone."""


def tone_spans(audio: Audio, frequency: float, threshold: float) -> list[tuple[float, float]]:
    """Intervals [start, end) of a tone in seconds, on a grid of :data:`FRAME`."""
    size = round(FRAME * audio.rate)
    count = len(audio.samples) // size
    frames = audio.samples[: count * size].reshape(count, size).astype(np.float64)
    active = 2 * np.hypot(*(frames @ _wave(frequency, size, audio.rate)).T) / size > threshold
    return [(round(start * FRAME, 6), round(end * FRAME, 6)) for start, end in runs(active)]


@cache
def _wave(frequency: float, size: int, rate: int) -> np.ndarray:
    """Cosine and sine of a tone, ``float64 [size, 2]``."""
    phase = 2 * np.pi * frequency * np.arange(size) / rate
    return np.stack([np.cos(phase), np.sin(phase)], axis=1)


def _spans(audio: Audio, tones: dict[str, float], threshold: float) -> list[Span]:
    return sorted(
        Span(start, end, name, 0.9)
        for name, hertz in tones.items()
        for start, end in tone_spans(audio, hertz, threshold)
    )


class FakeSeparator(Separator):
    """Frequencies below 1 kHz are speech."""

    sample_rate = 16_000
    weightless = True
    Options = FakeOptions

    def separate(self, clip: AudioInput) -> tuple[Audio, Audio]:
        mix = clip.main
        spectrum = np.fft.rfft(mix.samples)
        spectrum[np.fft.rfftfreq(len(mix.samples), 1 / mix.rate) >= SPLIT_HZ] = 0
        speech = np.fft.irfft(spectrum, len(mix.samples)).astype(np.float32)
        return Audio(speech, mix.rate), Audio(mix.samples - speech, mix.rate)


class FakeDiarizer(Diarizer):
    """The tones of :data:`VOICES` are speakers."""

    weightless = True
    Options = FakeOptions

    def diarize(self, clip: AudioInput) -> list[Span]:
        return _spans(clip.main, VOICES, self.options.threshold)


class FakeTagger(Tagger):
    """The tones of :data:`SOUNDS` are sound events."""

    weightless = True
    Options = FakeOptions

    def tag(self, clip: AudioInput) -> list[Span]:
        return _spans(clip.main, SOUNDS, self.options.threshold)


class FakeTranscriber(Transcriber):
    """Each half second of a voice is a word, which depends on voice and time."""

    weightless = True
    Options = FakeOptions

    def transcribe(self, clip: AudioInput) -> Speech:
        words = [
            Word(at, min(at + 0.5, end), WORDS[(3 * n + round(2 * at)) % len(WORDS)], 0.9)
            for n, hertz in enumerate(VOICES.values())
            for start, end in tone_spans(clip.main, hertz, self.options.threshold)
            for at in np.arange(start, end, 0.5).round(6).tolist()
        ]
        return Speech(tuple(sorted(words, key=lambda w: (w.start, w.end))), "en" if words else None)


class FakeMeasurer(Measurer):
    """Pitch is the highest active tone of :data:`VOICES`; loudness is the RMS in dB."""

    weightless = True
    Options = FakeOptions

    def measure(self, clip: AudioInput) -> Measured:
        pitch = np.zeros(int(clip.main.duration / FRAME + 1e-6))
        for hertz in VOICES.values():
            for start, end in tone_spans(clip.main, hertz, self.options.threshold):
                pitch[round(start / FRAME) : round(end / FRAME)] = hertz
        loudness = None if clip.mix.silent else float(20 * np.log10(clip.mix.rms))
        return Measured(loudness, None, tuple(pitch.tolist()), FRAME)
