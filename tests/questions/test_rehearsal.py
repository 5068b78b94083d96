"""Rehearsal: answers of the generated questions are balanced."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from helpers.scenes_made import many

from paqa_builder.questions import Corpus, QaOptions, Question, generate, load_templates
from paqa_builder.questions.corpus.spread import group_name
from paqa_builder.questions.examples import scene_of
from paqa_builder.questions.facts import kind
from paqa_builder.questions.rehearsal import Tally, _kept, rehearse
from paqa_builder.questions.templates import MiniScene
from paqa_builder.records import Scene

TEMPLATES = load_templates()
SCENES = many(200)
COUNTED = Corpus.of(SCENES)
REHEARSED = rehearse(COUNTED, lambda: SCENES, TEMPLATES)


def asked(scenes: list[Scene], corpus: Corpus) -> list[Question]:
    return [question for scene in scenes for question in generate(scene, corpus, TEMPLATES)]


def surplus(questions: list[Question], template: str) -> float:
    """Largest excess of right answers over chance, as a share of the questions."""
    tally = Tally()
    of = [question for question in questions if question.template == template]
    for question in of:
        tally.right[question.answer] += 1
        for choice in question.choices:
            tally.fair[choice] += 1 / len(question.choices)
    return max(tally.right[text] - tally.fair[text] for text in tally.fair) / len(of)


def test_answers_are_balanced_under_the_cap_per_clip() -> None:
    # Clips with one speaker allow few other questions, so that the count is asked for more often.
    before, after = asked(SCENES, COUNTED), asked(SCENES, REHEARSED)
    assert surplus(before, "speaker_count") > 0.12
    assert surplus(after, "speaker_count") < 0.08
    assert len(after) > 0.95 * len(before)


def test_choices_that_are_never_right_are_not_offered() -> None:
    right, offered = Counter[str](), Counter[str]()
    for question in asked(SCENES, REHEARSED):
        if question.template in ("source_family", "speaking_seconds", "speaker_count", "speaker_last"):
            right[question.answer] += 1
            offered.update(question.choices)
    assert right
    assert not [text for text, n in offered.items() if n >= 20 and not right[text]]


def test_rehearsal_is_deterministic_and_survives_json() -> None:
    assert rehearse(COUNTED, lambda: SCENES, TEMPLATES) == REHEARSED
    assert Corpus.from_json(json.loads(json.dumps(REHEARSED.to_json()))) == REHEARSED
    assert REHEARSED.kept
    assert REHEARSED.drawn


def test_a_group_without_allowed_questions_is_unchanged() -> None:
    """The answers of the group are hardly ever proved false, so all its shares are zero."""
    template = next(one for one in TEMPLATES if one.name == "event_times")
    name = kind(template.fact).name
    place = group_name(name, "sound")
    corpus = Corpus(clips=500, answers={place: {"One": 200, "Two": 200}}, refuted={place: {}})
    assert not corpus.share_kept(name, "sound", "One")
    tally = Tally(Counter(One=30, Two=30), Counter(One=30.0, Two=30.0))  # type: ignore[arg-type]
    assert _kept(corpus, {("event_times", "sound"): tally}, {template.name: template}, 1.0) == {}


def test_without_balance_nothing_is_rehearsed() -> None:
    assert rehearse(COUNTED, lambda: SCENES, TEMPLATES, QaOptions(balance=False)) is COUNTED


def test_a_corpus_of_thirty_clips_is_balanced() -> None:
    few = SCENES[:30]
    corpus = rehearse(Corpus.of(few), lambda: few, TEMPLATES)
    answers = Counter(q.answer for q in asked(few, corpus) if q.template == "speaker_count")
    assert len(answers) == 3
    assert max(answers.values()) <= min(answers.values()) + 3


@pytest.mark.parametrize("absent", [False, True])
def test_a_tally_corrects_answers_that_are_right_too_often(absent: bool) -> None:
    tally = Tally(Counter(a=9, b=1), Counter(a=5.0, b=5.0), absent)  # type: ignore[arg-type]
    factors = tally.factors()
    assert factors["a"] < 1 < factors["b"]
    assert tally.factors(-1)["a"] > 1
    assert Tally(Counter(a=20), Counter(a=10.0, b=10.0)).never() == ["b"]  # type: ignore[arg-type]


def test_one_clip_is_still_asked_about() -> None:
    scene = scene_of(MiniScene(turns=[(0.5, 4.0, "S1"), (5.0, 9.0, "S2")], tags=[]), "alone")
    corpus = rehearse(Corpus.of([scene]), lambda: [scene], TEMPLATES)
    assert {q.template for q in generate(scene, corpus, TEMPLATES)} >= {"speaker_count", "voices_overlap"}
