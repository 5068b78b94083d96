"""The Python API: what ``import paqa_builder`` offers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from helpers.audio_made import CONVERSATIONS, write_audio

import paqa_builder as paqa
from paqa_builder.testing import tone_scene

# The scene of one file and of a build are the same but for how the clip is listed.
LAYERS = ("audio", "turns", "tags", "utterances", "measures", "failures")


def test_all_names_lead_somewhere() -> None:
    for name in paqa.__all__:
        assert getattr(paqa, name) is not None
    assert set(paqa.__all__) <= set(dir(paqa))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = paqa.nothing


def test_importing_the_package_imports_nothing_heavy() -> None:
    heavy = ("numpy", "pydantic", "yaml", "pyarrow", "torch", "typer")
    code = f"import sys, paqa_builder; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(paqa.__file__).parent / "py.typed").is_file()


class TestBuild:
    @pytest.fixture
    def shards(self, corpus: Path, tmp_path: Path) -> Path:
        out = tmp_path / "out"
        report = paqa.build("folder", root=corpus, out=out, preset="fake", executor="inline")
        assert not report.failures
        return out

    def test_a_build_is_read_back_as_records_and_proved(self, shards: Path) -> None:
        scenes = {scene.clip.id: scene for scene in paqa.load_scenes(shards)}
        questions = list(paqa.load_questions(shards))
        assert len(scenes) == len(CONVERSATIONS)
        assert questions
        assert not [q.id for q in questions if paqa.verify(q, scenes[q.clip_id])]

    def test_the_scene_of_one_file_is_that_of_the_build(self, shards: Path, corpus: Path) -> None:
        for built in paqa.load_scenes(shards):
            scene = paqa.perceive(corpus / f"{built.clip.id}.wav", preset="fake")
            for layer in LAYERS:
                assert getattr(scene, layer) == getattr(built, layer), layer

    def test_a_wrong_setting_is_named(self, corpus: Path, tmp_path: Path) -> None:
        with pytest.raises(paqa.ConfigError, match="sed: unknown key"):
            paqa.build("folder", root=corpus, out=tmp_path / "out", preset="fake", sed=1)


class TestOneFile:
    @pytest.fixture
    def scene(self, tmp_path: Path) -> paqa.Scene:
        name, tones = next(iter(CONVERSATIONS.items()))
        write_audio(tmp_path / f"{name}.wav", tone_scene(10.0, tones))
        return paqa.perceive(str(tmp_path / f"{name}.wav"), preset="fake")

    def test_questions_about_it_are_proved(self, scene: paqa.Scene) -> None:
        questions = paqa.ask([scene])
        assert questions
        assert all(paqa.verify(question, scene) == [] for question in questions)
        assert questions == paqa.ask([scene])

    def test_options_choose_templates(self, scene: paqa.Scene) -> None:
        questions = paqa.ask([scene], questions={"include": ["speaker_count"]})
        assert {question.template for question in questions} <= {"speaker_count"}

    def test_a_question_about_another_scene_is_not_proved(self, scene: paqa.Scene, tmp_path: Path) -> None:
        write_audio(tmp_path / "quiet.wav", tone_scene(5.0))
        other = paqa.perceive(tmp_path / "quiet.wav", preset="fake")
        assert paqa.verify(paqa.ask([scene])[0], other)

    @pytest.mark.parametrize("content", [b"", b"no audio at all", None])
    def test_a_file_that_is_no_audio_is_an_error(self, content: bytes | None, tmp_path: Path) -> None:
        path = tmp_path / "bad.wav"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(paqa.AudioError, match=r"bad\.wav"):
            paqa.perceive(path, preset="fake")

    def test_a_work_folder_keeps_the_stems(self, tmp_path: Path) -> None:
        write_audio(tmp_path / "a.wav", tone_scene(3.0))
        scene = paqa.perceive(tmp_path / "a.wav", preset="fake", work=tmp_path / "work")
        assert scene.stems is not None
        assert all((tmp_path / "work" / stem.path).is_file() for stem in scene.stems)
