""" "None of these" is right as often as the other choices, and is proved and stated in the trace."""

from __future__ import annotations

import dataclasses
from collections import Counter

import pytest
from helpers.scenes_made import farm, many

from paqa_builder.questions import Corpus, QaOptions, generate, load_templates, verify
from paqa_builder.questions.choices.none_of_these import NOTHING, of_others
from paqa_builder.questions.facts import Verdict, kinds
from paqa_builder.questions.traces.grammar import parse

TEMPLATES = load_templates()
SCENES = many(150)
CORPUS = Corpus.of(SCENES)
OPEN = {kind.name for kind in kinds().values() if kind.open}


def options(share: float) -> QaOptions:
    return QaOptions(per_clip=200, balance=False, reflection=0.0, unanswerable=share)


def test_it_is_right_as_often_as_the_other_choices() -> None:
    counts, allowed = Counter[bool](), 0
    for scene in SCENES:
        for question in generate(scene, CORPUS, TEMPLATES, options(0.1)):
            fact = next(t.fact for t in TEMPLATES if t.name == question.template)
            allowed += fact in OPEN
            if NOTHING in question.choices:
                assert fact in OPEN
                assert len(question.choices) == 4
                counts[question.answer == NOTHING] += 1
    share, offered = counts[True] / allowed, counts.total()
    assert offered > 200
    # Four standard deviations of a fair draw.
    assert abs(counts[True] / offered - 0.25) < 4 * (0.25 * 0.75 / offered) ** 0.5, counts
    assert abs(share - 0.1) < 4 * (0.1 * 0.9 / allowed) ** 0.5, (counts, allowed)


def test_it_is_not_offered_if_the_share_is_zero() -> None:
    asked = [q for scene in SCENES[:20] for q in generate(scene, CORPUS, TEMPLATES, options(0.0))]
    assert asked
    assert all(NOTHING not in question.choices for question in asked)


def test_it_is_proved_and_stated_in_the_trace() -> None:
    wanted = options(0.125)
    scene = farm()
    questions = generate(scene, Corpus(), TEMPLATES, wanted)
    right = [q for q in questions if q.answer == NOTHING]
    offered = [q for q in questions if NOTHING in q.choices and q.answer != NOTHING]
    assert right
    assert offered
    for question in (*right, *offered):
        assert verify(question, scene, wanted, TEMPLATES) == []
    for question in right:
        assert "none of" in parse(question.trace).summary.lower()
        assert parse(question.trace).answer == NOTHING
    # A true sound among the choices makes "None of these" false, and the verifier detects it.
    for question in offered:
        index = question.choices.index(NOTHING)
        lie = dataclasses.replace(question, answer=NOTHING, answer_index=index)
        assert verify(lie, scene, wanted, TEMPLATES)
    for question in right:
        first = next(n for n, choice in enumerate(question.choices) if choice != NOTHING)
        lie = dataclasses.replace(question, answer=question.choices[first], answer_index=first)
        assert verify(lie, scene, wanted, TEMPLATES)


@pytest.mark.parametrize(
    ("others", "verdict"),
    [((False, False), True), ((False, None), None), ((True, None), False), ((True, False), False)],
)
def test_it_follows_from_the_other_choices(others: tuple[bool | None, ...], verdict: bool | None) -> None:
    assert of_others(map(Verdict, others)).true is verdict
