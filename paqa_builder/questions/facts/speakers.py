"""Facts about the number of speakers, who talks longest or last, and whether voices overlap."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

from paqa_builder.intervals import both, grow, longest
from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import Verdict, register
from paqa_builder.questions.facts.bases import ExtremeSpeakerKind, NumberKind, Subject, YesNoKind, numbered
from paqa_builder.questions.facts.subjects import speaks
from paqa_builder.questions.options import Thresholds
from paqa_builder.questions.question import Evidence
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.reading.voices import Speaker


def may_overlap(one: Speaker, other: Speaker, limits: Thresholds) -> bool:
    """Whether two speakers may talk at the same time, given the tolerance of turn edges."""
    margin = limits.min_gap / 2
    return bool(both(grow(one.spans, margin), grow(other.spans, margin)))


@register
class SpeakerCount(NumberKind):
    """The number of speakers."""

    needs = ("turns",)

    def number(self, reading: Interpretation, about: Any) -> tuple[int | None, Verdict]:
        voices = reading.voices
        if not (voices.sure and voices.speakers):
            return None, Verdict(None)
        because = " ".join(
            f"The {wording.ordinal(s.number)} voice is first heard at {wording.at(s.onset)}."
            for s in voices.speakers
        )
        because += " No further voice joins in." if len(voices.speakers) > 1 else " It is the only one."
        return len(voices.speakers), Verdict(True, because, (*voices.evidence, *reading.layer("turns")))


@register
class SpeakerLongest(ExtremeSpeakerKind):
    """The speaker with the longest total speaking time."""

    claim = ", longer than anybody else"

    def beyond(self, reading: Interpretation, speaker: Speaker, other: Speaker) -> bool:
        return reading.thresholds.longer(speaker.seconds, other.seconds)

    def describe(self, reading: Interpretation, speaker: Speaker) -> tuple[str, tuple[Evidence, ...]]:
        name = wording.choice_of_speaker(speaker.number)
        return f"{name} talks for {wording.long(speaker.seconds)} in all", speaker.evidence


@register
class SpeakerShortest(SpeakerLongest):
    """The speaker with the shortest total speaking time."""

    claim = ", less than anybody else"

    def beyond(self, reading: Interpretation, speaker: Speaker, other: Speaker) -> bool:
        return super().beyond(reading, other, speaker)


@register
class SpeakerLast(ExtremeSpeakerKind):
    """The last speaker to be heard."""

    claim = ", after everybody else"

    def beyond(self, reading: Interpretation, speaker: Speaker, other: Speaker) -> bool:
        return speaker.offset - other.offset >= reading.thresholds.order

    def describe(self, reading: Interpretation, speaker: Speaker) -> tuple[str, tuple[Evidence, ...]]:
        name = wording.choice_of_speaker(speaker.number)
        return f"{name} is last heard at {wording.at(speaker.offset)}", speaker.evidence[-1:]


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
        if any(may_overlap(*pair, limits) for pair in itertools.combinations(voices.speakers, 2)):
            return Verdict(None)
        because = " ".join(map(speaks, voices.speakers)) + " Their turns never meet."
        return Verdict(False, because, (*voices.evidence, *reading.layer("turns")))


@register
class SpeakerChanges(NumberKind):
    """The number of changes from one speaker to another."""

    needs = ("turns",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return [Subject()] if numbered(reading) else []

    def number(self, reading: Interpretation, about: Any) -> tuple[int | None, Verdict]:
        voices, runs = reading.voices, reading.voices.runs
        # Listeners disagree whether a short turn, or one within another turn, is a change.
        short = any(end - start < 1.0 for _, start, end in runs)
        if voices.together or short:
            return None, Verdict(None)
        steps = [f"{wording.speaker(who)} at {wording.at(start)}" for who, start, _ in runs[1:]]
        because = (
            f"{wording.capital(wording.speaker(runs[0][0]))} begins, then the word passes to "
            f"{wording.listed(steps)}: {wording.count(len(steps), 'change')}."
        )
        return len(steps), Verdict(True, because, (*voices.evidence, *reading.layer("turns")))
