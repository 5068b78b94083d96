"""Facts about overlapping speech."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from paqa_builder.intervals import both, grow, longest
from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import AnswerType, Fact, FactKind, Verdict, register
from paqa_builder.questions.facts.bases import NumberKind, Subject, YesNoKind, numbered
from paqa_builder.questions.facts.subjects import speaker_pair, speaks
from paqa_builder.questions.options import Thresholds
from paqa_builder.questions.reading.interpretation import Interpretation, per_scene
from paqa_builder.questions.reading.voices import Speaker

# Shorter overlap, in seconds, is ignored; between this and the threshold it is uncertain.
_NEGLIGIBLE = 0.05


def pair_name(one: Speaker, other: Speaker) -> str:
    """``"the first and the second speaker"``."""
    return f"the {wording.ordinal(one.number)} and {wording.speaker(other.number)}"


def _may_overlap(one: Speaker, other: Speaker, limits: Thresholds) -> bool:
    """Whether two speakers may talk at the same time, given the tolerance of turn edges."""
    margin = limits.min_gap / 2
    return bool(both(grow(one.spans, margin), grow(other.spans, margin)))


def overlapping(reading: Interpretation, one: Speaker, other: Speaker) -> Verdict:
    """Whether two speakers ever talk at the same time."""
    limits, names = reading.thresholds, wording.capital(pair_name(one, other))
    stretches = [span for span in both(one.spans, other.spans) if span[1] - span[0] >= limits.overlap]
    if stretches:
        start, end = longest(stretches)
        evidence = (*one.evidence_in(start, end), *other.evidence_in(start, end))
        return Verdict(True, f"{names} talk at once {wording.from_to(start, end)}.", evidence)
    if _may_overlap(one, other, limits):
        return Verdict(None)
    return Verdict(False, f"{names} never talk at once.", (*one.evidence, *other.evidence))


@register
class VoicesOverlap(YesNoKind):
    """Whether two speakers ever talk at the same time."""

    needs = ("turns",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return [Subject()] if reading.voices.sure and len(reading.voices.speakers) >= 2 else []

    def decide(self, reading: Interpretation, about: Any) -> Verdict:
        voices, limits = reading.voices, reading.thresholds
        stretches = [span for span in voices.together if span[1] - span[0] >= limits.overlap]
        if stretches:
            start, end = longest(stretches)
            active = voices.at(start, end)
            names = wording.capital(wording.listed([wording.speaker(s.number) for s in active]))
            evidence = tuple(e for s in active for e in s.evidence_in(start, end))
            return Verdict(True, f"{names} talk at once {wording.from_to(start, end)}.", evidence)
        if any(_may_overlap(*pair, limits) for pair in itertools.combinations(voices.speakers, 2)):
            return Verdict(None)
        because = " ".join(map(speaks, voices.speakers)) + " Their turns never meet."
        return Verdict(False, because, (*voices.evidence, *reading.layer("turns")))


@register
class OverlapCount(NumberKind):
    """The number of overlaps of two or more voices."""

    needs = ("turns",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        voices = reading.voices
        return [Subject()] if voices.sure and len(voices.speakers) >= 2 else []

    def number(self, reading: Interpretation, about: Any) -> tuple[int | None, Verdict]:
        limits, spans = reading.thresholds, reading.voices.together
        stretches = [(a, b) for a, b in spans if b - a >= _NEGLIGIBLE]
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
    """The two of three or more speakers who talk at the same time."""

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


@per_scene
def _pairs(reading: Interpretation) -> Mapping[str, tuple[Speaker, Speaker]]:
    # Listeners cannot keep track of more speakers.
    speakers = reading.voices.speakers[:6]
    return {wording.capital(pair_name(a, b)): (a, b) for a, b in itertools.combinations(speakers, 2)}


@register
class PairOverlaps(YesNoKind):
    """Whether two given speakers ever talk at the same time."""

    needs = ("turns",)
    slots = ("one", "other")

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        if not numbered(reading, at_least=3):
            return
        for one, other in _pairs(reading).values():
            numbers, steps = (one.number, other.number), (speaks(one), speaks(other))
            group = f"{one.number} {other.number}"
            yield Subject(f"{numbers}", speaker_pair(*numbers), numbers, steps, group=group)

    def decide(self, reading: Interpretation, about: Any) -> Verdict:
        speakers = reading.voices.speakers
        return overlapping(reading, speakers[about[0] - 1], speakers[about[1] - 1])
