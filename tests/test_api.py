"""The Python API: its names, its import time, the examples in its docstrings."""

from __future__ import annotations

import doctest
import subprocess
import sys
from pathlib import Path

import pytest

import paqa_builder as paqa
from paqa_builder.pipeline import api


@pytest.fixture
def recordings(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with ``recordings`` in it."""
    corpus.rename(tmp_path / "recordings")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PAQA_EXECUTOR", "inline")
    return tmp_path / "recordings"


def test_every_name_is_there_and_listed() -> None:
    for name in paqa.__all__:
        assert getattr(paqa, name) is not None
    assert dir(paqa) == paqa.__all__
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = paqa.no_such_name


def test_importing_it_loads_no_other_package() -> None:
    code = "import sys; before = set(sys.modules); import paqa_builder; print(set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in eval(done.stdout)}
    assert not loaded & {"numpy", "pyarrow", "pydantic", "yaml", "torch", "typer"}


@pytest.mark.parametrize("name", ["build", "perceive", "ask", "verify"])
def test_the_examples_in_docstrings_run(name: str, recordings: Path) -> None:
    (test,) = doctest.DocTestFinder(recurse=False).find(getattr(api, name), name)
    result = doctest.DocTestRunner().run(test)
    assert (result.attempted > 0, result.failed) == (True, 0)


def test_perceive_deletes_its_temporary_files(recordings: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    paqa.perceive(recordings / "overlap.wav", "fake")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_work_folder_keeps_the_stems(recordings: Path, tmp_path: Path) -> None:
    scene = paqa.perceive(recordings / "overlap.wav", "fake", work=tmp_path / "work")
    for stem in scene.stems:
        audio = paqa.load_stem(stem, tmp_path / "work")
        assert audio.rms == pytest.approx(stem.rms, abs=1e-4)
        assert len(audio.samples) == round(scene.duration * audio.rate)
    with pytest.raises(paqa.ConfigError, match="not there"):
        paqa.load_stem(scene.stems[0], tmp_path / "elsewhere")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.wav"
    path.write_bytes(b"no audio")
    with pytest.raises(paqa.AudioError, match=r"broken\.wav: stage read"):
        paqa.perceive(path, "fake")


def test_scenes_of_shards_give_proved_questions(recordings: Path) -> None:
    paqa.build("folder", root=recordings, out="shards", preset="fake")
    scenes = {scene.clip.id: scene for scene in paqa.load_scenes("shards")}
    questions = paqa.ask(scenes.values())
    assert questions
    assert not any(paqa.verify(question, scenes[question.clip_id]) for question in questions)
