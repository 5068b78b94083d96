"""The examples do what they say, and stay as short as promised."""

from __future__ import annotations

from pathlib import Path

import pytest

from paqa_builder import audio, registry
from paqa_builder.labels import audioset
from paqa_builder.perception.backends.base import AudioInput
from paqa_builder.testing import check_backend

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"


@pytest.fixture(autouse=True)
def _forget_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_plugins", dict(registry._plugins))


@pytest.mark.parametrize("name", ["new_corpus.py", "new_model.py"])
def test_an_example_is_at_most_25_lines(name: str) -> None:
    assert len((EXAMPLES / name).read_text().splitlines()) <= 25


@pytest.fixture
def corpus() -> type:
    (entry,) = registry.load_plugin(EXAMPLES / "new_corpus.py")
    assert (entry.kind, entry.name) == ("source", "my_urbansound8k")
    return registry.get("source", entry.name)


class TestNewCorpus:
    def test_it_lists_clips_with_their_labels(self, corpus: type, tmp_path: Path) -> None:
        (tmp_path / "metadata").mkdir()
        (tmp_path / "metadata" / "UrbanSound8K.csv").write_text(
            "slice_file_name,fsID,start,end,salience,fold,classID,class\n"
            "100032-3-0-0.wav,100032,0.0,0.317551,1,5,3,dog_bark\n"
            "100263-2-0-117.wav,100263,58.5,62.5,1,10,2,children_playing\n"
        )
        bark, children = corpus(tmp_path).clips()
        assert bark.path == str(tmp_path / "audio" / "fold5" / "100032-3-0-0.wav")
        assert [tag.label for tag in bark.truth.tags] == ["Bark"]
        assert bark.truth.tags[0].origin.backend == "my_urbansound8k"
        assert (bark.split, children.split) == ("train", "test")

    @pytest.mark.testdata
    def test_the_official_table(self, corpus: type, testdata: Path) -> None:
        clips = list(corpus(testdata / "corpora" / "UrbanSound8K").clips())
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

    def test_it_holds_to_the_contract(self, model: type) -> None:
        check_backend(model)

    def test_it_hears_who_speaks(self, model: type) -> None:
        """``call.opus``: 0.4 to 3.3 s, then a busy signal, then 6.4 to 9.7 s."""
        sound = audio.resample(audio.read(ROOT / "demo" / "audio" / "call.opus")[0], model.sample_rate)
        backend = model()
        backend.load()
        spans = backend.diarize(AudioInput(sound, sound))
        assert spans[0].start == pytest.approx(0.4, abs=0.5)
        assert spans[-1].end == pytest.approx(9.7, abs=0.5)
        assert {span.name for span in spans} == {"me"}
