"""Facts about sounds before, during and after speech."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from paqa_builder.intervals import total
from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import Verdict, register
from paqa_builder.questions.facts.bases import SoundKind, Subject, YesNoKind, decided, numbered
from paqa_builder.questions.facts.speakers import SpeakerLongest
from paqa_builder.questions.facts.subjects import each, sound_called, speaker_subject, speaks, starts
from paqa_builder.questions.facts.together import SoundDuring
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.reading.sounds import Sound
from paqa_builder.questions.reading.voices import Speaker


@register
class SoundAfterSpeech(SoundKind):
    """A sound starts after the last word of the clip."""

    name = "sound_after_speech"
    needs = ("tags", "turns")
    open = True
    timed = True

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        speech = reading.voices.speech
        if speech and reading.duration - reading.maybe_spoken[-1][1] >= reading.thresholds.min_overlap:
            step = f"The last voice ends at {wording.at(speech[-1][1])}."
            yield Subject(steps=(step,), evidence=(*reading.voices.evidence, *reading.layer("turns")))

    def holds(self, reading: Interpretation, about: Any, sound: Sound) -> Verdict:
        margin = reading.thresholds.order
        if not reading.voices.speech:
            return Verdict(None)
        right = decided(
            sound.earliest - reading.maybe_spoken[-1][1] >= margin,
            reading.voices.speech[-1][1] - sound.onset >= margin,
        )
        because = f"{starts(sound)}, {'after' if right else 'before'} that."
        return Verdict(right, because, sound.timing_evidence)


@register
class SoundBeforeSpeaker(SoundKind):
    """A sound starts before a given speaker, other than the first, begins to talk."""

    name = "sound_before_speaker"
    needs = ("tags", "turns")
    slots = ("speaker",)
    open = True
    timed = True

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        if numbered(reading):
            for s in reading.voices.speakers[1:]:
                step = f"{wording.choice_of_speaker(s.number)} begins at {wording.at(s.onset)}."
                yield speaker_subject(s.number, step, about=s.onset, evidence=s.evidence[:1])

    def holds(self, reading: Interpretation, about: Any, sound: Sound) -> Verdict:
        margin = reading.thresholds.order
        right = decided(about - sound.onset >= margin, sound.earliest - about >= margin)
        because = f"{starts(sound)}, {'before' if right else 'later than'} that."
        return Verdict(right, because, sound.timing_evidence)


@register
class SoundPrecedesSpeech(YesNoKind):
    """Whether a sound starts before the first word of the clip."""

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
        right = decided(reading.maybe_spoken[0][0] - sound.onset >= margin, sound.earliest - first >= margin)
        return Verdict(right, because, evidence)


@register
class SoundDuringOverlap(SoundDuring):
    """A sound is heard while two speakers talk at once."""

    name = "sound_during_overlap"

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        voices = reading.voices
        if voices.sure and total(voices.together) >= reading.thresholds.min_overlap:
            step = f"Two voices are heard at once {wording.stretches(voices.together)}."
            yield Subject(steps=(step,), evidence=voices.evidence)

    def holds(self, reading: Interpretation, about: Any, sound: Sound) -> Verdict:
        return super().holds(reading, reading.voices.together, sound)


@register
class SoundDuringLongest(SoundDuring):
    """A sound is heard while the speaker with the most speech talks: first the speaker, then the sound."""

    name = "sound_during_longest"

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        longest = self._longest(reading)
        if longest is not None:
            verdict = SpeakerLongest().holds(reading, None, longest)
            yield Subject(steps=(verdict.because, speaks(longest)), evidence=reading.voices.evidence)

    def _longest(self, reading: Interpretation) -> Speaker | None:
        speakers = reading.voices.speakers if numbered(reading) else ()
        return next((s for s in speakers if SpeakerLongest().holds(reading, None, s).true), None)

    def holds(self, reading: Interpretation, about: Any, sound: Sound) -> Verdict:
        longest = self._longest(reading)
        return Verdict(None) if longest is None else super().holds(reading, longest.spans, sound)
