"""Demucs with a small random network: shapes, alignment, bytes. How well it separates is not tested here."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from helpers.production import needs

from paqa_builder.audio import Audio
from paqa_builder.errors import NotReadyError
from paqa_builder.perception.backends.base import AudioInput
from paqa_builder.perception.backends.separate.demucs import RATE, Demucs
from paqa_builder.testing import check_backend, hear, murmur

pytestmark = [pytest.mark.models, needs("torch", "demucs", "safetensors")]

SETTINGS = {
    "sources": ["drums", "vocals"], "channels": 8, "depth": 4, "nfft": 1024, "t_layers": 1,
    "bottom_channels": 0, "samplerate": RATE, "segment": Fraction(2, 1), "t_heads": 2, "t_hidden_scale": 1.0,
}  # fmt: skip


def save(path: Path, **changes: object) -> Path:
    """A small HTDemucs with random weights, in the form in which the authors publish theirs."""
    import torch
    from demucs.htdemucs import HTDemucs
    from safetensors.torch import save_file

    settings = SETTINGS | changes
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = HTDemucs(**settings)
    segment = settings["segment"]
    assert isinstance(segment, Fraction)
    fraction = {"_type": "fraction", "numerator": segment.numerator, "denominator": segment.denominator}
    metadata = {
        "klass": "demucs.htdemucs.HTDemucs",
        "args": "[]",
        "kwargs": json.dumps(settings | {"segment": fraction}),
    }
    save_file(
        {name: value.contiguous().half() for name, value in network.state_dict().items()}, path, metadata
    )
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("demucs") / "small.safetensors")


@pytest.fixture(scope="module")
def backend(weights: Path) -> Demucs:
    made = Demucs(Demucs.Options(model=str(weights), device="cpu"))
    made.load()
    return made


def test_backend_contract(weights: Path) -> None:
    check_backend(Demucs, Demucs.Options(model=str(weights), device="cpu"))


def test_the_stems_add_up_to_the_mixture(backend: Demucs) -> None:
    mix = hear(murmur(5.3), RATE)
    speech, background = backend.separate(mix)
    assert np.abs(speech.samples + background.samples - mix.main.samples).max() < 1e-6
    assert speech.rms > 0


@pytest.mark.parametrize("seconds", [0.7, 2.0, 5.3])
def test_same_as_the_packages_own_inference(backend: Demucs, seconds: float) -> None:
    """Less the random shifts: what ``demucs.apply`` makes of the vocals."""
    import torch
    from demucs.apply import apply_model

    mix = hear(murmur(seconds), RATE).main
    mean, scale = mix.samples.mean(), mix.samples.std() + 1e-8
    stereo = torch.from_numpy((mix.samples - mean) / scale)[None, None].repeat(1, 2, 1)
    with torch.no_grad():
        sources = apply_model(backend._network, stereo, shifts=0, split=True, overlap=0.25)
    vocals = sources[0, 1].mean(0).numpy() * scale
    speech, _ = backend.separate(AudioInput(mix, mix))
    assert np.abs(speech.samples - vocals).max() < 1e-4 * np.abs(vocals).max()


def test_windows_are_aligned(backend: Demucs, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an identity network, the output is the input."""
    monkeypatch.setattr(backend, "_predict", lambda windows: np.stack(windows))
    for seconds in (0.1, 1.99, 2.0, 2.01, 7.3):
        mix = hear(murmur(seconds), RATE).main
        speech, background = backend.separate(AudioInput(mix, mix))
        assert np.abs(speech.samples - (mix.samples - mix.samples.mean())).max() < 1e-5
        assert len(background.samples) == len(mix.samples)


def test_a_gpus_batches_over_clips_give_the_same_as_single_windows(backend: Demucs) -> None:
    clips = [hear(murmur(seconds, seed=n), RATE) for n, seconds in enumerate((1.2, 5.3, 0.5))]
    silence = Audio(np.zeros(RATE, np.float32), RATE)
    clips.insert(1, AudioInput(silence, silence))
    alone = [backend.separate(clip) for clip in clips]
    before, sizes = backend._batches.size, []

    def predict(windows: list[np.ndarray]) -> np.ndarray:
        sizes.append(len(windows))
        return Demucs._predict(backend, windows)

    try:
        backend._batches.size = 4
        backend._predict = predict  # type: ignore[method-assign]
        together = backend.run(clips)
    finally:
        backend._batches.size = before
        del backend._predict
    assert sizes == [4, 4]  # six windows of four clips
    for one, other in zip(alone, together, strict=True):
        for stem, same in zip(one, other, strict=True):
            assert np.allclose(stem.samples, same.samples, atol=1e-5)
    assert not together[1][0].samples.any()


def test_half_precision_is_similar(backend: Demucs, weights: Path) -> None:
    half = Demucs(Demucs.Options(model=str(weights), device="cpu", precision="bfloat16"))
    half.load()
    window = [hear(murmur(2.0), RATE).main.samples]
    exact = backend._predict(window)
    assert np.abs(half._predict(window) - exact).mean() < 0.05 * np.abs(exact).mean()


def test_windows_beyond_the_range_of_half_precision_are_computed_in_full(
    backend: Demucs, monkeypatch: pytest.MonkeyPatch
) -> None:
    half, full = backend._torch.bfloat16, backend._torch.float32
    calls = []

    def voices(windows: list[np.ndarray], kind: object) -> np.ndarray:
        calls.append((len(windows), kind))
        found = np.stack(windows)
        if kind is half:
            found[1] = np.inf
        return found

    monkeypatch.setattr(backend, "_voices", voices)
    monkeypatch.setattr(backend, "_kind", half)
    windows = [np.full(8, n, np.float32) for n in range(3)]
    assert np.array_equal(backend._predict(windows), np.stack(windows))
    assert calls == [(3, half), (3, full)]


def test_the_result_does_not_depend_on_the_level(backend: Demucs) -> None:
    mix = hear(murmur(2.0), RATE).main
    loud, _ = backend.separate(AudioInput(mix, mix))
    quiet_mix = Audio((0.01 * mix.samples).astype(np.float32), mix.rate)
    quiet, _ = backend.separate(AudioInput(quiet_mix, quiet_mix))
    assert np.allclose(100 * quiet.samples, loud.samples, atol=1e-3 * float(np.abs(loud.samples).max()))


def test_files_of_other_models_are_refused(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAQA_CACHE", str(tmp_path))
    with pytest.raises(NotReadyError) as error:
        Demucs(Demucs.Options(device="cpu")).load()
    assert error.value.fix == "paqa fetch htdemucs-vocals"

    data = weights.read_bytes()
    foreign = tmp_path / "foreign.safetensors"
    foreign.write_bytes(data.replace(b"demucs.htdemucs.HTDemucs", b"demucs.htdemucs.HTDemucX"))
    (tmp_path / "text.safetensors").write_text("not weights")
    no_voice = save(tmp_path / "drums.safetensors", sources=["drums", "bass"])
    for path, reason in (
        (foreign, "HTDemucX"),
        (tmp_path / "text.safetensors", "not a"),
        (no_voice, "drums, bass"),
    ):
        with pytest.raises(NotReadyError, match=reason):
            Demucs(Demucs.Options(model=str(path), device="cpu")).load()
