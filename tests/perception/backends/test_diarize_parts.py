"""Segmentation, clustering and assignment of the embedded diarizer, without its networks."""

from __future__ import annotations

import numpy as np
import pytest

from paqa_builder.perception.backends.diarize import _segmentation as frames
from paqa_builder.perception.backends.diarize._voices import Excerpts, centres, local_links, one_voice_each
from paqa_builder.perception.backends.diarize.segmentation_campplus import (
    SegmentationCampplus,
    SegmentationCampplusOptions,
    choose,
)
from paqa_builder.perception.calibration import same_voice


def voices(*angles: float) -> np.ndarray:
    return np.array([[np.cos(a), np.sin(a)] for a in np.radians(angles)])


def test_powerset_classes_are_none_three_voices_and_three_pairs() -> None:
    assert frames.MEMBERS.sum(axis=1).tolist() == [0, 1, 1, 1, 2, 2, 2]
    assert len(np.unique(frames.MEMBERS, axis=0)) == 7


def test_speech_and_overlap_sum_over_local_voices() -> None:
    posteriors = np.array([0.4, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1])
    assert frames.speech_and_overlap(posteriors) == pytest.approx([0.6, 0.3])


def test_the_average_of_equal_windows_is_unchanged() -> None:
    truth = np.linspace(0, 1, 40)[:, None]
    starts = np.array([0, 10, 20]) * frames.STEP
    windows = np.stack([truth[at : at + 20] for at in (0, 10, 20)])
    assert np.allclose(frames.average(starts, windows, 40), truth)


WEIGHTS = same_voice("segmentation_campplus")
STEP, LENGTH = 0.25, 1.5


def excerpts(vectors: np.ndarray, linked: np.ndarray | None = None) -> Excerpts:
    """Excerpts every 0.25 s; ``linked`` is what the segmentation says of each pair, 0 where nothing."""
    links = np.zeros((len(vectors), len(vectors)), np.float32) if linked is None else linked
    return Excerpts(vectors, np.arange(len(vectors)) * STEP, LENGTH, links, links != 0)


def wobbly(angle: float, count: int, spread: float) -> list[float]:
    """Directions that swing around ``angle``, so that excerpts 1.5 s apart differ."""
    return [angle + spread * (-1) ** (n // 3) for n in range(count)]


def voices_of(labels: np.ndarray) -> list[int]:
    """Labels renamed 0, 1, ... in order of appearance."""
    names: dict[int, int] = {}
    return [names.setdefault(label, len(names)) for label in labels.tolist()]


def test_opposite_vectors_are_two_voices() -> None:
    labels = one_voice_each(excerpts(voices(*[0] * 12, *[90] * 12)), WEIGHTS)
    assert voices_of(labels) == [0] * 12 + [1] * 12


def test_vectors_of_one_direction_are_one_voice() -> None:
    assert voices_of(one_voice_each(excerpts(voices(*wobbly(0, 24, 10))), WEIGHTS)) == [0] * 24


def test_similarity_is_relative_to_that_within_a_voice() -> None:
    """The same cosine, 0.6, between any two moments: one voice that varies, or two that do not."""
    steady = np.repeat(voices(0, np.degrees(np.arccos(0.6))), 24, axis=0)
    assert len(set(one_voice_each(excerpts(steady), WEIGHTS))) == 2
    varying = np.sqrt(0.4) * np.eye(48, 49) + np.sqrt(0.6) * np.eye(49)[48]
    assert len(set(one_voice_each(excerpts(varying), WEIGHTS))) == 1


@pytest.mark.parametrize(("log_odds", "expected"), [(2.9, 1), (0.0, 1), (-2.9, 2)])
def test_the_segmentation_can_separate_similar_voices(log_odds: float, expected: int) -> None:
    half = 12
    linked = np.full((2 * half, 2 * half), 2.9, np.float32)
    linked[:half, half:] = linked[half:, :half] = log_odds
    alike = np.arccos(0.86)  # 0.65 between the voices and 0.75 within them, once each moment differs
    centre = np.zeros((2 * half, 2 * half + 2))
    centre[:half, -2] = 1
    centre[half:, -2:] = np.cos(alike), np.sin(alike)
    vectors = np.sqrt(0.75) * centre + np.sqrt(0.25) * np.eye(2 * half, 2 * half + 2)
    assert len(set(one_voice_each(excerpts(vectors, linked), WEIGHTS))) == expected


def test_a_single_excerpt_is_not_a_voice() -> None:
    """A moment that sounds a little unlike the rest is no second voice; half of the clip is."""
    assert len(set(one_voice_each(excerpts(voices(*[0] * 20, 57)), WEIGHTS))) == 1
    assert len(set(one_voice_each(excerpts(voices(*[0] * 20, *[57] * 20)), WEIGHTS))) == 2


def test_one_excerpt_is_one_voice() -> None:
    assert one_voice_each(excerpts(voices(45)), WEIGHTS).tolist() == [0]


def test_a_higher_threshold_gives_more_voices() -> None:
    given = excerpts(voices(*[0] * 16, *[60] * 16, *[120] * 16))
    counts = [len(set(one_voice_each(given, WEIGHTS, least))) for least in (-40, 0, 30)]
    assert counts == sorted(counts)
    assert counts[0] == 1
    assert counts[-1] == 3


def test_windows_link_excerpts_of_one_local_voice() -> None:
    """One window of 400 frames: local voice 1, then local voice 2; the last excerpt is outside."""
    posteriors = np.zeros((1, 400, 7))
    posteriors[0, :200, 1] = posteriors[0, 200:, 2] = 1.0
    begin = np.array([0, 60, 240, 390])
    linked, seen = local_links(np.array([0.0]), posteriors, begin, begin + 88)
    assert seen[:3, :3].all()
    assert not seen[3].any()
    assert not linked[3].any()
    assert linked[0, 1] > 2
    assert linked[0, 2] < -2


def test_a_rare_voice_is_dropped_but_never_the_last() -> None:
    vectors, labels = voices(*[0] * 19, 90), np.array([0] * 19 + [1])
    assert len(centres(vectors, labels, min_share=0.06)) == 1
    assert len(centres(vectors, labels, min_share=0.05)) == 2
    assert len(centres(voices(45), np.zeros(1), min_share=0.9)) == 1


def test_centres_are_in_order_of_first_appearance() -> None:
    found = centres(voices(80, 85, 90, 2, 0, -2), np.array([7, 7, 7, 3, 3, 3]), min_share=0.0)
    assert np.degrees(np.arctan2(found[:, 1], found[:, 0])) == pytest.approx([85, 0], abs=1)


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
