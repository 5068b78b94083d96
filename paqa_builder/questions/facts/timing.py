"""Facts about speaking times, pauses between speakers, and the speaker at a given time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from paqa_builder.intervals import Span, both, longest, outside, total
from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import Verdict, register
from paqa_builder.questions.facts.bases import ExtremeSpeakerKind, SpeakerKind, Subject, numbered
from paqa_builder.questions.facts.listed import Length, LengthKind
from paqa_builder.questions.facts.subjects import (
    evidence_of_runs,
    handover,
    handovers,
    speaker_pair,
    speaker_subject,
    speaks,
)
from paqa_builder.questions.question import Evidence
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.reading.voices import Speaker
from paqa_builder.seeded import pick

# Latest second that a question names.
_LATEST = 30


@register
class LongestStretch(ExtremeSpeakerKind):
    """The speaker with the longest uninterrupted stretch of speech."""

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        # With one stretch each, the answer is the same as for "speaker_longest".
        several = any(len(speaker.spans) > 1 for speaker in reading.voices.speakers)
        return [Subject()] if several else []

    def beyond(self, reading: Interpretation, speaker: Speaker, other: Speaker) -> bool:
        return reading.thresholds.longer(_length(longest(speaker.spans)), _length(longest(other.spans)))

    def describe(self, reading: Interpretation, speaker: Speaker) -> tuple[str, tuple[Evidence, ...]]:
        span = longest(speaker.spans)
        name, length = wording.choice_of_speaker(speaker.number), wording.long(_length(span))
        return f"{name} talks for {length} at a stretch, {wording.from_to(*span)}", speaker.evidence_in(*span)


def _length(span: Span) -> float:
    return span[1] - span[0]


@register
class SpeakerAtTime(SpeakerKind):
    """The speaker who is talking at a whole number of seconds, or at half of the clip."""

    slots = ("which", "seconds")

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        half = reading.duration / 2
        moments = [("half", half)] if self._alone(reading, half) else []
        by_speaker: dict[int, list[int]] = {}
        for second in range(1, min(int(reading.duration), _LATEST) + 1):
            if alone := self._alone(reading, float(second)):
                by_speaker.setdefault(alone.number, []).append(second)
        for number, seconds in sorted(by_speaker.items()):
            moments.append(("time", float(pick(seconds, "moment", *reading.clip_key, number))))
        for which, moment in moments:
            slots = {"which": which, "seconds": wording.count(round(moment), "second")}
            step = f"Half of the clip is over at {wording.at(moment)}."
            # Early in a clip the answer is often the first speaker, so answers balance for similar times.
            second = round(moment)
            group = which if which == "half" else f"{which}:{second.bit_length()}:{second}"
            yield Subject(
                f"{which} {moment:g}", slots, moment, (step,) if which == "half" else (), group=group
            )

    def holds(self, reading: Interpretation, about: Any, speaker: Speaker) -> Verdict:
        margin = reading.thresholds.order
        if self._alone(reading, about) == speaker:
            start, end = next((a, b) for a, b in speaker.spans if a <= about < b)
            name = wording.choice_of_speaker(speaker.number)
            because = f"{name} is talking {wording.from_to(start, end)}, which takes in that moment."
            return Verdict(True, because, speaker.evidence_in(start, end))
        if both(speaker.spans, ((about - margin, about + margin),)):
            return Verdict(None)
        return Verdict(False, speaks(speaker), speaker.evidence)

    @staticmethod
    def _alone(reading: Interpretation, moment: float) -> Speaker | None:
        """The only speaker in a window around a moment, if active throughout; None otherwise."""
        start, end = moment - reading.thresholds.order, moment + reading.thresholds.order
        active = reading.voices.at(start, end)
        alone = len(active) == 1 and any(a <= start and end <= b for a, b in active[0].spans)
        return active[0] if alone else None


@register
class SpeakingSeconds(LengthKind):
    """Total speaking time of a given speaker."""

    needs = ("turns",)
    slots = ("speaker",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        if numbered(reading):
            for speaker in reading.voices.speakers:
                yield speaker_subject(speaker.number)

    def length(self, reading: Interpretation, about: Any) -> Length | None:
        speaker = reading.voices.speakers[about - 1]
        # The upper bound includes short pauses for breath.
        least, most = speaker.seconds, total(speaker.spans)
        because = f"{speaks(speaker)} That makes {wording.long(most)}."
        return Length(least, most, because, speaker.evidence)


@register
class SpeechOnset(LengthKind):
    """Time from the start of the clip to the first speech."""

    needs = ("turns",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        voices = reading.voices
        return [Subject()] if voices.sure and voices.speakers else []

    def length(self, reading: Interpretation, about: Any) -> Length | None:
        onset = reading.voices.speakers[0].onset
        # The transcriber or the tagger may have found speech before the first turn.
        if not reading.voices.truth and reading.maybe_spoken[0][0] < onset - reading.thresholds.order:
            return None
        because = f"The first voice sets in at {wording.at(onset)}."
        return Length(onset, onset, because, reading.voices.speakers[0].evidence[:1])


@register
class SpeakerGap(LengthKind):
    """Duration of the pause between the turns of two speakers."""

    needs = ("turns",)
    slots = ("one", "other")

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        for first, second in handovers(reading):
            one, other = first[0], second[0]
            yield Subject(f"{one} {other}", speaker_pair(one, other), (first, second))

    def length(self, reading: Interpretation, about: Any) -> Length | None:
        (*_, end), (_, start, _) = about
        pause = start - end
        if pause <= 0 or total(outside(reading.maybe_spoken, end, start)) < pause:
            return None
        because = f"{handover(*about)}, {wording.long(pause)} later."
        return Length(pause, pause, because, evidence_of_runs(reading, about))
