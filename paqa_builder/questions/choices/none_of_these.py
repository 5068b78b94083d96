""" "None of these" as a choice: how a question says that none of its answers can be heard.

It is right in the share of questions that the options name, and offered in so many more that, where
it is offered, it is right as often as any other choice: its presence tells nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from paqa_builder.questions.facts.base import Fact, FactKind, Verdict
from paqa_builder.questions.options import QaOptions
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.seeded import unit

NOTHING = "None of these"
# How the answer is told in a trace, where a template's own statement would not read.
STATEMENTS = (
    "none of the things offered answers the question",
    "the answer is none of these",
    "nothing of what is named holds, so that none of these is right",
)


def drawn(kind: FactKind, fact: Fact, options: QaOptions, *key: object) -> bool | None:
    """Whether "None of these" is to be the right choice (True), a wrong one, or no choice (None)."""
    if not kind.open or fact.answer is None:
        return None
    place = unit("nothing", *key)
    if place >= options.unanswerable * options.choices:
        return None
    return place < options.unanswerable


def without_answer(fact: Fact) -> Fact:
    """The fact that a question is about, less its answer: what is left is "None of these"."""
    return replace(fact, answer=NOTHING, evidence=fact.grounds)


def judge_all(
    reading: Interpretation, kind: FactKind, fact: Fact, choices: Sequence[str]
) -> tuple[Verdict, ...]:
    """Judges the choices of one question; "None of these" by what is said of the others."""
    verdicts = {
        choice: kind.judge(reading, fact.about, choice)
        for choice in choices
        if not (kind.open and choice == NOTHING)
    }
    rest = of_others(verdicts.values())
    return tuple(verdicts.get(choice, rest) for choice in choices)


def of_others(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict on "None of these", given those on the other choices."""
    found = [verdict.true for verdict in verdicts]
    if True in found:
        return Verdict(False)
    return Verdict(None if None in found else True)
