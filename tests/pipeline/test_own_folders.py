"""Output and work folders below the corpus are no input, whichever source lists it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.audio_made import CONVERSATIONS, write_audio

from paqa_builder.config import Config
from paqa_builder.errors import SourceError
from paqa_builder.pipeline import build as building
from paqa_builder.pipeline import plan as planning
from paqa_builder.testing import tone_scene

MakeConfig = Callable[..., Config]
IDS = sorted(CONVERSATIONS)

ANY_AUDIO = """
from paqa_builder import Clip, Source

class AnyAudio(Source):
    name = "any_audio"
    def clips(self):
        for path in sorted(p for p in self.root.rglob("*") if p.suffix in (".wav", ".flac")):
            name = path.relative_to(self.root).with_suffix("").as_posix()
            yield Clip(id=name, source=self.name, split="train", path=str(path))
"""


def listed(config: Config) -> list[str]:
    return sorted(clip.id for clip in planning.make(config, save=False).clips)


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plugin") / "any_audio.py"
    path.write_text(ANY_AUDIO)
    return path


@pytest.fixture(params=["folder", "any_audio"])
def listing(request: pytest.FixtureRequest, fake_config: MakeConfig, plugin: Path) -> MakeConfig:
    """Configurations of a built-in source and of a plugin that knows nothing of builds."""

    def make(**changes: object) -> Config:
        return fake_config(source=request.param, plugins=[plugin], **changes)

    return make


def stem(work: Path) -> Path:
    """Writes a stem as a build does, also one that is killed before it finishes a part."""
    path = work / "separate-0123456789ab" / "stems" / "ab" / "abc.speech.wav"
    return write_audio(path, tone_scene(1.0, []))


def test_folders_of_this_build(listing: MakeConfig, corpus: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = listing(out=corpus / "shards", limit=7, stems="keep")
    building.build(config)
    assert list(config.work_folder.rglob("*.zip"))
    stem(config.work_folder)
    assert listed(config) == IDS
    assert "shards.work: 1 files left out" in caplog.text
    assert building.build(config).unchanged


def test_no_clip_is_left_beside_folders_of_builds(listing: MakeConfig, corpus: Path) -> None:
    config = listing(out=corpus / "shards", license_allow=["MIT"])
    stem(config.work_folder)
    with pytest.raises(SourceError, match="no clip has an allowed licence"):
        listed(config)


def test_folders_of_other_builds(listing: MakeConfig, corpus: Path, tmp_path: Path) -> None:
    stem(corpus / "kept" / "stems of one")
    write_audio(corpus / "deep" / "one" / "x.wav", tone_scene(1.0, []))
    (corpus / "deep" / "one" / "paqa.lock.json").write_text("{}")
    for out in (corpus / "new", tmp_path / "elsewhere"):
        assert listed(listing(out=out)) == IDS
    assert listed(listing(limit=3)) == IDS[:3]


def test_links_to_a_work_folder(listing: MakeConfig, corpus: Path, tmp_path: Path) -> None:
    config = listing()
    path = stem(config.work_folder)
    os.symlink(config.work_folder, corpus / "link", target_is_directory=True)
    os.symlink(path.parent, corpus / "part of it", target_is_directory=True)
    os.symlink(path, corpus / "a stem.wav")
    for out in (config.out, tmp_path / "other"):
        assert listed(listing(out=out)) == IDS


def test_the_corpus_itself_may_be_the_output_or_below_it(
    listing: MakeConfig, corpus: Path, tmp_path: Path
) -> None:
    (tmp_path / "paqa.lock.json").write_text("{}")
    stem(corpus)
    for out in (corpus, tmp_path):
        assert listed(listing(out=out, work=out)) == IDS


def test_a_folder_with_a_similar_name_is_input(listing: MakeConfig, corpus: Path) -> None:
    write_audio(corpus / "separate-0123456789ab" / "mine.wav", tone_scene(1.0, []))
    assert "separate-0123456789ab/mine" in listed(listing())
