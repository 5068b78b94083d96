"""Facts about people who talk at the same time."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

from paqa_builder.intervals import both, grow
from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import AnswerType, Fact, FactKind, Verdict, register
from paqa_builder.questions.facts.bases import NumberKind, Subject, YesNoKind, numbered
from paqa_builder.questions.facts.speakers import speaks
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.reading.voices import Speaker

# So little common speech is nothing; more, but less than the threshold, is a matter of opinion.
_NOTHING = 0.05


def pair_name(one: Speaker, other: Speaker) -> str:
    """``"the first and the second speaker"``."""
    return f"the {wording.ordinal(one.number)} and {wording.speaker(other.number)}"


def overlapping(reading: Interpretation, one: Speaker, other: Speaker) -> Verdict:
    """Whether two people ever talk at the same time."""
    limits, names = reading.thresholds, wording.capital(pair_name(one, other))
    stretches = [span for span in both(one.spans, other.spans) if span[1] - span[0] >= limits.overlap]
    if stretches:
        start, end = max(stretches, key=lambda span: span[1] - span[0])
        evidence = (*one.evidence_in(start, end), *other.evidence_in(start, end))
        return Verdict(True, f"{names} talk at once {wording.from_to(start, end)}.", evidence)
    if both(grow(one.spans, limits.min_gap / 2), grow(other.spans, limits.min_gap / 2)):
        return Verdict(None)
    return Verdict(False, f"{names} never talk at once.", (*one.evidence, *other.evidence))


@register
class OverlapCount(NumberKind):
    """How many times voices overlap."""

    name = "overlap_count"
    needs = ("turns",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        voices = reading.voices
        return [Subject()] if voices.sure and len(voices.speakers) >= 2 else []

    def number(self, reading: Interpretation, about: Any) -> tuple[int | None, Verdict]:
        limits, spans = reading.thresholds, reading.voices.together
        stretches = [(a, b) for a, b in spans if b - a >= _NOTHING]
        short = any(b - a < limits.overlap for a, b in stretches)
        close = any(c - b < limits.min_overlap for (_, b), (c, _) in itertools.pairwise(stretches))
        if not stretches or short or close:
            return None, Verdict(None)
        because = (
            f"Voices sound at once {wording.listed([wording.from_to(*span) for span in stretches])}: "
            f"{wording.times(len(stretches))}."
        )
        evidence = (*reading.voices.evidence, *reading.layer("turns"))
        return len(stretches), Verdict(True, because, evidence)


@register
class OverlapPair(FactKind):
    """Which two of three or more speakers talk at the same time."""

    name = "overlap_pair"
    form = AnswerType.LISTED
    needs = ("turns",)

    def find(self, reading: Interpretation) -> Iterator[Fact]:
        if not numbered(reading, at_least=3):
            return
        pairs = _pairs(reading)
        for name, pair in pairs.items():
            verdict = overlapping(reading, *pair)
            if verdict.true:
                others = tuple(other for other in pairs if other != name)
                group = f"of {len(reading.voices.speakers)}"
                yield Fact(name, {}, name, others, evidence=verdict.evidence, group=group)

    def judge(self, reading: Interpretation, about: Any, choice: str) -> Verdict:
        pair = _pairs(reading).get(choice)
        return Verdict(None) if pair is None else overlapping(reading, *pair)


def _pairs(reading: Interpretation) -> dict[str, tuple[Speaker, Speaker]]:
    # Listeners cannot number more speakers than this.
    speakers = reading.voices.speakers[:6]
    return {wording.capital(pair_name(a, b)): (a, b) for a, b in itertools.combinations(speakers, 2)}


@register
class PairOverlaps(YesNoKind):
    """Whether two certain people ever talk at the same time."""

    name = "pair_overlaps"
    needs = ("turns",)
    slots = ("one", "other")

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        if not numbered(reading, at_least=3):
            return
        for one, other in _pairs(reading).values():
            numbers = (one.number, other.number)
            slots = {"one": wording.speaker(one.number), "other": wording.speaker(other.number)}
            steps = (speaks(one), speaks(other))
            yield Subject(f"{numbers}", slots, numbers, steps, group="{} {}".format(*numbers))

    def decide(self, reading: Interpretation, about: Any) -> Verdict:
        speakers = reading.voices.speakers
        return overlapping(reading, speakers[about[0] - 1], speakers[about[1] - 1])
