"""Facts about who speaks, and for how long."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from paqa_builder.intervals import both, grow
from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import Verdict, register
from paqa_builder.questions.facts.bases import NumberKind, SpeakerKind, Subject, YesNoKind, extreme, numbered
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.reading.voices import Speaker


def speaks(speaker: Speaker) -> str:
    """``"The first speaker talks from 0.5 s to 3.0 s."``"""
    return f"{wording.choice_of_speaker(speaker.number)} talks {wording.stretches(speaker.spans)}."


@register
class SpeakerCount(NumberKind):
    """How many different people speak."""

    name = "speaker_count"
    needs = ("turns",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return [Subject()]

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
class SpeakerLongest(SpeakerKind):
    """Who speaks for the longest time in all."""

    name = "speaker_longest"
    needs = ("turns",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return [Subject()]

    def holds(self, reading: Interpretation, about: Any, speaker: Speaker) -> Verdict:
        others = [s for s in reading.voices.speakers if s != speaker]
        spends = (
            f"{wording.choice_of_speaker(speaker.number)} talks for {wording.long(speaker.seconds)} in all"
        )
        right = extreme(speaker.seconds, (s.seconds for s in others), reading.thresholds.longer)
        if right is None:
            return Verdict(None)
        return Verdict(right, f"{spends}{', longer than anybody else' if right else ''}.", speaker.evidence)


@register
class SpeakerLast(SpeakerKind):
    """Whose voice is the last to be heard."""

    name = "speaker_last"
    needs = ("turns",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return [Subject()]

    def holds(self, reading: Interpretation, about: Any, speaker: Speaker) -> Verdict:
        margin = reading.thresholds.order
        others = [s for s in reading.voices.speakers if s != speaker]
        stops = f"{wording.choice_of_speaker(speaker.number)} is last heard at {wording.at(speaker.offset)}"
        evidence = speaker.evidence[-1:]
        right = extreme(speaker, others, lambda a, b: a.offset - b.offset >= margin)
        if right is None:
            return Verdict(None)
        return Verdict(right, f"{stops}{', after everybody else' if right else ''}.", evidence)


@register
class VoicesOverlap(YesNoKind):
    """Whether two people ever speak at the same time."""

    name = "voices_overlap"
    needs = ("turns",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return [Subject()] if reading.voices.sure and len(reading.voices.speakers) >= 2 else []

    def decide(self, reading: Interpretation, about: Any) -> Verdict:
        voices, limits = reading.voices, reading.thresholds
        stretches = [span for span in voices.together if span[1] - span[0] >= limits.overlap]
        if stretches:
            start, end = max(stretches, key=lambda span: span[1] - span[0])
            there = voices.at(start, end)
            names = wording.capital(wording.listed([wording.speaker(s.number) for s in there]))
            evidence = tuple(e for s in there for e in s.evidence_in(start, end))
            return Verdict(True, f"{names} talk at once {wording.from_to(start, end)}.", evidence)
        if any(
            both(grow(one.spans, limits.min_gap / 2), grow(other.spans, limits.min_gap / 2))
            for n, one in enumerate(voices.speakers)
            for other in voices.speakers[n + 1 :]
        ):
            return Verdict(None)
        because = " ".join(map(speaks, voices.speakers)) + " Their turns never meet."
        return Verdict(False, because, (*voices.evidence, *reading.layer("turns")))


@register
class SpeakerChanges(NumberKind):
    """How many times the conversation passes from one person to another."""

    name = "speaker_changes"
    needs = ("turns",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return [Subject()] if numbered(reading) else []

    def number(self, reading: Interpretation, about: Any) -> tuple[int | None, Verdict]:
        voices, runs = reading.voices, reading.voices.runs
        # A short answer, or one within another's turn, is a change to some and none to others.
        short = any(end - start < 1.0 for _, start, end in runs)
        if voices.together or short:
            return None, Verdict(None)
        steps = [
            f"{wording.speaker(who)} at {wording.at(start)}" for who, start, _ in runs[1:]
        ]  # fmt: skip
        because = (
            f"{wording.capital(wording.speaker(runs[0][0]))} begins, then the word passes to "
            f"{wording.listed(steps)}: {wording.count(len(steps), 'change')}."
        )
        return len(steps), Verdict(True, because, (*voices.evidence, *reading.layer("turns")))
