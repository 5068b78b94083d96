"""What all formats have in common: selection, audio, files of others, interruptions, plugins."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import soundfile
from helpers.dataset import BUILD, clip_file, questions_of, scene_of
from typer.testing import CliRunner

from paqa_builder import registry
from paqa_builder.cli import app
from paqa_builder.dataset.write import write_shards
from paqa_builder.errors import ConfigError, DamagedError, NotReadyError
from paqa_builder.export import ExportReport, export, owned
from paqa_builder.testing import tone_scene

FORMATS = sorted(registry.BUILTIN["export"])
Run = Callable[..., ExportReport]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


@pytest.mark.parametrize("name", FORMATS)
def test_an_export_is_complete_and_the_same_twice(run: Run, tmp_path: Path, name: str) -> None:
    def everything() -> dict[str, bytes]:
        files = sorted(path for path in (tmp_path / "out").rglob("*") if path.is_file())
        return {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in files}

    report = run(name)
    first = everything()
    assert report.clips
    assert report.rows
    assert report.failures == []
    with (report.folder / "ATTRIBUTION.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == report.clips
    assert all(row["attribution"] == "Jo | Döe" and row["license"] == "CC0-1.0" for row in rows)
    assert all((report.folder / row["audio"]).is_file() for row in rows if row["audio"])
    assert run(name) == report
    assert everything() == first
    assert not (tmp_path / "out" / owned.INCOMING).exists()


def test_formats_share_the_audio(run: Run, tmp_path: Path) -> None:
    run("trl")
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "out/audio").iterdir()}
    run("ms-swift")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out/audio").iterdir()} == written
    assert len(written) == 4
    run("moss")
    assert {soundfile.info(path).samplerate for path in (tmp_path / "out/audio16k").iterdir()} == {16000}


def test_splits_and_limit(run: Run) -> None:
    assert run("trl", splits=("test",)).rows == {"test.jsonl": 4}
    assert run("trl", limit=1).rows == {"train.jsonl": 2}
    assert run("lmms-eval").rows == {"test.jsonl": 4}
    with pytest.raises(ConfigError, match="no split 'validation'"):
        run("trl", splits=("validation",))


def test_what_is_left_out_is_counted(run: Run) -> None:
    assert run("trl").left_out == {"clips without questions": 1, "clips that could not be read": 1}
    assert run("lhotse").left_out == {
        "clips whose audio is not in the shards": 1, "clips that could not be read": 1,
    }  # fmt: skip
    assert run("rttm").left_out["clips without a known layer of this format"] == 1


def test_a_smaller_export_removes_what_no_format_uses(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run("trl")
    run("ms-swift", splits=("test",))
    run("trl", splits=("test",))
    assert {path.name for path in (out / "trl").iterdir()} == {"test.jsonl", "ATTRIBUTION.csv"}
    used = {Path(row["prompt"][0]["content"][0]["path"]) for row in lines(out / "trl/test.jsonl")}
    assert set((out / "audio").iterdir()) == used


def test_files_of_others_are_not_replaced(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "trl").mkdir(parents=True)
    (out / "trl/notes.txt").write_text("mine")
    (out / "trl/train.jsonl").write_text("mine")
    with pytest.raises(ConfigError, match=r"trl/train.jsonl"):
        run("trl")
    (out / "trl/train.jsonl").unlink()
    (out / "audio").mkdir(exist_ok=True)
    (out / "audio/plain.wav").write_text("mine")
    with pytest.raises(ConfigError, match=r"audio/plain.wav: in the way"):
        run("trl")
    (out / "audio/plain.wav").unlink()
    run("trl")
    (out / "trl/train.jsonl").write_text("edited")
    with pytest.raises(ConfigError, match="changed since"):
        run("trl")
    assert (out / "trl/train.jsonl").read_text() == "edited"
    assert (out / "trl/notes.txt").read_text() == "mine"


@pytest.mark.parametrize("place", ["trl", "audio", owned.LIST, owned.INCOMING])
def test_links_are_not_followed(run: Run, tmp_path: Path, place: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / place).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="in the way"):
        run("trl")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_data_set_is_no_place_for_an_export(shards: Path) -> None:
    with pytest.raises(ConfigError, match="holds a data set"):
        export(shards, "rttm", shards)
    assert not (shards / "rttm").exists()


@pytest.mark.parametrize("path", ["../x/y", "/etc/x", "trl/../../y", "x"])
def test_a_list_that_leads_out_of_the_folder_is_refused(run: Run, tmp_path: Path, path: str) -> None:
    run("rttm")
    file = tmp_path / "out" / owned.LIST
    content = json.loads(file.read_text())
    content["formats"]["rttm"]["files"] = {path: "0" * 64}
    file.write_text(json.dumps(content))
    with pytest.raises(ConfigError, match="damaged"):
        run("rttm")


def test_an_interrupted_export_is_completed(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run("textgrid")
    wanted = {path.name: path.read_bytes() for path in whole.folder.iterdir()}
    run("textgrid", splits=("test",))
    moved: list[Path] = []

    def move(path: Path, target: Path) -> None:
        if len(moved) == 2:
            raise KeyboardInterrupt
        moved.append(target)
        path.replace(target)

    with monkeypatch.context() as patch:
        patch.setattr(owned.files, "move_atomic", move)
        patch.setattr(owned.files, "write_atomic", lambda path, data, setting: path.write_bytes(data))
        with pytest.raises(KeyboardInterrupt):
            run("textgrid")
    assert run("textgrid") == whole
    assert {path.name: path.read_bytes() for path in whole.folder.iterdir()} == wanted


def test_a_full_disk_is_an_error_with_advice(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("paqa_builder.export.output.as_line", full)
        with pytest.raises(NotReadyError, match="no space left"):
            run("trl")
    assert not (tmp_path / "out" / owned.INCOMING).exists()
    assert run("trl").rows


def test_audio_that_most_tools_cannot_read_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "clip.au"
    sound = tone_scene(1.0, [("low", 0.2, 0.8)])
    soundfile.write(path, sound.samples, sound.rate, subtype="PCM_16")
    scene = scene_of(path)
    write_shards(tmp_path / "shards", [(scene, questions_of(scene))], BUILD)
    report = export(tmp_path / "shards", "trl", tmp_path / "out")
    info = soundfile.info(tmp_path / "out/audio/clip.flac")
    assert (report.clips, info.format, info.channels) == (1, "FLAC", 1)
    assert info.duration == pytest.approx(scene.duration, abs=0.01)


def test_questions_without_a_scene_are_damage(shards: Path, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    broken = tmp_path / "broken"
    shutil.copytree(shards, broken)
    (file,) = (broken / "scenes").glob("train-*")
    pq.write_table(pq.read_table(file).slice(1), file)
    (broken / "paqa.lock.json").unlink()  # which would tell that the file has changed
    with pytest.raises(DamagedError, match="have no scene"):
        export(broken, "trl", tmp_path / "out")


PLUGIN = """
from paqa_builder.export import QuestionFormat

