"""Facts about how long people speak, and who speaks at a certain time."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

from paqa_builder.intervals import both, outside, total
from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import Verdict, register
from paqa_builder.questions.facts.bases import SpeakerKind, Subject, extreme, numbered
from paqa_builder.questions.facts.listed import Length, LengthKind
from paqa_builder.questions.facts.speakers import speaks
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.reading.voices import Speaker
from paqa_builder.seeded import pick

# Listeners do not count further than this.
_COUNTED = 30


@register
class SpeakerShortest(SpeakerKind):
    """Who speaks for the shortest time in all."""

    name = "speaker_shortest"
    needs = ("turns",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return [Subject()]

    def holds(self, reading: Interpretation, about: Any, speaker: Speaker) -> Verdict:
        others = [s for s in reading.voices.speakers if s != speaker]
        talks = (
            f"{wording.choice_of_speaker(speaker.number)} talks for {wording.long(speaker.seconds)} in all"
        )
        longer = reading.thresholds.longer
        right = extreme(speaker, others, lambda a, b: longer(b.seconds, a.seconds))
        if right is None:
            return Verdict(None)
        return Verdict(right, f"{talks}{', less than anybody else' if right else ''}.", speaker.evidence)


@register
class LongestStretch(SpeakerKind):
    """Who talks for the longest time without a break."""

    name = "longest_stretch"
    needs = ("turns",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        # With one stretch each it is the same as who talks longest.
        several = any(len(speaker.spans) > 1 for speaker in reading.voices.speakers)
        return [Subject()] if several else []

    def holds(self, reading: Interpretation, about: Any, speaker: Speaker) -> Verdict:
        longest = {s: max(s.spans, key=lambda span: span[1] - span[0]) for s in reading.voices.speakers}
        lengths = {s: b - a for s, (a, b) in longest.items()}
        mine = lengths.pop(speaker)
        name = wording.choice_of_speaker(speaker.number)
        because = f"{name} talks for {wording.long(mine)} at a stretch, {wording.from_to(*longest[speaker])}."
        evidence = speaker.evidence_in(*longest[speaker])
        right = extreme(mine, lengths.values(), reading.thresholds.longer)
        return Verdict(None) if right is None else Verdict(right, because, evidence)


@register
class SpeakerAtTime(SpeakerKind):
    """Who is speaking a whole number of seconds into the clip, or half-way through."""

    name = "speaker_at_time"
    needs = ("turns",)
    slots = ("which", "seconds")

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        half = reading.duration / 2
        moments = [("half", half)] if self._alone(reading, half) else []
        by_speaker: dict[int, list[int]] = {}
        for second in range(1, min(int(reading.duration), _COUNTED) + 1):
            if alone := self._alone(reading, float(second)):
                by_speaker.setdefault(alone.number, []).append(second)
        for number, seconds in sorted(by_speaker.items()):
            moments.append(("time", float(pick(seconds, "moment", *reading.clip_key, number))))
        for which, moment in moments:
            slots = {"which": which, "seconds": wording.count(round(moment), "second")}
            step = f"Half of the clip is over at {wording.at(moment)}."
            # Early on it is often the first speaker: answers balance for each time, or for times about it.
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
        """The only speaker active throughout the moment and its margins, if there is one."""
        start, end = moment - reading.thresholds.order, moment + reading.thresholds.order
        there = reading.voices.at(start, end)
        if len(there) == 1 and any(a <= start and end <= b for a, b in there[0].spans):
            return there[0]
        return None


@register
class SpeakingSeconds(LengthKind):
    """For how long somebody speaks in all."""

    name = "speaking_seconds"
    needs = ("turns",)
    slots = ("speaker",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        if numbered(reading):
            for speaker in reading.voices.speakers:
                yield Subject(
                    str(speaker.number), {"speaker": wording.speaker(speaker.number)}, speaker.number
                )  # fmt: skip

    def length(self, reading: Interpretation, about: Any) -> Length | None:
        speaker = reading.voices.speakers[about - 1]
        # Pauses for breath may be counted or not.
        least, most = speaker.seconds, total(speaker.spans)
        because = f"{speaks(speaker)} That makes {wording.long(most)}."
        return Length(least, most, because, speaker.evidence)


@register
class SpeechOnset(LengthKind):
    """How far into the clip the first voice sets in."""

    name = "speech_onset"
    needs = ("turns",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        voices = reading.voices
        return [Subject()] if voices.sure and voices.speakers else []

    def length(self, reading: Interpretation, about: Any) -> Length | None:
        onset = reading.voices.speakers[0].onset
        # Others may hear words or speech before the first turn.
        if not reading.voices.truth and reading.maybe_spoken[0][0] < onset - reading.thresholds.order:
            return None
        because = f"The first voice sets in at {wording.at(onset)}."
        return Length(onset, onset, because, reading.voices.speakers[0].evidence[:1])


@register
class SpeakerGap(LengthKind):
    """How long nobody speaks between two people's turns."""

    name = "speaker_gap"
    needs = ("turns",)
    slots = ("one", "other")

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        if not numbered(reading):
            return
        runs = reading.voices.runs
        pairs = [(a, b) for (a, *_), (b, *_) in itertools.pairwise(runs)]
        for n, (a, b) in enumerate(pairs):
            # If the word passes between these two more than once, "between" is not one place.
            if pairs.count((a, b)) + pairs.count((b, a)) == 1:
                slots = {"one": wording.speaker(a), "other": wording.speaker(b)}
                yield Subject(f"{a} {b}", slots, (runs[n], runs[n + 1]))

    def length(self, reading: Interpretation, about: Any) -> Length | None:
        (a, a_start, end), (b, start, b_end) = about
        gap = outside(reading.maybe_spoken, end, start) if end < start else ()
        if total(gap) < start - end or start <= end:
            return None
        one, other = reading.voices.speakers[a - 1], reading.voices.speakers[b - 1]
        because = (
            f"{wording.choice_of_speaker(a)} stops at {wording.at(end)} and {wording.speaker(b)} starts at "
            f"{wording.at(start)}, {wording.long(start - end)} later."
        )
        evidence = (*one.evidence_in(a_start, end), *other.evidence_in(start, b_end))
        return Length(start - end, start - end, because, evidence)
