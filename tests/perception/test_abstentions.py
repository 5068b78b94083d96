"""Hallucinations of Whisper on clips without speech are abstentions, not utterances."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile

from paqa_builder import registry
from paqa_builder.audio import Audio, read, resample
from paqa_builder.perception.stage import ClipContext
from paqa_builder.perception.transcribe import Transcribe
from paqa_builder.records import Clip, Origin, Turn
from paqa_builder.weights import store

pytestmark = [pytest.mark.models, pytest.mark.testdata]

RATE = 16_000
LOUD = ("clock_tick", "dog", "helicopter", "rain")
"""Classes on which Whisper base invents, each in the first of its clips."""


@pytest.fixture(scope="module")
def whisper() -> Transcribe:
    if "faster-whisper-base" in store.missing():
        pytest.skip("models are not installed (paqa fetch embedded)")
    backend = registry.get("transcribe", "faster_whisper")()
    backend.load()
    return Transcribe(backend, backend_name="faster_whisper")


def view(folder: Path, samples: np.ndarray) -> ClipContext:
    """A clip with a false turn at its end, since clips without turns are not transcribed."""
    path = folder / "a.wav"
    soundfile.write(path, np.concatenate((samples, np.zeros(4 * RATE))), RATE, subtype="PCM_16")
    end = len(samples) / RATE + 4
    turns = (Turn(end - 0.8, end - 0.2, "S1", 0.5, Origin("diarize", "test", "1")),)
    return ClipContext(Clip("a", "test", "train", str(path)), folder, turns=turns)


def noise() -> np.ndarray:
    return 0.05 * np.random.default_rng(0).standard_normal(6 * RATE)


def test_silence_and_noise_have_no_utterances(whisper: Transcribe, tmp_path: Path) -> None:
    for samples in (np.zeros(6 * RATE), noise()):
        assert whisper.run([view(tmp_path, samples)]) == [()]


def test_sound_events_have_no_utterances_and_rejected_words_have_reasons(
    whisper: Transcribe, tmp_path: Path, testdata: Path
) -> None:
    with (testdata / "clips/clips.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["kind"] == "event"]
    reasons = []
    for label in LOUD:
        name = next(row["filename"] for row in rows if row["label"] == label)
        sound: Audio = resample(read(testdata / "clips" / name)[0], RATE)
        heard = view(tmp_path, sound.samples)
        assert whisper.run([heard]) == [()], label
        for dropped in heard.abstentions:
            assert 0 <= dropped.start < dropped.end <= heard.info.duration
            assert dropped.text
            assert dropped.stage == "transcribe"
        reasons += [dropped.reason for dropped in heard.abstentions]
    assert reasons, "Whisper invented nothing: choose other clips"
    assert set(reasons) <= {"no_speech", "compression", "repetition", "outside_turns"}
