""" "None of these" as a choice.

It is right in the share of questions that the options set. It is offered in more questions, so that it is
right there as often as any other choice and its presence reveals nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from paqa_builder.questions.facts.base import Fact, FactKind, Verdict
from paqa_builder.questions.options import QaOptions
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.seeded import unit

NOTHING = "None of these"
# Statements of this answer in a trace; those of the templates do not fit it.
STATEMENTS = (
    "none of the things offered answers the question",
    "the answer is none of these",
    "nothing of what is named holds, so that none of these is right",
)


def drawn(kind: FactKind, fact: Fact, options: QaOptions, *key: object) -> bool | None:
    """Draws whether "None of these" is the right choice (True), a wrong one (False) or no choice (None)."""
    if not kind.open or fact.answer is None:
        return None
    place = unit("nothing", *key)
    if place >= options.unanswerable * options.choices:
        return None
    return place < options.unanswerable


def without_answer(fact: Fact) -> Fact:
    """The fact with "None of these" as its answer and only the evidence for its presuppositions."""
    return replace(fact, answer=NOTHING, evidence=fact.grounds)


def judge_all(
    reading: Interpretation, kind: FactKind, fact: Fact, choices: Sequence[str]
) -> tuple[Verdict, ...]:
    """Judges the choices of one question; "None of these" follows from the others."""
    verdicts = {
        choice: kind.judge(reading, fact.about, choice)
        for choice in choices
        if not (kind.open and choice == NOTHING)
    }
    rest = of_others(verdicts.values())
    return tuple(verdicts.get(choice, rest) for choice in choices)


def of_others(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict on "None of these" that follows from those on the other choices."""
    results = [verdict.true for verdict in verdicts]
    if True in results:
        return Verdict(False)
    return Verdict(None if None in results else True)