class Pairs(QuestionFormat):
    \"\"\"Pairs of question and answer.\"\"\"

    def row(self, clip, question, out):
        return {"audio": out.relative(clip.audio.path), "q": question.question, "a": question.answer}
"""


def test_a_plugin_adds_a_format(shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_plugins", dict(registry._plugins))
    (tmp_path / "pairs.py").write_text(PLUGIN)
    command = [
        "export",
        str(shards),
        "--to",
        "pairs",
        str(tmp_path / "out"),
        "-p",
        str(tmp_path / "pairs.py"),
    ]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    rows = lines(tmp_path / "out/pairs/train.jsonl")
    assert {row["a"] for row in rows} == {"Siren"}
    assert (tmp_path / "out/pairs" / rows[0]["audio"]).is_file()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--to", "lhotze"], "Did you mean 'lhotse'"),
        (["--to", "trl", "--answer", "essay"], "--answer"),
        (["--to", "trl", "--layer", "both"], "--layer"),
        (["--to", "trl", "--split", "dev"], "no split 'dev'"),
    ],
)
def test_wrong_options_are_named(shards: Path, tmp_path: Path, more: list[str], words: str) -> None:
    result = CliRunner().invoke(app, ["export", str(shards), str(tmp_path / "out"), *more])
    assert result.exit_code == 2
    assert words in result.output.replace("\n", " ")


def test_every_format_is_listed() -> None:
    result = CliRunner().invoke(app, ["ls", "exports", "--json"])
    listed = json.loads(result.output)
    assert {row["name"] for row in listed} >= set(FORMATS)
    assert all(len(row["what"]) > 10 for row in listed)


def test_questions_of_restricted_licences_are_exported(tmp_path: Path) -> None:
    """They are in files of their own (configuration ``nc``), between the clips of other licences."""
    terms = {"a": "CC0-1.0", "b": "CC-BY-NC-4.0", "c": "CC0-1.0", "d": "CC-BY-NC-4.0"}
    scenes = [
        scene_of(clip_file(tmp_path, f"{name}.wav"), terms=name_terms) for name, name_terms in terms.items()
    ]
    write_shards(tmp_path / "shards", [(scene, questions_of(scene)) for scene in scenes], BUILD)
    assert list((tmp_path / "shards/data").glob("nc-train-*"))
    report = export(tmp_path / "shards", "trl", tmp_path / "out")
    rows = lines(report.folder / "train.jsonl")
    assert [(row["clip_id"], row["license"]) for row in rows] == [
        item for item in terms.items() for _ in range(3)
    ]
    assert all(Path(row["prompt"][0]["content"][0]["path"]).is_file() for row in rows)
    assert report.left_out == {}


@pytest.mark.parametrize("harm", ["missing", "shortened", "audio"])
def test_shards_that_lost_something_are_refused(shards: Path, tmp_path: Path, harm: str) -> None:
    harmed = tmp_path / "harmed"
    shutil.copytree(shards, harmed)
    (path,) = (harmed / "data").glob("train-*")
    if harm == "missing":
        path.unlink()
    elif harm == "shortened":
        path.write_bytes(path.read_bytes()[:-9])
    else:  # the same size, and readable
        data = path.read_bytes()
        samples = data.index(b"data", data.index(b"RIFF")) + 100
        path.write_bytes(data[:samples] + bytes(8) + data[samples + 8 :])
    with pytest.raises(DamagedError, match=r"missing|not complete|the audio of clip .* is damaged"):
        export(harmed, "trl", tmp_path / "out")
