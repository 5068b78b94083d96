"""``paqa doubles`` and ``paqa check``: recordings under other names, in folders, in shards, in benchmarks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from helpers.dataset import BUILD, questions_of, scene_of
from typer.testing import CliRunner

from paqa_builder.check.lint import lint
from paqa_builder.cli import app
from paqa_builder.dataset import hub
from paqa_builder.dataset.write import write_shards
from paqa_builder.errors import ConfigError, PaqaError
from paqa_builder.records import Scene

RATE = 8_000


def noise(seed: int, seconds: float = 4.0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.4, 0.4, round(seconds * RATE)).astype(np.float32)


@pytest.fixture
def benchmark(tmp_path: Path) -> Path:
    """A folder of two files: the first is recording 1, quieter and with less at its start."""
    folder = tmp_path / "benchmark"
    folder.mkdir()
    soundfile.write(folder / "q17.flac", 0.3 * noise(1)[4_000:], RATE)
    soundfile.write(folder / "q18.flac", noise(9), RATE)
    (folder / "broken.wav").write_bytes(b"RIFF")
    return folder


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """Shards of recordings 0 to 2; a group of each kind is in two splits."""
    audio = tmp_path / "audio"
    audio.mkdir()
    items = []
    for seed, split in enumerate(("train", "test", "train")):
        soundfile.write(audio / f"clip{seed}.wav", noise(seed), RATE, subtype="PCM_16")
        scene = with_groups(
            scene_of(audio / f"clip{seed}.wav", split=split), "uploader:kim", f"recording:{seed % 2}"
        )
        items.append((scene, questions_of(scene)))
    groups = {"clip0": "dialogue:4", "clip1": "dialogue:4"}
    items = [
        (with_groups(scene, *scene.clip.groups, *filter(None, [groups.get(scene.clip.id)])), questions)
        for scene, questions in items
    ]
    write_shards(tmp_path / "shards", items, BUILD)
    return tmp_path / "shards"


def with_groups(scene: Scene, *groups: str) -> Scene:
    from dataclasses import replace

    return replace(scene, clip=replace(scene.clip, groups=groups))


def test_doubles_in_a_folder_and_against_a_benchmark(shards: Path, benchmark: Path, tmp_path: Path) -> None:
    found = CliRunner().invoke(app, ["doubles", str(shards), "--against", str(benchmark), "--json"])
    assert found.exit_code == 3
    (row,) = json.loads(found.stdout)["doubles"]
    assert (row["clip"], row["split"], row["same_as"]) == ("clip1", "test", "q17.flac")
    assert row["offset"] == pytest.approx(0.5, abs=0.03)
    assert "broken.wav" in found.stderr

    soundfile.write(tmp_path / "audio" / "again.flac", 0.5 * noise(2), RATE)
    shown = CliRunner().invoke(app, ["doubles", str(tmp_path / "audio")], env={"COLUMNS": "80"})
    assert shown.exit_code == 3
    assert "again.flac" in shown.stdout
    assert "clip2.wav" in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 80
    (tmp_path / "audio" / "again.flac").unlink()
    assert CliRunner().invoke(app, ["doubles", str(tmp_path / "audio")]).exit_code == 0


@pytest.mark.parametrize("name", ["nothing", "empty"])
def test_paths_without_audio_are_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    result = CliRunner().invoke(app, ["doubles", str(tmp_path / name)])
    assert result.exit_code == 2
    assert name in result.stderr


def test_check_against_a_folder_of_audio(shards: Path, benchmark: Path) -> None:
    findings = {finding.check: finding for finding in lint(shards, [benchmark], blind=False).findings}
    finding = findings["recordings: benchmark"]
    assert finding.grade == "error"
    assert finding.examples == ("clip1 = q17.flac",)
    assert "1 of 3 clips" in finding.message
    assert "1 cannot be decoded" in finding.message


def test_check_of_questions_needs_their_audio(tmp_path: Path, benchmark: Path) -> None:
    row = {"question": "Which?", "choices": ["a", "b"], "answer": "a", "audio": "other/q17.flac"}
    (tmp_path / "a.jsonl").write_text(json.dumps(row) + "\n")

    def grade(*options: Path) -> str:
        report = lint(tmp_path / "a.jsonl", [benchmark], *options, blind=False)
        return next(f.grade for f in report.findings if f.check.startswith("recordings"))

    assert grade() == "skipped"
    assert grade(benchmark) == "error"


def test_check_names_groups_in_several_splits(shards: Path) -> None:
    findings = {finding.check: finding for finding in lint(shards, blind=False).findings}
    assert findings["group: dialogue"].grade == "error"
    assert findings["group: dialogue"].examples == ("dialogue:4: clip0 (train) and clip1 (test)",)
    assert findings["group: uploader"].grade == "warning"
    assert "group: recording" not in findings


def test_push_refuses_groups_of_strict_kinds_in_several_splits(shards: Path) -> None:
    with pytest.raises(PaqaError, match=r"dialogue:4: clip0 .train. and clip1 .test.") as caught:
        hub.push(shards, "me/set", dry_run=True)
    assert "--force" in (caught.value.fix or "")
    assert hub.push(shards, "me/set", dry_run=True, force=True).summary
    with pytest.raises(ConfigError):
        hub.push(shards, "set", dry_run=True, force=True)
