"""openai-whisper on the checkpoint that is converted from the embedded weights."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile
from helpers.production import needs

from paqa_builder.audio import Audio, read
from paqa_builder.errors import ConfigError, NotReadyError
from paqa_builder.perception.backends.transcribe.faster_whisper import FasterWhisper
from paqa_builder.perception.backends.transcribe.openai_whisper import OpenaiWhisper, embedded_checkpoint
from paqa_builder.testing import check_backend, hear, murmur
from paqa_builder.weights import ctranslate2, store

pytestmark = [
    pytest.mark.models,
    needs("torch", "whisper", "faster_whisper"),
    pytest.mark.skipif(bool(store.missing()), reason="models are not installed: paqa fetch embedded"),
]


@pytest.fixture(scope="module")
def speech() -> Audio:
    """Two people for 16 s: the sample that pyannote.audio carries, or else one of the test data's."""
    found = find_spec("pyannote.audio") if find_spec("pyannote") else None
    if found and found.origin:
        sample = read(Path(found.origin).parent / "sample" / "sample.wav")[0]
        return Audio(sample.samples[: 16 * sample.rate], sample.rate)
    if folder := os.environ.get("PAQA_TESTDATA"):
        return read(sorted(Path(folder, "scenes", "audio").glob("*.flac"))[0])[0]
    pytest.skip("no speech here: neither pyannote.audio's sample nor PAQA_TESTDATA")


@pytest.fixture(scope="module")
def greedy() -> OpenaiWhisper:
    made = OpenaiWhisper(OpenaiWhisper.Options(beam_size=1, device="cpu"))
    made.load()
    return made


def test_same_words_as_faster_whisper_at_the_same_times(greedy: OpenaiWhisper, speech: Audio) -> None:
    """The same weights by two implementations, both greedy and in float32."""
    other = FasterWhisper(FasterWhisper.Options(beam_size=1, device="cpu", compute_type="float32"))
    other.load()
    ours, theirs = (backend.transcribe(hear(speech, 16_000)) for backend in (greedy, other))
    assert len(ours.words) > 15
    assert [word.text for word in ours.words] == [word.text for word in theirs.words]
    # A word's time is where its cross-attention peaks; rounding may move that by a few ticks of 0.02 s.
    assert max(abs(a.start - b.start) for a, b in zip(ours.words, theirs.words, strict=True)) <= 0.1
    assert ours.language == theirs.language == "en"
    assert abs(ours.language_confidence - theirs.language_confidence) < 0.1


def test_backend_contract() -> None:
    check_backend(
        OpenaiWhisper, OpenaiWhisper.Options(beam_size=1, language="en", device="cpu"), clips=(murmur(3.0),)
    )


def test_the_checkpoint_loads_with_the_packages_own_loader() -> None:
    import torch
    import whisper

    model = whisper.load_model(str(embedded_checkpoint()), device="cpu")
    assert (model.dims.n_audio_state, model.dims.n_text_layer, model.dims.n_vocab) == (512, 6, 51865)
    assert model.is_multilingual
    # The encoder's positions are sinusoids that Whisper computes itself: the converted ones must be those.
    from whisper.model import sinusoids

    assert torch.allclose(model.encoder.positional_embedding, sinusoids(1500, 512), atol=1e-3)


def test_the_alignment_heads_are_those_of_the_package(greedy: OpenaiWhisper) -> None:
    import whisper

    dims = greedy._whisper.model.dims
    known = whisper.model.Whisper(dims)
    known.set_alignment_heads(whisper._ALIGNMENT_HEADS["base"])
    assert np.array_equal(
        greedy._whisper.model.alignment_heads.to_dense().numpy(), known.alignment_heads.to_dense().numpy()
    )


def test_a_cut_or_foreign_model_is_refused(tmp_path: Path) -> None:
    whole = (store.folder("faster-whisper-base") / "model.bin").read_bytes()
    for name, data in (("cut", whole[: len(whole) // 2]), ("foreign", b"GGUF" * 100), ("empty", b"")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "model.bin").write_bytes(data)
        with pytest.raises(ConfigError, match=r"model\.bin"):
            ctranslate2.whisper_checkpoint(folder, tmp_path / f"{name}.pt")
        assert not (tmp_path / f"{name}.pt").exists()
    with pytest.raises(ConfigError, match=r"no model\.bin"):
        ctranslate2.whisper_checkpoint(tmp_path / "nowhere", tmp_path / "out.pt")


def test_missing_models_name_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAQA_CACHE", str(tmp_path))
    with pytest.raises(NotReadyError) as error:
        OpenaiWhisper(OpenaiWhisper.Options(model="large-v3", device="cpu")).load()
    assert error.value.fix == "paqa fetch whisper-large-v3"
    assert "3087 MB" in error.value.message
    with pytest.raises(NotReadyError, match="neither a checkpoint"):
        OpenaiWhisper(OpenaiWhisper.Options(model="huge", device="cpu")).load()
    with pytest.raises(NotReadyError) as error:
        FasterWhisper(FasterWhisper.Options(model="large-v3", device="cpu")).load()
    assert error.value.fix == "paqa fetch faster-whisper-large-v3"
    soundfile.write(tmp_path / "no.pt", np.zeros(10), 8000, format="WAV")
    with pytest.raises(NotReadyError, match="not a checkpoint"):
        OpenaiWhisper(OpenaiWhisper.Options(model=str(tmp_path / "no.pt"), device="cpu")).load()
    with pytest.raises(ConfigError, match="float16 needs a GPU"):
        OpenaiWhisper(OpenaiWhisper.Options(precision="float16", device="cpu")).load()
