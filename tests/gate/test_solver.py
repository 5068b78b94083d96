"""The blind solver: accuracy on fair and on leaking questions, calibration, determinism."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.blind_made import fair, leaking, one_sided

from paqa_builder.formats.read import open_data
from paqa_builder.gate.features import WIDTH, matrix
from paqa_builder.gate.item import BlindItem
from paqa_builder.gate.score import interval, score
from paqa_builder.gate.solver import held_out


def test_fair_questions_are_answered_by_chance() -> None:
    result = score(held_out(lambda: [fair(n) for n in range(600)]))
    assert result.questions == 600
    assert result.chance == 0.25
    assert result.low < 0.25 < result.high


@pytest.mark.parametrize(("make", "least"), [(leaking, 0.9), (one_sided, 0.75)])
def test_leaking_questions_are_answered_above_chance(make: Callable[[int], BlindItem], least: float) -> None:
    result = score(held_out(lambda: [make(n) for n in range(300)]))
    assert result.accuracy > least
    assert result.beats(0.05)


def test_position_and_length_are_seen() -> None:
    words = ["a", "bb bb", "ccc ccc ccc", "dddd dddd dddd dddd"]
    last = [BlindItem(str(n), "What?", fair(n).choices, 2, str(n)) for n in range(100)]
    assert score(held_out(lambda: last)).accuracy > 0.95

    def shuffled(n: int) -> BlindItem:
        order = np.random.default_rng(n).permutation(4)
        texts = tuple(f"{words[m]} {n}" for m in order)
        return BlindItem(str(n), "What?", texts, int(np.flatnonzero(order == 3)[0]), str(n))

    assert score(held_out(lambda: [shuffled(n) for n in range(100)])).accuracy > 0.95


def test_probabilities_are_calibrated() -> None:
    noise = held_out(lambda: [fair(n) for n in range(600)])
    assert noise.sure.max() < 0.4
    known = held_out(lambda: [one_sided(n) for n in range(600)])
    assert known.sure[known.hit == 1].mean() == pytest.approx(0.8, abs=0.05)


def test_the_same_items_give_the_same_answers() -> None:
    items = [make(n) for n in range(80) for make in (fair, leaking)]
    one, two = held_out(lambda: items), held_out(lambda: list(items))
    assert np.array_equal(one.hit, two.hit)
    assert np.array_equal(one.sure, two.sure)


def test_no_model_saw_questions_on_the_clip_that_it_answers() -> None:
    """The answers of a clip share a word that helps only a model trained on the same clip."""
    items = [
        BlindItem(f"{clip}-{n}", f"Say {clip}", tuple(f"{clip} {k}" for k in "wxyz"), clip % 4, str(clip))
        for clip in range(60)
        for n in range(6)
    ]
    shuffled = [
        BlindItem(
            i.id, i.question, tuple(i.choices[(k + n) % 4] for k in range(4)), (i.answer - n) % 4, i.clip
        )
        for n, i in enumerate(items)
    ]
    assert score(held_out(lambda: shuffled)).accuracy < 0.45


def test_the_cap_limits_training_but_not_judging() -> None:
    items = [leaking(n) for n in range(1200)]
    answers = held_out(lambda: items, cap=300)
    assert len(answers.hit) == 1200
    assert 150 < answers.learned_from < 450
    assert answers.hit.mean() > 0.9


def test_one_clip_is_not_enough() -> None:
    with pytest.raises(ValueError, match="two clips"):
        held_out(lambda: [BlindItem("1", "What?", ("a", "b"), 0, "c")])


def test_features_of_odd_texts() -> None:
    items = [
        BlindItem("1", "", ("", "?"), 0, "a"),
        BlindItem("2", "x " * 500, ("y " * 500, "\U0001f415", "\ud800"), 2, "b"),
    ]
    features, starts = matrix(items)
    assert features.shape == (5, WIDTH)
    assert starts.tolist() == [0, 2, 5]
    assert np.isfinite(features.data).all()


def test_features_do_not_depend_on_the_batch() -> None:
    items = [fair(n) for n in range(5)] + [leaking(n) for n in range(5)]
    whole, starts = matrix(items)
    for n, item in enumerate(items):
        alone = matrix([item])[0]
        assert abs(whole[starts[n] : starts[n + 1]] - alone).max() < 1e-6


def test_questions_on_one_clip_widen_the_interval() -> None:
    hit = np.array([1.0] * 100 + [0.0] * 100)
    apart = interval(hit, np.arange(200))
    together = interval(hit, np.arange(200) // 20)
    assert apart == pytest.approx((0.4314, 0.5686), abs=1e-3)  # Wilson's, for 100 of 200
    assert together[1] - together[0] > 3 * (apart[1] - apart[0])


@pytest.mark.testdata
@pytest.mark.parametrize(
    ("name", "least"),
    [("paqa_released_sample.jsonl.gz", 0.69), ("mmau-test-mini.json", 0.46), ("MMAR-meta.jsonl", 0.40)],
)
def test_public_sets_are_answered_as_well_as_by_any_linear_model(
    testdata: Path, name: str, least: float
) -> None:
    data = open_data(testdata / "benchmarks" / name)
    items = [
        BlindItem(str(n), item.question, item.choices, item.answer, item.clip)
        for n, item in enumerate(data.items())
        if item.answer is not None
    ]
    assert score(held_out(lambda: items)).accuracy >= least
