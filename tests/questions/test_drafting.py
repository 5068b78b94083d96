"""Drafts in the order of the deal, and the verifier on what they become."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from paqa_builder import seeded
from paqa_builder.questions import Corpus, QaOptions, Question, load_templates, verify
from paqa_builder.questions.drafting import Draft, Drafter
from paqa_builder.questions.generate import Generator, generate
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.synthetic import many

SCENES = many(6)
TEMPLATES = load_templates()


def dealt_at_the_end(corpus: Corpus, reading: Interpretation, options: QaOptions) -> list[Draft]:
    """All possible drafts first, and the deal after it."""
    everything = options.model_copy(update={"per_clip": 10_000})
    drafts = Drafter(corpus, TEMPLATES, everything, 0).drafts(reading)
    taken: Counter[str] = Counter()
    rounds: dict[int, list[Draft]] = {}
    for draft in sorted(drafts, key=lambda draft: seeded.digest("deal", 0, draft.id)):
        rounds.setdefault(taken[draft.template.skill], []).append(draft)
        taken[draft.template.skill] += 1
    return [draft for n in sorted(rounds) for draft in rounds[n]][: options.per_clip]


@pytest.mark.parametrize(("per_clip", "per_template"), [(1, 1), (8, 1), (40, 2), (12, 9)])
def test_drafting_on_demand_deals_the_same_questions(per_clip: int, per_template: int) -> None:
    options = QaOptions(per_clip=per_clip, per_template=per_template)
    corpus = Corpus.of(SCENES, options)
    drafter = Drafter(corpus, TEMPLATES, options, 0)
    for scene in SCENES:
        drafts = drafter.drafts(Interpretation(scene))
        assert [d.id for d in drafts] == [
            d.id for d in dealt_at_the_end(corpus, Interpretation(scene), options)
        ]
        assert len({d.id for d in drafts}) == len(drafts) <= per_clip


def test_facts_are_sought_only_for_templates_whose_turn_comes() -> None:
    corpus = Corpus.of(SCENES)
    few, all_of_them = Interpretation(SCENES[0]), Interpretation(SCENES[0])
    Drafter(corpus, TEMPLATES, QaOptions(per_clip=2), 0).drafts(few)
    Drafter(corpus, TEMPLATES, QaOptions(per_clip=1_000), 0).drafts(all_of_them)
    assert len(few.facts_by_kind) < len(all_of_them.facts_by_kind) / 2


def test_a_generator_of_many_clips_asks_what_single_calls_ask() -> None:
    corpus = Corpus.of(SCENES)
    generator = Generator(corpus, TEMPLATES)
    for scene in reversed(SCENES):
        assert generator.questions(scene) == generate(scene, corpus, TEMPLATES)


def changed(question: Question) -> list[Question]:
    """Wrong variants of a question."""
    n = (question.answer_index + 1) % len(question.choices)
    return [
        replace(question, answer=question.choices[n], answer_index=n),
        replace(question, evidence=question.evidence[1:]),
        replace(question, trace=question.trace.replace("</SUMMARY>", " indeed</SUMMARY>")),
        replace(question, difficulty=replace(question.difficulty, hops=9)),
        replace(question, question=f"{question.question} "),
    ]


def test_layers_that_are_shared_with_the_generator_hide_no_wrong_question() -> None:
    generator = Generator(Corpus.of(SCENES), TEMPLATES, QaOptions(reflection=0.5))
    options = QaOptions(reflection=0.5)
    for scene in SCENES[:3]:
        reading = Interpretation(scene)
        questions = generator.about(reading)
        proof = reading.without_facts()
        assert not proof.facts_by_kind
        for question in questions:
            assert verify(question, scene, options, TEMPLATES, proof) == []
            for wrong in changed(question):
                problems = verify(wrong, scene, options, TEMPLATES, proof)
                assert problems
                assert problems == verify(wrong, scene, options, TEMPLATES)


def test_evidence_of_another_scene_is_not_accepted() -> None:
    first, second = SCENES[:2]
    question = Generator(Corpus.of(SCENES), TEMPLATES).questions(first)[0]
    problems = verify(question, second, None, TEMPLATES, Interpretation(first))
    assert any(problem.startswith("evidence") for problem in problems)
