"""``paqa new source`` writes a source, a card and a test that work as they are."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from paqa_builder import registry
from paqa_builder.cli import app
from paqa_builder.dataset.card import about_source
from paqa_builder.errors import SourceError
from paqa_builder.testing import check_source, write_tones

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _forget_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_plugins", dict(registry._plugins))


def new(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["new", "source", *words])
    return result.exit_code, result.output


def python(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PAQA_EXECUTOR": "inline"}
    return subprocess.run(
        [sys.executable, *words], cwd=cwd, env=environment, capture_output=True, text=True, timeout=300
    )


def test_the_files_pass_as_they_are_and_the_printed_commands_run(tmp_path: Path) -> None:
    status, output = new("my_birds", "--dir", str(tmp_path / "own"))
    assert status == 0, output
    names = {"my_birds.py", "my_birds.md", "test_my_birds.py"}
    assert {path.name for path in (tmp_path / "own").iterdir()} == names
    commands = [shlex.split(line) for line in output.splitlines() if re.match(r" +(python|paqa) ", line)]
    assert [command[:2] for command in commands] == [
        ["python", "-m"], ["paqa", "plan"], ["paqa", "build"], ["paqa", "verify"],
    ]  # fmt: skip
    root = tmp_path / "corpus"
    rows = ["file,labels,text,speaker,license"]
    for n in range(4):
        write_tones(root / f"{n}.wav")
        rows.append(f"{n}.wav,dog_bark;birdsong,Good morning.,anna,CC0-1.0")
    (root / "index.csv").write_text("\n".join(rows) + "\n")
    for tool, *words in commands:
        words = [str(root) if word == "FOLDER" else word for word in words]
        done = python(*(words if tool == "python" else ["-m", "paqa_builder", *words]), cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_files_are_of_the_style_of_this_repository(tmp_path: Path) -> None:
    new("my_birds", "--dir", str(tmp_path))
    for tool in (["check"], ["format", "--check"]):
        done = python("-m", "ruff", *tool, "--config", str(ROOT / "pyproject.toml"), str(tmp_path), cwd=ROOT)
        assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_is_overwritten_and_bad_names_are_refused(tmp_path: Path) -> None:
    (tmp_path / "test_birds.py").write_text("mine")
    status, output = new("birds", "--dir", str(tmp_path))
    assert (status, "test_birds.py: is there already" in output.replace("\n", "")) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["test_birds.py"]
    for name in ("Birds", "1birds", "my birds", "../birds", "class", "fsd50k", ""):
        assert new("--dir", str(tmp_path), "--", name)[0] == 2, name
    assert len(list(tmp_path.iterdir())) == 1


def test_the_card_of_a_plugin_is_beside_it(tmp_path: Path) -> None:
    new("my_birds", "--dir", str(tmp_path))
    registry.load_plugin(tmp_path / "my_birds.py")
    assert about_source("my_birds").startswith("What the corpus holds")
    assert about_source("no_such_source") == ""


def test_a_broken_contract_is_named(tmp_path: Path) -> None:
    new("my_birds", "--dir", str(tmp_path))
    plugin, root = tmp_path / "my_birds.py", tmp_path / "corpus"
    write_tones(root / "1.wav")
    (root / "index.csv").write_text("file,split\n1.wav,exam\n")
    with pytest.raises(SourceError, match="row 2: the split 'exam'"):
        check_source(plugin, root)
    (root / "index.csv").write_text("file\n1.wav\ngone.wav\n")
    with pytest.raises(AssertionError, match=r"gone\.wav"):
        check_source(plugin, root)


@pytest.mark.parametrize("name", ["json", "test", "numpy", "paqa_builder", "x" * 200])
def test_names_of_modules_are_refused(name: str, tmp_path: Path) -> None:
    status, output = new(name, "--dir", str(tmp_path))
    assert status == 2
    assert "→" in output
    assert not [*tmp_path.iterdir()]


def test_rows_and_paths_are_settings(tmp_path: Path) -> None:
    assert new("my_birds", "--dir", str(tmp_path))[0] == 0
    plugin = tmp_path / "my_birds.py"
    text = plugin.read_text().replace('AUDIO = "{}"', 'AUDIO = "clips/{}.wav"')
    plugin.write_text(text.replace("ONLY: dict[str, str] = {}", 'ONLY = {"kind": "speech"}'))
    done = python("-m", "pytest", "-q", "test_my_birds.py", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    write_tones(tmp_path / "c" / "clips" / "a.wav")
    table = tmp_path / "c" / "index.csv"
    table.write_text("file,kind\na,speech\nb,music\n")
    assert [clip.id for clip in check_source(plugin, tmp_path / "c")] == ["a"]
    for name in ("../b", "/b"):
        table.write_text(f"file,kind\n{name},speech\n")
        with pytest.raises(SourceError, match="not below"):
            check_source(plugin, tmp_path / "c")
