"""The benchmark's scores: perfect records are perfect, and each kind of mistake shows where it should."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

for package in ("pyannote.metrics", "jiwer", "whisper_normalizer", "sklearn"):
    pytest.importorskip(package, reason="needs the eval extra")

ACCEPT = {"dog": frozenset({"Dog", "Bark"}), "rain": frozenset({"Rain"}), "mouse_click": frozenset()}


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    path = Path(__file__).parents[1] / "benchmarks/perception.py"
    spec = importlib.util.spec_from_file_location("perception_benchmark", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def truth() -> dict[str, Any]:
    turns = [{"start": 0.0, "end": 4.0, "speaker": "A"}, {"start": 4.0, "end": 8.0, "speaker": "B"}]
    texts = ("the cat sat down", "it was raining hard")
    return {
        "duration": 10.0,
        "turns": turns,
        "segments": [dict(turn, text=text) for turn, text in zip(turns, texts, strict=True)],
        "events": [{"label": "dog"}, {"label": "rain"}, {"label": "mouse_click"}],
    }


def perfect() -> dict[str, Any]:
    row = truth()
    renamed = {"A": "S1", "B": "S2"}
    return {
        "turns": [dict(turn, speaker=renamed[turn["speaker"]]) for turn in row["turns"]],
        "utterances": [
            dict(one, speaker=renamed[one["speaker"]], text=one["text"].upper()) for one in row["segments"]
        ],
        "tags": [
            {"label": "Bark", "score": 0.9},
            {"label": "Rain", "score": 0.8},
            {"label": "Speech", "score": 1.0},
        ],
    }


def test_perfect_records_are_perfect(bench: ModuleType) -> None:
    pairs = [(perfect(), truth())]
    assert bench.diarization(pairs) == {
        "der": 0,
        "missed": 0,
        "false_alarm": 0,
        "confused": 0,
        "count_right": 1,
    }
    assert bench.words(pairs) == {"wer": 0, "cpwer": 0}
    found = bench.events(pairs, ACCEPT)
    assert (found["top1"], found["top3"], found["event_map"], found["events"]) == (0.5, 1.0, 1.0, 2)


def test_nothing_heard_is_all_missed(bench: ModuleType) -> None:
    pairs = [({"turns": None, "tags": None, "utterances": None}, truth())]
    assert bench.diarization(pairs)["missed"] == 1
    assert bench.words(pairs) == {"wer": 1, "cpwer": 1}
    assert bench.events(pairs, ACCEPT)["top5"] == 0


def test_one_voice_instead_of_two_is_confusion_and_a_wrong_count(bench: ModuleType) -> None:
    record = perfect()
    record["turns"] = [{"start": 0.0, "end": 8.0, "speaker": "S1"}]
    found = bench.diarization([(record, truth())])
    assert (found["confused"], found["missed"], found["count_right"]) == (0.5, 0, 0)


def test_words_of_the_wrong_speaker_cost_cpwer_only(bench: ModuleType) -> None:
    record = perfect()
    for one in record["utterances"]:
        one["speaker"] = "S1"
    found = bench.words([(record, truth())])
    assert found["wer"] == 0
    assert found["cpwer"] == 1.0  # four words too many for one speaker, four too few for the other


def test_a_wrong_word_counts_once(bench: ModuleType) -> None:
    record = perfect()
    record["utterances"][0]["text"] = "the dog sat down"
    assert bench.words([(record, truth())]) == {"wer": 1 / 8, "cpwer": 1 / 8}


def test_missing_clips_are_named(bench: ModuleType) -> None:
    rows = {"dev_000": truth(), "dev_001": truth()}
    result = bench.score([dict(perfect(), clip_id="scenes/dev_000.flac")], rows, ACCEPT)
    assert result["absent"] == ["dev_001"]
    assert result["even"]["der"] == 0
    assert result["odd"]["der"] == 1


def test_options_reach_stage_and_backend(bench: ModuleType) -> None:
    found = bench.parse_options(["diarize.backend.distance=0.4", "transcribe.backend.language=en"])
    assert dict(found) == {"diarize.backend": {"distance": 0.4}, "transcribe.backend": {"language": "en"}}
    with pytest.raises(SystemExit):
        bench.parse_options(["diarise.backend.distance=0.4"])
