"""Restoration of speech that an enhancer removed."""

from __future__ import annotations

import numpy as np
import pytest

from paqa_builder.perception import _put_back
from paqa_builder.perception._put_back import put_back

RATE = 16_000


def noise(seed: int, seconds: float = 2.0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(round(seconds * RATE)).astype(np.float32)


def level(signal: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(signal))))


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
def test_almost_nothing_removed_is_restored_completely(rate: int) -> None:
    kept = noise(1)
    taken = 0.01 * noise(2)
    assert np.allclose(put_back(kept, taken, rate), taken, atol=2e-3)


def test_hardly_anything_is_restored_where_nearly_all_was_removed() -> None:
    taken = noise(2)
    assert level(put_back(0.01 * noise(1), taken, RATE)) < 0.01 * level(taken)


def test_moments_and_bands_are_independent() -> None:
    """Speech in the first second below 1 kHz, where little is taken; noise elsewhere, taken whole."""
    spectrum = np.fft.rfft(noise(1))
    high = np.fft.rfftfreq(2 * RATE, 1 / RATE) > 1000
    kept = np.fft.irfft(np.where(high, 0.01, 1.0) * spectrum).astype(np.float32)
    kept[RATE:] *= 0.01
    other = np.fft.rfft(noise(2))
    taken = np.fft.irfft(np.where(high, 1.0, 0.1) * other).astype(np.float32)
    back = put_back(kept, taken, RATE)
    share = np.abs(np.fft.rfft(back[:RATE])) / np.abs(np.fft.rfft(taken[:RATE]))
    assert np.median(share[50:900]) > 0.8
    assert np.median(share[1500:]) < 0.05
    assert level(back[RATE + 4000 :]) < 0.05 * level(taken[RATE:])


def test_distortion_of_nearly_clean_speech_is_reduced() -> None:
    speech = noise(1)
    kept = speech + 0.1 * noise(2)
    mix = speech + 0.03 * noise(3)
    found = kept + put_back(kept, mix - kept, RATE)
    assert level(kept - speech) == pytest.approx(0.1, rel=0.05)
    assert level(found - speech) < 0.04


def test_the_result_does_not_depend_on_the_block_size(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, taken = noise(1), noise(2)
    whole = put_back(kept, taken, RATE)
    monkeypatch.setattr(_put_back, "_BLOCK", 7)
    assert np.allclose(put_back(kept, taken, RATE), whole, atol=1e-5)


def test_silence_and_short_clips() -> None:
    nothing = np.zeros(RATE, np.float32)
    assert not put_back(nothing, nothing, RATE).any()
    for length in (1, 5, 700):
        back = put_back(noise(1)[:length], noise(2)[:length], RATE)
        assert back.shape == (length,)
        assert back.dtype == np.float32
        assert np.isfinite(back).all()
