"""YAMNet's features and intervals; the network itself is in the contract and in test_real_audio."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from paqa_builder.audio import Audio
from paqa_builder.perception.backends.tag import _intervals, yamnet
from paqa_builder.perception.backends.tag.yamnet import RATE, Yamnet, YamnetOptions, mel_bank


def intervals(scores: list[float], **options: float) -> list[tuple[float, float, float]]:
    """On borders one second apart."""
    limits = {"onset": 0.5, "offset": 0.2, "max_gap": 0.0, "min_duration": 0.0} | options
    return _intervals.intervals(np.array(scores), np.arange(len(scores) + 1.0), **limits)


def test_a_tone_falls_into_the_band_around_it() -> None:
    bank = mel_bank()
    assert bank.shape == (257, 64)
    for band in (5, 30, 60):
        peak = bank[:, band].argmax() * RATE / 512
        edges = np.flatnonzero(bank[:, band])[[0, -1]] * RATE / 512
        assert edges[0] <= peak <= edges[1]
    assert np.all(np.diff(bank.argmax(axis=0)) >= 0)
    assert not bank[: int(125 / RATE * 512) + 1].any()


def test_a_sound_starts_at_the_onset_and_lasts_to_the_offset_threshold() -> None:
    assert intervals([0.1, 0.3, 0.6, 0.3, 0.1]) == [(1, 4, 0.6)]


def test_sounds_below_the_onset_are_not_detected() -> None:
    assert intervals([0.3, 0.4, 0.3]) == []


def test_short_gaps_are_bridged() -> None:
    assert intervals([0.6, 0.1, 0.7], max_gap=1.0) == [(0, 3, 0.7)]
    assert intervals([0.6, 0.1, 0.7], max_gap=0.5) == [(0, 1, 0.6), (2, 3, 0.7)]


def test_short_sounds_are_dropped() -> None:
    assert intervals([0.6, 0.1, 0.7, 0.7], min_duration=1.5) == [(2, 4, 0.7)]


def test_offset_above_onset_is_refused() -> None:
    with pytest.raises(ValidationError, match="offset must not be higher"):
        YamnetOptions(onset=0.2, offset=0.3)


def test_log_odds_are_lowered_by_those_among_voices() -> None:
    """Log odds go down by what a class reaches among voices; a certain one stays certain."""
    tagger = Yamnet()
    tagger._offsets = np.array([0.0, 2.0])
    found = tagger.beyond_voices(np.array([[0.5, 0.5], [1.0, 1.0], [0.0, 0.0]]))
    assert found[:, 0].tolist() == [0.5, 1.0, 0.0]
    assert found[:, 1] == pytest.approx([1 / (1 + np.exp(2)), 1.0, 0.0])


def test_clips_are_tagged_at_three_levels_with_a_maximum_gain() -> None:
    tagger = Yamnet(YamnetOptions(level_db=-20, spread_db=10, max_gain_db=15))
    decibels = [20 * np.log10(gain) for gain in tagger._gains(10 ** (-24 / 20))]
    assert decibels == pytest.approx([-6, 4, 14])
    assert [20 * np.log10(gain) for gain in tagger._gains(1e-3)] == pytest.approx([15, 15, 15])
    assert len(Yamnet(YamnetOptions(spread_db=0))._gains(0.1)) == 1


@pytest.mark.models
def test_probabilities_are_means_over_the_levels() -> None:
    """Levels below and above alone, and the middle one, make the three."""
    noise = np.random.default_rng(0).standard_normal(2 * RATE).astype(np.float32) / 20
    audio = Audio(noise, RATE)

    def at(level: float, spread: float) -> np.ndarray:
        tagger = Yamnet(YamnetOptions(level_db=level, spread_db=spread))
        tagger.load()
        return tagger.probabilities(audio)[1]

    once = [at(level, 0.0) for level in (-36, -26, -16)]
    assert np.allclose(at(-26, 10.0), np.mean(once, axis=0))
    assert np.abs(once[0] - once[2]).max() > 0.01


@pytest.mark.models
def test_probabilities_do_not_depend_on_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(1).standard_normal(7 * RATE).astype(np.float32) / 20
    clips = [Audio(noise[: round(seconds * RATE)], RATE) for seconds in (0.3, 1.1, 7)]
    tagger = Yamnet()
    tagger.load()
    batched = [tagger.probabilities(clip)[1] for clip in clips]
    monkeypatch.setattr(yamnet, "BATCH", 1)
    for clip, scores in zip(clips, batched, strict=True):
        assert np.array_equal(tagger.probabilities(clip)[1], scores)
