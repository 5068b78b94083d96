"""The parts of the embedded diarizer that are arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from paqa_builder.backends.diarize import _segmentation as frames
from paqa_builder.backends.diarize.segmentation_campplus import (
    SegmentationCampplus,
    SegmentationCampplusOptions,
    choose,
    find_voices,
)


def voices(*angles: float) -> np.ndarray:
    return np.array([[np.cos(a), np.sin(a)] for a in np.radians(angles)])


def test_powerset_classes_are_nobody_three_voices_and_three_pairs() -> None:
    assert frames.MEMBERS.sum(axis=1).tolist() == [0, 1, 1, 1, 2, 2, 2]
    assert len(np.unique(frames.MEMBERS, axis=0)) == 7


def test_speech_and_overlap_sum_over_local_voices() -> None:
    posteriors = np.array([0.4, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1])
    assert frames.speech_and_overlap(posteriors) == pytest.approx([0.6, 0.3])


def test_averaging_windows_gives_back_what_they_agree_on() -> None:
    truth = np.linspace(0, 1, 40)[:, None]
    starts = np.array([0, 10, 20]) * frames.STEP
    windows = np.stack([truth[at : at + 20] for at in (0, 10, 20)])
    assert np.allclose(frames.average(starts, windows, 40), truth)


def test_two_voices_are_two_clusters_in_order_of_appearance() -> None:
    centres = find_voices(voices(80, 85, 90, 2, 0, -2), distance=0.5, min_share=0.0)
    assert np.degrees(np.arctan2(centres[:, 1], centres[:, 0])) == pytest.approx([85, 0], abs=1)


def test_a_rare_voice_is_dropped_but_never_the_last() -> None:
    vectors = voices(*[0] * 19, 90)
    assert len(find_voices(vectors, 0.5, min_share=0.06)) == 1
    assert len(find_voices(vectors, 0.5, min_share=0.05)) == 2
    assert len(find_voices(voices(0, 90, 180), 0.5, min_share=0.9)) == 3
    assert len(find_voices(voices(45), 0.5, min_share=0.9)) == 1


def test_overlap_goes_to_the_two_nearest_voices() -> None:
    likeness = np.array([[0.9, 0.1, 0.5], [0.9, 0.1, 0.5], [0.1, 0.9, 0.5]])
    active = choose(likeness, np.array([True, True, False]), np.array([False, True, False]))
    assert active.tolist() == [[True, False, False], [True, False, True], [False, False, False]]


def test_overlap_of_a_single_voice_is_that_voice() -> None:
    assert choose(np.ones((2, 1)), np.array([True, True]), np.array([True, False])).all()


def test_gaps_are_bridged_before_blips_are_dropped() -> None:
    options = SegmentationCampplusOptions(max_gap=2 * frames.STEP, min_duration=4 * frames.STEP)
    active = np.array([1, 1, 0, 0, 1, 0, 0, 0, 1, 1, 0], dtype=bool)
    assert SegmentationCampplus(options)._runs(active) == [(0, 5)]
