"""Builds at once on one folder, and builds of two corpora into one folder."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.audio_made import folder_bytes, write_audio

from paqa_builder.config import Config
from paqa_builder.errors import ConfigError, NotReadyError
from paqa_builder.pipeline import build as building
from paqa_builder.pipeline import replaced
from paqa_builder.runtime import hold as holding
from paqa_builder.testing import tone_scene

MakeConfig = Callable[..., Config]


@pytest.fixture
def other(corpus: Path, tmp_path: Path) -> Path:
    """A corpus with the file names of :func:`corpus`, and other audio."""
    for n, path in enumerate(sorted(corpus.rglob("*.wav"))):
        tones = [("low", 0.5, 2.0 + 0.1 * n)]
        write_audio(tmp_path / "other" / path.relative_to(corpus), tone_scene(4.0, tones))
    return tmp_path / "other"


@pytest.mark.parametrize("folder", ["out", "work_folder"])
def test_a_folder_in_use_is_refused(
    fake_config: MakeConfig, tmp_path: Path, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "WAIT", 0.1)
    config = fake_config()
    ready, done = threading.Event(), threading.Event()

    def another() -> None:
        with holding.hold(getattr(config, folder), "--out"):
            ready.set()
            done.wait()

    thread = threading.Thread(target=another)
    thread.start()
    ready.wait()
    try:
        with pytest.raises(NotReadyError, match=rf"another build uses .*process {os.getpid()}"):
            building.build(config)
    finally:
        done.set()
        thread.join()
    building.build(config)
    hidden = [path.name for place in (config.out, config.work_folder) for path in place.glob(".*")]
    assert not hidden


@pytest.mark.parametrize("kept", [True, False], ids=["with its work folder", "without it"])
def test_another_corpus_is_refused(fake_config: MakeConfig, other: Path, kept: bool) -> None:
    config = fake_config(limit=2)
    building.build(config)
    if not kept:
        shutil.rmtree(config.work_folder)
    before = folder_bytes(config.out)
    with pytest.raises(ConfigError, match=r"another corpus; 0 of its 2 clips.*\n.*rm -r"):
        building.build(fake_config(root=other, limit=2))
    assert folder_bytes(config.out) == before
    assert building.build(config).unchanged
    shutil.rmtree(config.out)
    building.build(fake_config(root=other, limit=2))


def test_a_changed_corpus_is_the_same(fake_config: MakeConfig, corpus: Path, other: Path) -> None:
    """All clips may change in the same folder; a moved corpus may grow."""
    config = fake_config(limit=3)
    building.build(config)
    shutil.copytree(other, corpus, dirs_exist_ok=True)
    assert not building.build(config).unchanged
    moved = corpus.rename(corpus.with_name("moved"))
    shutil.rmtree(config.work_folder)
    building.build(fake_config(root=moved, limit=4))


TWO_HALVES = """
from paqa_builder.sources import SourceOptions
from paqa_builder.sources.folder import Folder

class HalfOptions(SourceOptions):
    first: bool = True

class TwoHalves(Folder):
    Options = HalfOptions
    def clips(self):
        self.options, options = Folder.Options(), self.options
        clips = sorted(super().clips(), key=lambda clip: clip.id)
        yield from clips[:3] if options.first else clips[3:]
"""


def test_another_part_of_the_same_folder_is_another_corpus(fake_config: MakeConfig, tmp_path: Path) -> None:
    plugin = tmp_path / "two_halves.py"
    plugin.write_text(TWO_HALVES)
    building.build(fake_config(plugins=[plugin], source="two_halves"))
    with pytest.raises(ConfigError, match=r"another corpus; 0 of its 3 clips"):
        building.build(fake_config(plugins=[plugin], source="two_halves", source_options={"first": False}))


def test_a_similar_corpus_is_not_replaced_without_a_word(
    fake_config: MakeConfig, corpus: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    building.build(fake_config(limit=3))
    similar = tmp_path / "similar"
    shutil.copytree(corpus, similar)
    (similar / "dialogue.wav").unlink()
    building.build(fake_config(root=similar, limit=2))
    assert "replaces an earlier data set, of whose 3 clips 2 are in" in caplog.text


def test_a_damaged_record_is_no_error(fake_config: MakeConfig) -> None:
    config = fake_config(limit=2)
    building.build(config)
    (config.work_folder / replaced.RECORD).write_text("[" * 100_000)
    assert building.build(config).unchanged
