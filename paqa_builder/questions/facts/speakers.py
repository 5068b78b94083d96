"""Facts about the number and changes of speakers, and the speaker who talks longest or last."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import Verdict, register
from paqa_builder.questions.facts.bases import ExtremeSpeakerKind, NumberKind, Subject, numbered
from paqa_builder.questions.question import Evidence
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.reading.voices import Speaker


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
