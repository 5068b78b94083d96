"""Facts over both layers: what is heard before, during and after speech."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from paqa_builder.intervals import total
from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import Verdict, register
from paqa_builder.questions.facts.bases import SoundKind, Subject, YesNoKind, numbered
from paqa_builder.questions.facts.environment import starts
from paqa_builder.questions.facts.lasting import each, sound_called
from paqa_builder.questions.facts.speakers import SpeakerLongest, speaks
from paqa_builder.questions.facts.together import SoundDuring
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.reading.sounds import Sound
from paqa_builder.questions.reading.voices import Speaker


@register
class SoundAfterSpeech(SoundKind):
    """A sound sets in only after the last word of the clip."""

    name = "sound_after_speech"
    needs = ("tags", "turns")
    open = True

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        speech = reading.voices.speech
        if speech and reading.duration - reading.maybe_spoken[-1][1] >= reading.thresholds.min_overlap:
            step = f"The last voice ends at {wording.at(speech[-1][1])}."
            yield Subject(steps=(step,), evidence=(*reading.voices.evidence, *reading.layer("turns")))

    def holds(self, reading: Interpretation, about: Any, sound: Sound) -> Verdict:
        margin = reading.thresholds.order
        if not sound.spans or not reading.voices.speech:
            return Verdict(None)
        if sound.earliest - reading.maybe_spoken[-1][1] >= margin:
            return Verdict(True, f"{starts(sound)}, after that.", sound.timing_evidence)
        if reading.voices.speech[-1][1] - sound.onset >= margin:
            return Verdict(False, f"{starts(sound)}, before that.", sound.timing_evidence)
        return Verdict(None)


@register
class SoundBeforeSpeaker(SoundKind):
    """A sound has already started when a certain person, not the first, begins to speak."""

    name = "sound_before_speaker"
    needs = ("tags", "turns")
    slots = ("speaker",)
    open = True

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        if numbered(reading):
            for s in reading.voices.speakers[1:]:
                name = wording.choice_of_speaker(s.number)
                step = f"{name} begins at {wording.at(s.onset)}."
                slots = {"speaker": wording.speaker(s.number)}
                yield Subject(str(s.number), slots, s.onset, (step,), s.evidence[:1])

    def holds(self, reading: Interpretation, about: Any, sound: Sound) -> Verdict:
        margin = reading.thresholds.order
        if not sound.spans:
            return Verdict(None)
        if about - sound.onset >= margin:
            return Verdict(True, f"{starts(sound)}, before that.", sound.timing_evidence)
        if sound.earliest - about >= margin:
            return Verdict(False, f"{starts(sound)}, later than that.", sound.timing_evidence)
        return Verdict(None)


@register
class SoundPrecedesSpeech(YesNoKind):
    """Whether a sound starts before anybody has spoken."""

    name = "sound_precedes_speech"
    needs = ("tags", "turns")
    slots = ("sound",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return each(reading) if reading.voices.speech else ()

    def decide(self, reading: Interpretation, about: Any) -> Verdict:
        sound, margin = sound_called(reading, about), reading.thresholds.order
        first = reading.voices.speech[0][0]
        because = f"{starts(sound)}, and the first voice at {wording.at(first)}."
        evidence = (*sound.timing_evidence, *reading.voices.speakers[0].evidence[:1])
        if reading.maybe_spoken[0][0] - sound.onset >= margin:
            return Verdict(True, because, evidence)
        return Verdict(False, because, evidence) if sound.earliest - first >= margin else Verdict(None)


@register
class SoundDuringOverlap(SoundDuring):
    """A sound is heard while two people talk at once."""

    name = "sound_during_overlap"

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        voices = reading.voices
        if voices.sure and total(voices.together) >= reading.thresholds.min_overlap:
            step = f"Two voices are heard at once {wording.stretches(voices.together)}."
            yield Subject("", {}, None, (step,), voices.evidence)

    def holds(self, reading: Interpretation, about: Any, sound: Sound) -> Verdict:
        return super().holds(reading, reading.voices.together, sound)


@register
class SoundDuringLongest(SoundDuring):
    """A sound is heard while whoever speaks longest is speaking: first find the voice, then the sound."""

    name = "sound_during_longest"

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        longest = self._longest(reading)
        if longest is not None:
            verdict = SpeakerLongest().holds(reading, None, longest)
            yield Subject("", {}, None, (verdict.because, speaks(longest)), reading.voices.evidence)

    def _longest(self, reading: Interpretation) -> Speaker | None:
        speakers = reading.voices.speakers if numbered(reading) else ()
        return next((s for s in speakers if SpeakerLongest().holds(reading, None, s).true), None)

    def holds(self, reading: Interpretation, about: Any, sound: Sound) -> Verdict:
        longest = self._longest(reading)
        return Verdict(None) if longest is None else super().holds(reading, longest.spans, sound)
