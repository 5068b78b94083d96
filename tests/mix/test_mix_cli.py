"""``paqa mix`` on the command line, and speech from an installed synthesiser."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import typer
import yaml
from helpers.audio_made import folder_bytes
from helpers.mix_pools import SPEC, events_manifest, speech_manifest
from typer.testing import CliRunner

from paqa_builder.cli import mix as command
from paqa_builder.errors import ConfigError, ExitCode, NotReadyError
from paqa_builder.mix import tts
from paqa_builder.mix.listings import read_recordings
from paqa_builder.mix.spec import make_spec
from paqa_builder.mix.tts import synthesise


def run(*arguments: object) -> tuple[int, str, str]:
    app = typer.Typer()
    app.add_typer(command.app, name="mix")
    app.command("other")(lambda: None)
    done = CliRunner().invoke(app, ["mix", *map(str, arguments)])
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def arguments(tmp_path: Path) -> list[object]:
    spec = tmp_path / "spec.yaml"
    spec.write_text(yaml.safe_dump(SPEC), encoding="utf-8")
    speech, events = speech_manifest(tmp_path), events_manifest(tmp_path)
    return ["--spec", spec, "--speech", speech, "--events", events, "--out", tmp_path / "out", "--jobs", 1]


def test_mix_and_render_again(arguments: list[object], tmp_path: Path) -> None:
    code, stdout, stderr = run(*arguments, "-n", 3, "--seed", 4, "--json")
    assert code == ExitCode.DONE, stderr
    assert json.loads(stdout)["scenes"] == 3
    rows = [
        json.loads(line)
        for line in (tmp_path / "out/manifest.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert [row["id"] for row in rows] == [f"t_4_{n:06d}" for n in range(3)]
    code, stdout, stderr = run("render", tmp_path / "out/scenes/t_4_000001.json", "--out", tmp_path / "again")
    assert code == ExitCode.DONE, stderr
    assert json.loads(stdout) == rows[1]
    before = folder_bytes(tmp_path / "out")
    again = folder_bytes(tmp_path / "again")
    assert "audio/t_4_000001.flac" in again
    assert all(before[name] == data for name, data in again.items())


@pytest.mark.parametrize("name", ["manifest.jsonl", "pools.json", "spec.yaml"])
def test_a_file_of_others_is_not_replaced(arguments: list[object], tmp_path: Path, name: str) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text("precious", encoding="utf-8")
    code, _, stderr = run(*arguments, "-n", 1)
    assert code == ExitCode.USAGE
    assert "choose another --out" in stderr
    assert folder_bytes(tmp_path / "out") == {name: b"precious"}


def test_errors_have_no_traceback(arguments: list[object], tmp_path: Path) -> None:
    code, _, stderr = run(*arguments[:-4])
    assert code == ExitCode.USAGE
    assert "--out DIR" in stderr
    (tmp_path / "spec.yaml").write_text("speaker: 3\n", encoding="utf-8")
    code, _, stderr = run(*arguments)
    assert code == ExitCode.USAGE
    assert "speaker: unknown key" in stderr
    (tmp_path / "no.json").write_text('{"version": 1, "id": 3}', encoding="utf-8")
    code, _, stderr = run("render", tmp_path / "no.json", "--out", tmp_path / "x")
    assert code == ExitCode.USAGE
    assert "not a design" in stderr


@pytest.mark.parametrize("link", [False, True])
def test_a_manifest_of_others_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, link: bool) -> None:
    def spoken(engine: object, voice: str, text: str, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()

    monkeypatch.setattr(tts, "_speak", spoken)
    monkeypatch.setattr(shutil, "which", lambda name: name)
    for _ in range(2):  # its own manifest is replaced
        manifest = synthesise("espeak-ng", ["en"], ["Good, day."], tmp_path / "own")
    for content in ("path,speaker\nmine.wav,me\n", manifest.read_text() + "mine.wav,me,,,,\n"):
        other = tmp_path / "other" / "manifest.csv"
        other.parent.mkdir(exist_ok=True)
        other.unlink(missing_ok=True)
        (tmp_path / "theirs").write_text(content)
        if link:
            other.symlink_to(tmp_path / "theirs")
        else:
            other.write_text(content)
        with pytest.raises(ConfigError, match="not written by paqa mix tts"):
            synthesise("espeak-ng", ["en"], ["Good day."], other.parent)
        assert other.read_text() == content
        assert [path.name for path in other.parent.iterdir()] == ["manifest.csv"]


@pytest.mark.parametrize(("engine", "voices"), [("flite", ["slt", "rms"]), ("espeak-ng", ["en-gb", "en-us"])])
def test_a_synthesiser_makes_a_pool(tmp_path: Path, engine: str, voices: list[str]) -> None:
    if shutil.which(engine) is None:
        pytest.skip(f"{engine} is not installed")
    texts = ["Good morning to you.", "It is raining again.", "-v is an option.", "", "Good morning to you."]
    manifest = synthesise(engine, voices, texts, tmp_path, language="en", license="MIT")
    pool = read_recordings("speech", [str(manifest)], make_spec({}))
    assert {r.text for r in pool.recordings} == {text for text in texts if text}
    assert {r.group for r in pool.recordings} == {f"{engine}:{voice}" for voice in voices}
    with pytest.raises(NotReadyError, match="nonesuch"):
        synthesise(engine, ["nonesuch"], texts[:1], tmp_path / "b")


def test_a_missing_engine_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="espeak-ng, flite, piper"):
        synthesise("festival", ["x"], ["hello"], tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotReadyError, match="not installed"):
        synthesise("flite", ["slt"], ["hello"], tmp_path)
