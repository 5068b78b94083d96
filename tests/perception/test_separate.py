"""Stems of *separate*."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from paqa_builder.audio import Audio, resample
from paqa_builder.perception.backends.base import AudioInput
from paqa_builder.perception.backends.fake import FakeSeparator
from paqa_builder.perception.separate import Separate
from paqa_builder.perception.stage import ClipContext
from paqa_builder.records import Clip
from paqa_builder.testing import tone_scene


@pytest.mark.parametrize(
    ("rate", "kept"), [(8_000, 8_000), (22_050, 22_050), (48_000, 48_000), (96_000, 48_000)]
)
def test_stems_keep_the_rate_up_to_48_khz_and_add_up_to_the_mix(tmp_path: Path, rate: int, kept: int) -> None:
    scene = tone_scene(1.0, (("low", 0.1, 0.9), ("Bell", 0.3, 0.7)), rate=rate)
    soundfile.write(tmp_path / "mix.wav", scene.samples, rate, subtype="FLOAT")
    saved: dict[str, Audio] = {}

    def save(name: str, audio: Audio) -> str:
        saved[name] = audio
        return f"{name}.flac"

    view = ClipContext(Clip("c", "test", "train", str(tmp_path / "mix.wav")), tmp_path, save_stem=save)
    stems = Separate(FakeSeparator()).run([view])[0]
    assert [stem.name for stem in stems] == ["speech", "background"]
    assert {stem.rate for stem in stems} == {kept}
    assert all(len(audio.samples) == kept for audio in saved.values())
    assert stems[0].rms == pytest.approx(saved["speech"].rms)
    both = saved["speech"].samples + saved["background"].samples
    assert np.allclose(both, resample(scene, kept).samples, atol=1e-6)


def test_the_top_of_the_band_survives_a_backend_with_another_rate(tmp_path: Path) -> None:
    """Resampling from 8 to 16 kHz and back loses what is near 4 kHz; the stems must not."""
    hiss = np.random.default_rng(0).standard_normal(8_000).astype(np.float32) / 10
    soundfile.write(tmp_path / "mix.wav", hiss, 8_000, subtype="FLOAT")
    saved: dict[str, Audio] = {}

    def save(name: str, audio: Audio) -> str:
        saved[name] = audio
        return name

    view = ClipContext(Clip("c", "test", "train", str(tmp_path / "mix.wav")), tmp_path, save_stem=save)
    Separate(FakeSeparator()).run([view])
    both = saved["speech"].samples + saved["background"].samples
    assert np.allclose(both, view.mix.samples, atol=1e-6)
    assert not np.allclose(resample(resample(view.mix, 16_000), 8_000).samples, view.mix.samples, atol=1e-2)


class Enhancer(FakeSeparator):
    """Removes a third of the speech, and everything else."""

    enhances = True

    def separate(self, heard: AudioInput) -> tuple[Audio, Audio]:
        low, _ = super().separate(heard)
        speech = low.samples * np.float32(2 / 3)
        return Audio(speech, low.rate), Audio(heard.main.samples - speech, low.rate)


def test_removed_speech_is_restored_in_the_speech_stem_only(tmp_path: Path) -> None:
    low = tone_scene(2.0, (("low", 0.0, 2.0),))
    scene = tone_scene(2.0, (("low", 0.0, 2.0), ("Bell", 0.0, 2.0)))
    soundfile.write(tmp_path / "mix.wav", scene.samples, scene.rate, subtype="FLOAT")
    saved: dict[str, Audio] = {}

    def save(name: str, audio: Audio) -> str:
        saved[name] = audio
        return name

    view = ClipContext(Clip("c", "test", "train", str(tmp_path / "mix.wav")), tmp_path, save_stem=save)
    stems = Separate(Enhancer()).run([view])[0]
    assert stems[0].rms == pytest.approx(saved["speech"].rms)
    kept = scene.samples - saved["background"].samples
    assert np.allclose(kept, low.samples * 2 / 3, atol=1e-3)

    def error(samples: np.ndarray) -> float:
        return float(np.sqrt(np.mean(np.square(samples - low.samples))))

    assert error(saved["speech"].samples) < error(kept) / 2
    assert error(saved["speech"].samples) < error(scene.samples) / 2
