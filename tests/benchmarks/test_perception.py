"""The benchmark of the perception stages without a build."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from paqa_builder.bench.reference import ORIGIN, Reference
from paqa_builder.questions.examples import scene_of
from paqa_builder.questions.templates import MiniScene
from paqa_builder.records import Truth

for package in ("pyannote.metrics", "jiwer", "whisper_normalizer", "scipy"):
    pytest.importorskip(package, reason="needs the eval extra")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks/perception.py"
    spec = importlib.util.spec_from_file_location("perception_benchmark", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_other_clip_is_one_half(script: ModuleType) -> None:
    right = scene_of(MiniScene(turns=[(0.0, 4.0, "S1"), (5.0, 8.0, "S2")]))
    turns = tuple(replace(turn, origin=ORIGIN) for turn in right.turns or ())
    deaf = replace(right, turns=())
    truth = Reference(("x",), Truth(turns=turns))
    parts = script.halves({f"clip_{n:02}": (deaf if n % 2 else right, truth) for n in range(6)})
    assert {part: measures["der"].value for part, measures in parts.items()} == {
        "all": 0.5,
        "even": 0.0,
        "odd": 1.0,
    }
    rows = {row[0]: row[1:] for row in script.rows_of(parts)}
    assert rows["measure"] == ("all", "even", "odd")
    assert rows["der"] == ("50.0", "0.0", "100.0")
    assert "wer" not in rows


def test_audio_is_found_beside_its_ground_truth(script: ModuleType, tmp_path: Path) -> None:
    for name in ("audio/a.flac", "stems/a/S1.flac", "b.wav", "notes.txt", "unknown.wav"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    references = [Reference((name,), Truth()) for name in ("a", "b", "S1")]
    found = script.clips_of(tmp_path, references)
    assert {path.relative_to(tmp_path).as_posix() for path in found} == {"audio/a.flac", "b.wav"}


def test_options_reach_stage_and_backend(script: ModuleType) -> None:
    found = script.parse_options(["diarize.backend.same_voice=0.4", "transcribe.backend.language=en"])
    assert dict(found) == {"diarize.backend": {"same_voice": 0.4}, "transcribe.backend": {"language": "en"}}
    with pytest.raises(SystemExit):
        script.parse_options(["diarise.backend.same_voice=0.4"])


@pytest.mark.models
@pytest.mark.testdata
def test_the_stages_are_run_and_scored(script: ModuleType, testdata: Path) -> None:
    from paqa_builder.bench.formats import load_references

    clips = script.clips_of(testdata / "scenes", load_references(testdata / "scenes"))
    assert len(clips) == 32
    path = min(clips)
    pairs, cpu = script.hear({path: clips[path]}, script.parse_options([]))
    parts = script.halves(pairs)
    assert parts["all"]["der"].value < 0.5
    assert parts["all"]["wer"].value < 0.8
    assert set(cpu) == set(script.STAGES)
