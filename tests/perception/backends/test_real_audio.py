"""The embedded models on real audio."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from paqa_builder import registry
from paqa_builder.audio import Audio, blend, read, resample
from paqa_builder.perception.backends.base import AudioInput, Speech
from paqa_builder.perception.separate import Separate
from paqa_builder.perception.stage import ClipContext
from paqa_builder.records import Clip
from paqa_builder.testing import hear
from paqa_builder.weights import store

pytestmark = [
    pytest.mark.models,
    pytest.mark.testdata,
    pytest.mark.skipif("PAQA_TESTDATA" not in os.environ, reason="PAQA_TESTDATA is not set"),
    pytest.mark.skipif(bool(store.missing()), reason="models are not installed: paqa fetch embedded"),
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


@pytest.fixture(scope="module")
def gains(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """By scene: the SI-SDR of the speech stem that *separate* stores, over that of the mixture."""
    folder = tmp_path_factory.mktemp("stems")
    stage = Separate(loaded("separate", "deepfilternet3"))
    found = {}
    with (data / "scenes/manifest.jsonl").open(encoding="utf-8") as file:
        rows = {row["id"]: row for row in map(json.loads, file)}
    for name in ("dev_000", "dev_003", "dev_005"):
        kept: dict[str, Audio] = {}

        def save(stem: str, audio: Audio, kept: dict[str, Audio] = kept) -> str:
            kept[stem] = audio
            return stem

        path = data / "scenes" / rows[name]["audio"]
        view = ClipContext(Clip(name, "test", "train", str(path)), folder, save_stem=save)
        stage.run([view])
        stems = sorted((data / "scenes/stems" / name).glob("S*.flac"))
        speech = np.sum([read(path)[0].samples for path in stems], axis=0)
        found[name] = si_sdr(kept["speech"].samples, speech) - si_sdr(view.mix.samples, speech)
    return found


def test_separation_improves_si_sdr(gains: dict[str, float]) -> None:
    assert gains["dev_000"] > 5.0
    assert gains["dev_003"] > 9.0


def test_separation_of_nearly_clean_speech_is_better_than_the_network(gains: dict[str, float]) -> None:
    """26 dB before, 13 dB after the network alone: it takes some speech away whatever the noise."""
    assert gains["dev_005"] > -11.0


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


def test_dogs_and_clocks_are_tagged(data: Path, clips: list[dict[str, str]]) -> None:
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
    speech, background = loaded("separate", "deepfilternet3").separate(AudioInput(mix, mix))
    again = blend(speech, background, 0.5)
    assert np.allclose(2 * again.samples, mix.samples, atol=1e-5)


def test_quiet_speech_is_separated_like_loud_speech(data: Path) -> None:
    """The network takes quiet speech for noise, so clips are normalised."""
    mix = resample(read(data / "conversations/pyannote_sample.flac")[0], 48_000)
    piece = Audio(mix.samples[7 * 48_000 : 12 * 48_000], 48_000)
    loud = Audio(piece.samples * (0.04 / piece.rms), 48_000)
    quiet = Audio(loud.samples / 64, 48_000)
    separator = loaded("separate", "deepfilternet3")
    one, other = (separator.separate(AudioInput(clip, clip))[0] for clip in (loud, quiet))
    assert np.allclose(64 * other.samples, one.samples, atol=1e-4)
