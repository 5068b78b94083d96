"""The embedded models on real audio: each must do what it is there for."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from paqa_builder import models, registry
from paqa_builder.audio import Audio, blend, read, resample
from paqa_builder.backends import Heard, Speech
from paqa_builder.testing import hear

pytestmark = [
    pytest.mark.models,
    pytest.mark.testdata,
    pytest.mark.skipif("PAQA_TESTDATA" not in os.environ, reason="PAQA_TESTDATA is not set"),
    pytest.mark.skipif(bool(models.missing()), reason="models are not installed: paqa fetch embedded"),
]


def loaded(stage: str, name: str) -> Any:
    backend = registry.get(stage, name)()
    backend.load()
    return backend


@pytest.fixture(scope="module")
def data() -> Path:
    return Path(os.environ["PAQA_TESTDATA"])


@pytest.fixture(scope="module")
def clips(data: Path) -> list[dict[str, str]]:
    with (data / "clips/clips.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def si_sdr(heard: np.ndarray, truth: np.ndarray) -> float:
    """Scale-invariant signal-to-distortion ratio in dB (Le Roux et al., 2019)."""
    target = (heard @ truth) / (truth @ truth) * truth
    return float(10 * np.log10((target @ target) / ((heard - target) @ (heard - target))))


def test_separation_raises_speech_over_background(data: Path) -> None:
    separator = loaded("separate", "deepfilternet3")
    with (data / "scenes/manifest.jsonl").open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    gains = []
    for row in rows[:8]:
        if not row["events"] or min(event["snr_db"] for event in row["events"]) > 5:
            continue
        mix = read(data / "scenes" / row["audio"])[0]
        stems = sorted((data / "scenes/stems" / row["id"]).glob("S*.flac"))
        speech = np.sum([read(path)[0].samples for path in stems], axis=0)
        found = resample(separator.separate(hear(mix, 48_000))[0], mix.rate)
        gains.append(si_sdr(found.samples, speech) - si_sdr(mix.samples, speech))
    assert len(gains) >= 3
    assert np.mean(gains) > 3.0


def test_two_real_voices_that_alternate_and_overlap(data: Path, clips: list[dict[str, str]]) -> None:
    first: dict[str, str] = {}
    for row in clips:
        if row["kind"] == "speech":
            first.setdefault(row["sex"], row["filename"])
    one, other = (
        resample(read(data / "clips" / name)[0], 16_000).samples[:80_000] for name in first.values()
    )
    gap = np.zeros(8_000, np.float32)
    turns = [one[:64_000], gap, other[:64_000], gap, one[64_000:], other[64_000:]]
    scene = Audio(np.concatenate(turns), 16_000)
    spans = loaded("diarize", "segmentation_campplus").diarize(hear(scene, 16_000))
    assert len({span.name for span in spans}) == 2
    early = {span.name for span in spans if span.end < 4.5}
    late = {span.name for span in spans if span.start > 4.2 and span.end < 9.0}
    assert len(early) == len(late) == 1
    assert early != late
    doubled = Audio((one[:64_000] + other[:64_000]).astype(np.float32), 16_000)
    scene = Audio(np.concatenate([scene.samples, gap, doubled.samples]), 16_000)
    spans = loaded("diarize", "segmentation_campplus").diarize(hear(scene, 16_000))
    pairs = [(a, b) for a in spans for b in spans if a.name < b.name and a.start < b.end and b.start < a.end]
    assert any(min(a.end, b.end) > 11.0 for a, b in pairs), "overlap is not heard"


def test_dogs_and_clocks_are_told_apart(data: Path, clips: list[dict[str, str]]) -> None:
    tagger = loaded("tag", "yamnet")
    right = {
        "dog": {"Dog", "Bark", "Animal"},
        "chainsaw": {"Chainsaw", "Engine"},
        "crying_baby": {"Baby cry, infant cry"},
    }
    hits = total = 0
    for label, names in right.items():
        for row in [row for row in clips if row["label"] == label][:6]:
            spans = tagger.tag(hear(read(data / "clips" / row["filename"])[0], 16_000))
            best = sorted(spans, key=lambda span: -span.score)[:4]
            hits += bool(names & {span.name for span in best})
            total += 1
    assert total >= 12
    assert hits / total > 0.7


def test_words_language_and_times_of_clean_speech(data: Path, clips: list[dict[str, str]]) -> None:
    jiwer = pytest.importorskip("jiwer")
    transcriber = loaded("transcribe", "faster_whisper")
    rows = [row for row in clips if row["kind"] == "utterance"][:6]
    assert len(rows) == 6
    truth, found = [], []
    for row in rows:
        heard = hear(read(data / "clips" / row["filename"])[0], 16_000)
        speech: Speech = transcriber.transcribe(heard)
        assert speech.language == "en"
        truth.append(plain(row["text"]))
        found.append(plain(" ".join(word.text for word in speech.words)))
    assert jiwer.wer(truth, found) < 0.25


def plain(text: str) -> str:
    return " ".join("".join(c for c in text.lower() if c.isalpha() or c in " '").split())


def test_a_blend_of_both_stems_is_the_mix(data: Path) -> None:
    mix = resample(read(data / "conversations/pyannote_sample.flac")[0], 48_000)
    mix = Audio(mix.samples[: 5 * 48_000], 48_000)
    speech, background = loaded("separate", "deepfilternet3").separate(Heard(mix, mix))
    again = blend(speech, background, 0.5)
    assert np.allclose(2 * again.samples, mix.samples, atol=1e-5)
