"""Fake backends: they listen to pure tones, so that tests are fast and still hear something.

Each "voice" and each "sound event" is a sine at a frequency of its own; see :data:`VOICES` and
:data:`SOUNDS`. A fake scene is a sum of such tones, and the fakes take it apart exactly: the
separator splits at 1 kHz, the diarizer and the tagger find which tones sound when, the transcriber
"reads" a word per half second of voice. Everything downstream can then be tested for being right.
"""

from __future__ import annotations

import numpy as np

from paqa_builder.audio import Audio
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
    """``threshold`` is the amplitude from which a tone counts as heard."""

    threshold: float = 0.01


def tone_spans(audio: Audio, frequency: float, threshold: float) -> list[tuple[float, float]]:
    """Finds when a tone sounds: [start, end) in seconds, on a grid of :data:`FRAME`."""
    size = round(FRAME * audio.rate)
    count = len(audio.samples) // size
    frames = audio.samples[: count * size].reshape(count, size)
    wave = np.exp(-2j * np.pi * frequency * np.arange(size) / audio.rate)
    heard = 2 * np.abs(frames @ wave) / size > threshold
    edges = (np.flatnonzero(np.diff(np.r_[0, heard.astype(int), 0])) * FRAME).round(6).tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))


class FakeSeparator(Separator):
    """Everything under 1 kHz is speech."""

    sample_rate = 16_000
    Options = FakeOptions

    def separate(self, heard: AudioInput) -> tuple[Audio, Audio]:
        mix = heard.main
        spectrum = np.fft.rfft(mix.samples)
        spectrum[np.fft.rfftfreq(len(mix.samples), 1 / mix.rate) >= SPLIT_HZ] = 0
        speech = np.fft.irfft(spectrum, len(mix.samples)).astype(np.float32)
        return Audio(speech, mix.rate), Audio(mix.samples - speech, mix.rate)


class FakeDiarizer(Diarizer):
    """Each tone in :data:`VOICES` is a speaker."""

    Options = FakeOptions

    def diarize(self, heard: AudioInput) -> list[Span]:
        spans = [
            Span(start, end, voice, 0.9)
            for voice, hertz in VOICES.items()
            for start, end in tone_spans(heard.main, hertz, self.options.threshold)
        ]
        return sorted(spans, key=lambda s: (s.start, s.end, s.name))


class FakeTagger(Tagger):
    """Each tone in :data:`SOUNDS` is a sound event."""

    Options = FakeOptions

    def tag(self, heard: AudioInput) -> list[Span]:
        spans = [
            Span(start, end, label, 0.9)
            for label, hertz in SOUNDS.items()
            for start, end in tone_spans(heard.main, hertz, self.options.threshold)
        ]
        return sorted(spans, key=lambda s: (s.start, s.end, s.name))


class FakeTranscriber(Transcriber):
    """Half a second of voice is one word, chosen by voice and time."""

    Options = FakeOptions

    def transcribe(self, heard: AudioInput) -> Speech:
        words = [
            Word(at, min(at + 0.5, end), WORDS[(3 * n + round(2 * at)) % len(WORDS)], 0.9)
            for n, hertz in enumerate(VOICES.values())
            for start, end in tone_spans(heard.main, hertz, self.options.threshold)
            for at in np.arange(start, end, 0.5).round(6).tolist()
        ]
        return Speech(tuple(sorted(words, key=lambda w: (w.start, w.end))), "en" if words else None)


class FakeMeasurer(Measurer):
    """Pitch is the highest tone in :data:`VOICES` that sounds; loudness is the RMS in dB."""

    Options = FakeOptions

    def measure(self, heard: AudioInput) -> Measured:
        pitch = np.zeros(int(heard.main.duration / FRAME + 1e-6))
        for hertz in VOICES.values():
            for start, end in tone_spans(heard.main, hertz, self.options.threshold):
                pitch[round(start / FRAME) : round(end / FRAME)] = hertz
        loudness = None if heard.mix.silent else float(20 * np.log10(heard.mix.rms))
        return Measured(loudness, None, tuple(pitch.tolist()), FRAME)
