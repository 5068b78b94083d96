"""Reflection: planted errors, the answers that follow from them, and their correction."""

from __future__ import annotations

import dataclasses
from collections import Counter

import pytest
from helpers.scenes_made import annotated, kitchen, many

from paqa_builder.questions import Corpus, QaOptions, Question, generate, load_templates, verify
from paqa_builder.questions.question import PlantedError
from paqa_builder.questions.traces.grammar import parse
from paqa_builder.questions.traces.reflect import _hashed_text, apply
from paqa_builder.records import to_json

TEMPLATES = load_templates()
ALWAYS = QaOptions(per_clip=100, per_template=2, balance=False, reflection=1.0)
MANY = many(40)
CORPUS = Corpus.of(MANY)


@pytest.fixture(scope="module")
def reflecting() -> list[tuple[Question, object]]:
    found = [
        (q, scene)
        for scene in (*MANY, annotated(), kitchen())
        for q in generate(scene, CORPUS, TEMPLATES, ALWAYS)
    ]
    return [(q, scene) for q, scene in found if q.reflection is not None]


def test_the_first_answer_is_another_choice_and_the_last_one_is_right(reflecting) -> None:
    assert len(reflecting) > 50
    for question, _ in reflecting:
        trace = parse(question.trace)
        assert trace.response in question.choices
        assert trace.response != question.answer == trace.final_answer == trace.answer


def test_every_kind_of_error_occurs(reflecting) -> None:
    kinds = Counter(question.reflection.kind for question, _ in reflecting)
    assert set(kinds) == {"missed_sound", "misheard_sound", "missed_speaker", "wrong_speaker"}


def test_the_verifier_proves_them(reflecting) -> None:
    for question, scene in reflecting:
        assert verify(question, scene, ALWAYS, TEMPLATES) == []


def test_the_verifier_rejects_an_error_that_was_not_planted(reflecting) -> None:
    question, scene = reflecting[0]
    for slip in (None, dataclasses.replace(question.reflection, start=99.0)):
        assert verify(dataclasses.replace(question, reflection=slip), scene, ALWAYS, TEMPLATES)


def test_the_share_is_kept_and_zero_means_none() -> None:
    def share(wanted: float) -> float:
        options = ALWAYS.model_copy(update={"reflection": wanted})
        asked = [q for scene in MANY for q in generate(scene, CORPUS, TEMPLATES, options)]
        return sum(q.reflection is not None for q in asked) / len(asked)

    assert share(0.0) == 0.0
    assert 0.0 < share(0.2) < 0.2 + 0.05 < share(1.0)


def test_reflection_changes_neither_question_nor_choices() -> None:
    plain = {q.id: q for s in MANY[:5] for q in generate(s, CORPUS, TEMPLATES, QaOptions(reflection=0.0))}
    for scene in MANY[:5]:
        for question in generate(scene, CORPUS, TEMPLATES, QaOptions(reflection=1.0)):
            same = plain[question.id]
            assert (question.question, question.choices, question.evidence) == (
                same.question, same.choices, same.evidence,
            )  # fmt: skip


def test_it_survives_json(reflecting) -> None:
    question, _ = reflecting[0]
    again = Question.from_json(to_json(question))
    assert isinstance(again.reflection, PlantedError)
    assert to_json(again) == to_json(question)


def test_a_missed_sound_leaves_nothing_that_could_be_it() -> None:
    slip = PlantedError("missed_sound", 0.2, 5.1, "Dog")
    assert "Dog" not in {tag.label for tag in apply(kitchen(), slip).tags or ()}


def test_words_follow_the_turn_that_is_given_to_another_speaker() -> None:
    slip = PlantedError("wrong_speaker", 5.2, 8.0, "S2", "S1")
    changed = apply(kitchen(), slip)
    assert {turn.speaker for turn in changed.turns or ()} == {"S1"}
    assert {said.speaker for said in changed.utterances or ()} == {"S1"}


def test_which_error_is_planted_does_not_depend_on_the_names_of_classes() -> None:
    """The hash of this text selects the error, so published traces depend on it."""
    planted = PlantedError("wrong_speaker", 1.5, 7.25, "S1", "S2")
    assert _hashed_text(planted) == (
        "Slip(kind='wrong_speaker', start=1.5, end=7.25, value='S1', heard_as='S2')"
    )
