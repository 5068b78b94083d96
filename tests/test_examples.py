"""The examples run and have at most 40 lines."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from paqa_builder import audio, registry
from paqa_builder.config import Config
from paqa_builder.labels import audioset
from paqa_builder.perception.backends.base import AudioInput
from paqa_builder.pipeline import build as building
from paqa_builder.questions import load_templates
from paqa_builder.questions.examples import run_example
from paqa_builder.testing import check_backend

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"


@pytest.fixture(autouse=True)
def _forget_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_plugins", dict(registry._plugins))


@pytest.mark.parametrize("path", sorted(EXAMPLES.iterdir()), ids=lambda path: path.name)
def test_an_example_is_at_most_40_lines(path: Path) -> None:
    assert path.is_dir() or len(path.read_text().splitlines()) <= 40


def test_building_from_python(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PAQA_EXECUTOR", "inline")
    example = runpy.run_path(str(EXAMPLES / "build_from_python.py"))
    example["main"](corpus, tmp_path / "shards", "fake")
    assert "questions, 0 clips failed" in capsys.readouterr().out


def test_the_template_passes_its_own_examples_and_is_asked(fake_config: Callable[..., Config]) -> None:
    path = EXAMPLES / "new_template.yaml"
    template = next(t for t in load_templates([path]) if t.name == "my_speaker_count")
    assert not [problem for example in template.examples for problem in run_example(template, example)]
    questions = {"include": [template.name], "balance": False}
    report = building.build(fake_config(templates=[path], questions=questions))
    assert set(report.summary.templates) == {template.name}


def test_the_reward_is_used() -> None:
    rewards = pytest.importorskip("recipes.rewards")
    registry.load_plugin(EXAMPLES / "new_reward.py")
    assert rewards.total({"concise": 0.5}, ["short", "word " * 240], [None, None]) == [0.5, 0.25]


def test_the_family_makes_a_model_that_runs() -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from recipes.families import family

    registry.load_plugin(EXAMPLES / "new_family.py")
    mine = family("my_qwen2_audio")
    model, processor = mine.tiny()
    texts = [mine.text(processor, "Which sound is heard?")]
    batch = mine.process(processor, texts, [np.zeros(mine.rate(processor), np.float32)])
    with torch.no_grad():
        assert torch.isfinite(model(**batch).logits).all()
    assert mine.tower(model) is not mine.language_model(model)


@pytest.fixture
def source() -> type:
    (entry,) = registry.load_plugin(EXAMPLES / "new_corpus.py")
    assert (entry.kind, entry.name) == ("source", "my_urbansound8k")
    return registry.get("source", entry.name)


class TestNewCorpus:
    def test_it_lists_clips_with_their_labels(self, source: type, tmp_path: Path) -> None:
        (tmp_path / "metadata").mkdir()
        (tmp_path / "metadata" / "UrbanSound8K.csv").write_text(
            "slice_file_name,fsID,start,end,salience,fold,classID,class\n"
            "100032-3-0-0.wav,100032,0.0,0.317551,1,5,3,dog_bark\n"
            "100263-2-0-117.wav,100263,58.5,62.5,1,10,2,children_playing\n"
        )
        bark, children = source(tmp_path).clips()
        assert bark.path == str(tmp_path / "audio" / "fold5" / "100032-3-0-0.wav")
        assert [tag.label for tag in bark.truth.tags] == ["Bark"]
        assert bark.truth.tags[0].origin.backend == "my_urbansound8k"
        assert (bark.split, children.split) == ("train", "test")

    @pytest.mark.testdata
    def test_the_official_table(self, source: type, testdata: Path) -> None:
        clips = list(source(testdata / "corpora" / "UrbanSound8K").clips())
        assert len(clips) == len({clip.id for clip in clips}) == 8732
        labels = {tag.label for clip in clips for tag in clip.truth.tags}
        assert len(labels) == 10
        assert labels <= set(audioset.labels())
        assert sum(Path(clip.path).is_file() for clip in clips) >= 1


@pytest.mark.models
class TestNewModel:
    @pytest.fixture
    def model(self) -> type:
        pytest.importorskip("faster_whisper")
        (entry,) = registry.load_plugin(EXAMPLES / "new_model.py")
        assert (entry.kind, entry.name) == ("diarize", "monologue")
        return registry.get("diarize", entry.name)

    def test_it_fulfils_the_contract(self, model: type) -> None:
        check_backend(model)

    def test_it_finds_the_speech(self, model: type) -> None:
        """``call.opus``: 0.4 to 3.3 s, then a busy signal, then 6.4 to 9.7 s."""
        sound = audio.resample(audio.read(ROOT / "demo" / "audio" / "call.opus")[0], model.sample_rate)
        backend = model()
        backend.load()
        spans = backend.diarize(AudioInput(sound, sound))
        assert spans[0].start == pytest.approx(0.4, abs=0.5)
        assert spans[-1].end == pytest.approx(9.7, abs=0.5)
        assert {span.name for span in spans} == {"me"}
