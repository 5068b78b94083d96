"""Measures: values, agreement with scikit-learn, bootstrap intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from paqa_builder.bench.measures import MeanAveragePrecision, Ratio, difference


def test_a_ratio_weighs_clips_by_their_size() -> None:
    measure = Ratio({"short": (1.0, 2.0), "long": (0.0, 8.0)})
    assert measure.value == 0.1
    assert measure.over(["short"]).value == 0.5
    assert measure.weighted(np.array([[2.0, 0.0], [1.0, 1.0]])).tolist() == [0.5, 0.1]


def test_an_undefined_measure_is_nan() -> None:
    assert math.isnan(Ratio({"quiet": (0.0, 0.0)}).value)
    assert math.isnan(Ratio({}).value)
    assert all(map(math.isnan, Ratio({}).interval()))


def test_average_precision_is_that_of_scikit_learn() -> None:
    sklearn = pytest.importorskip("sklearn.metrics", reason="needs the eval extra")
    random = np.random.default_rng(4)
    scores = random.integers(0, 6, (40, 5)) / 5  # many ties
    present = random.random((40, 5)) < 0.3
    measure = MeanAveragePrecision(map(str, range(40)), scores, present)
    wanted = [sklearn.average_precision_score(present[:, n], scores[:, n]) for n in range(5)]
    assert measure.value == pytest.approx(np.mean(wanted))
    # A clip that counts twice is the clip written down twice.
    weights = random.integers(0, 3, 40)
    repeated = np.repeat(np.arange(40), weights)
    wanted = [sklearn.average_precision_score(present[repeated, n], scores[repeated, n]) for n in range(5)]
    assert measure.weighted(weights[None].astype(float))[0] == pytest.approx(np.mean(wanted))


def test_a_class_that_no_clip_has_is_left_out() -> None:
    scores, present = np.array([[0.9, 0.3], [0.1, 0.2]]), np.array([[True, False], [False, False]])
    assert MeanAveragePrecision("ab", scores, present).value == 1.0


def test_the_interval_holds_the_value_and_narrows_with_more_clips() -> None:
    def measured(n: int) -> Ratio:
        return Ratio({str(clip): (float(clip % 4 == 0), 1.0) for clip in range(n)})

    few, many = measured(20), measured(400)
    for measure in (few, many):
        low, high = measure.interval()
        assert low < measure.value < high
        assert measure.interval() == (low, high)
    # For a share p of n clips the interval is about p ± 1.96 sqrt(p(1-p)/n).
    low, high = many.interval()
    assert (high - low) / 2 == pytest.approx(1.96 * math.sqrt(0.25 * 0.75 / 400), rel=0.15)
    assert high - low < few.interval()[1] - few.interval()[0]


def test_a_difference_is_paired() -> None:
    hard = {str(n): (float(n % 2), 1.0) for n in range(40)}
    better = {clip: (errors - 0.1, total) for clip, (errors, total) in hard.items()}
    found = difference(Ratio(hard), Ratio({**better, "only here": (1.0, 1.0)}))
    assert found is not None
    assert found.clips == 40
    # Every clip is better by the same: no doubt is left, however different the clips are.
    assert (found.value, found.low, found.high) == pytest.approx((-0.1, -0.1, -0.1))
    assert difference(Ratio(hard), Ratio({"other": (0.0, 1.0)})) is None
