"""Channels become one, samples outside [-1, 1] are scaled, and what cannot be used is refused."""

from __future__ import annotations

import numpy as np
import pytest

from paqa_builder.audio.mixdown import mix_down
from paqa_builder.errors import AudioError

RATE = 16_000


def voice(seed: int, seconds: float = 6.0, start: float = 0.0) -> np.ndarray:
    """Harmonics that come and go, from ``start`` on."""
    time = np.arange(round(seconds * RATE)) / RATE
    pitch = 110 + 45 * seed
    on = (np.sin(2 * np.pi * (1.3 + 0.2 * seed) * time) > -0.3) & (time >= start)
    tones = sum(np.sin(2 * np.pi * pitch * h * time) / h for h in range(1, 15))
    return (0.1 * on * tones).astype(np.float32)


def channels(*parts: np.ndarray) -> np.ndarray:
    return np.stack(parts, axis=1).astype(np.float32)


ONE, TWO = voice(1), voice(2)
NONE = np.zeros_like(ONE)
LATE = voice(2, start=4.5)


@pytest.mark.parametrize(
    "samples",
    [channels(ONE, -ONE), channels(ONE + TWO, TWO - ONE), channels(ONE + LATE, ONE - LATE),
     channels(ONE, -0.7 * ONE), channels(NONE, ONE, -ONE)],
    ids=["all", "one voice", "one voice at the end", "softer", "beside an empty channel"],
)  # fmt: skip
def test_what_the_mean_cancels_is_kept(samples: np.ndarray) -> None:
    mixed = mix_down(samples, RATE, "clip")
    assert "the channels' mean cancels" in mixed.how
    best = max(range(samples.shape[1]), key=lambda c: float(samples[:, c].std()))
    assert np.corrcoef(mixed.samples, samples[:, best])[0, 1] > 0.999
    assert mixed.samples.std() == pytest.approx(samples[:, best].std(), rel=0.01)


@pytest.mark.parametrize(
    "samples",
    [channels(ONE), channels(ONE, ONE), channels(ONE, TWO), channels(ONE, 0.2 * ONE),
     channels(ONE, np.roll(ONE, 2)),
     np.random.default_rng(0).normal(0, 0.1, (6 * RATE, 6)).astype(np.float32)],
    ids=["mono", "twice", "panned", "softer", "0.1 ms late", "six noises"],
)  # fmt: skip
def test_an_ordinary_mixdown_is_the_mean(samples: np.ndarray) -> None:
    mixed = mix_down(samples, RATE, "clip")
    assert mixed.how == "mean"
    expected = samples.mean(axis=1, dtype=np.float64)
    assert np.array_equal(mixed.samples, (expected - expected.mean()).astype(np.float32))


def test_empty_channels_do_not_make_the_others_quieter() -> None:
    mixed = mix_down(channels(NONE, NONE, ONE, NONE + 0.2, NONE, NONE), RATE, "clip")
    assert mixed.how == "channels used: 3; the others are empty"
    assert mixed.samples.std() == pytest.approx(ONE.std(), rel=1e-3)


def test_channels_that_no_single_one_can_replace_are_refused() -> None:
    with pytest.raises(AudioError, match="cancel each other"):
        mix_down(channels(ONE, -ONE, TWO), RATE, "clip")


@pytest.mark.parametrize("factor", [8.0, 1024.0, 32768.0])
def test_samples_times_a_power_of_two_are_the_same_audio(factor: float) -> None:
    samples = channels(ONE / np.abs(ONE).max() * np.float32(0.9))
    plain, scaled = (mix_down(x, RATE, "clip") for x in (samples, samples * np.float32(factor)))
    assert np.array_equal(plain.samples, scaled.samples)
    assert scaled.how == f"scaled by {1 / factor:.6g}"


def test_a_lossy_codec_s_overshoot_is_scaled_to_full_scale() -> None:
    mixed = mix_down(channels(ONE / np.abs(ONE).max() * 1.05), RATE, "clip")
    assert np.abs(mixed.samples).max() == pytest.approx(1.0)


@pytest.mark.parametrize("full", [127, 32767, 8388607])
def test_integers_stored_as_float_are_refused(full: int) -> None:
    with pytest.raises(AudioError, match="integers stored as float") as error:
        mix_down(np.rint(channels(ONE, TWO) * full), RATE, "clip")
    assert "full scale" in str(error.value.fix)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_one_bad_sample_is_found_and_placed(bad: float) -> None:
    samples = channels(ONE, TWO)
    samples[RATE, 1] = bad
    with pytest.raises(AudioError, match=r"NaN or infinite samples \(the first at 1\.000 s\)"):
        mix_down(samples, RATE, "clip")


def test_an_offset_on_one_channel_is_no_sound() -> None:
    mixed = mix_down(channels(ONE, NONE + 0.5), RATE, "clip")
    assert mixed.samples.std() == pytest.approx(ONE.std(), rel=1e-3)
    assert abs(float(mixed.samples.mean())) < 1e-6


def test_denormal_numbers_become_zero() -> None:
    samples = channels(np.tile(np.float32([1e-41, -1e-41]), RATE))
    assert not mix_down(samples, RATE, "clip").samples.any()


@pytest.mark.parametrize("length", [1, 3, 700])
def test_very_short_clips_have_a_mixdown(length: int) -> None:
    assert len(mix_down(np.full((length, 2), 0.1, np.float32), RATE, "clip").samples) == length
