"""Facts about sounds before, during and after speech."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from paqa_builder.intervals import both, grow, outside, total
from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import Verdict, register
from paqa_builder.questions.facts.bases import SoundKind, Subject, YesNoKind, decided, numbered
from paqa_builder.questions.facts.speakers import SpeakerLongest
from paqa_builder.questions.facts.subjects import (
    each,
    evidence_of_runs,
    handover,
    handovers,
    heard,
    noun,
    sound_called,
    sound_subject,
    speaker_pair,
    speaker_subject,
    speaks,
    starts,
    within,
)
from paqa_builder.questions.facts.words import said
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.reading.sounds import Sound
from paqa_builder.questions.reading.voices import Speaker
from paqa_builder.questions.wording import quote


@register
class SoundWithoutSpeech(SoundKind):
    """A sound is heard in a pause of the speech; the wrong ones only during speech, or not at all."""

    needs = ("tags", "turns")
    open = True
    timed = True

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        speech = reading.voices.speech
        quiet = outside(grow(reading.maybe_spoken, 0.1), 0.0, reading.duration)
        # Without any speech the question would be the same as for "sound_present".
        if total(speech) >= 1.0 and total(quiet) >= reading.thresholds.min_overlap:
            step = f"Nobody speaks {wording.stretches(outside(speech, 0.0, reading.duration))}."
            yield Subject(steps=(step,), evidence=(*reading.voices.evidence, *reading.layer("turns")))

    def holds(self, reading: Interpretation, about: Any, sound: Sound) -> Verdict:
        quiet = both(sound.spans, outside(grow(reading.maybe_spoken, 0.1), 0.0, reading.duration))
        if total(quiet) >= reading.thresholds.min_overlap:
            return Verdict(True, heard(sound), sound.timing_evidence)
        if total(both(sound.maybe, outside(reading.voices.speech, 0.0, reading.duration))) < 0.1:
            because = f"{noun(sound)} is heard only while somebody speaks."
            return Verdict(False, because, sound.timing_evidence)
        return Verdict(None)


@register
class SoundBeforeSpeech(SoundKind):
    """A sound starts well before the first word of the clip."""

    needs = ("tags", "turns")
    open = True
    timed = True

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        speech = reading.voices.speech
        if speech and reading.maybe_spoken[0][0] >= reading.thresholds.min_overlap:
            step = f"Speech begins at {wording.at(speech[0][0])}."
            yield Subject(steps=(step,), evidence=reading.voices.speakers[0].evidence[:1])

    def holds(self, reading: Interpretation, about: Any, sound: Sound) -> Verdict:
        right = decided(
            reading.maybe_spoken[0][0] - sound.onset >= reading.thresholds.min_overlap,
            sound.earliest - reading.voices.speech[0][0] >= reading.thresholds.min_gap,
        )
        because = f"{starts(sound)}, {'before' if right else 'after'} that."
        return Verdict(right, because, sound.timing_evidence)


@register
class SoundAfterSpeech(SoundKind):
    """A sound starts after the last word of the clip."""

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
class SoundPrecedesSpeech(YesNoKind):
    """Whether a sound starts before the first word of the clip."""

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
class SoundBeforeSpeaker(SoundKind):
    """A sound starts before a given speaker, other than the first, begins to talk."""

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
class SpeechOverSound(YesNoKind):
    """Whether there is speech during a sound."""

    needs = ("tags", "turns")
    slots = ("sound",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        if reading.voices.speech:
            for sound in reading.sounds.timed:
                yield sound_subject(sound, heard(sound), group=f"sound:{sound.label}")

    def decide(self, reading: Interpretation, about: Any) -> Verdict:
        sound, voices = sound_called(reading, about), reading.voices
        shared = both(sound.spans, voices.speech)
        if total(shared) >= reading.thresholds.min_overlap:
            speakers = [s for s in voices.speakers if both(s.spans, sound.spans)]
            evidence = tuple(e for s in speakers for a, b in shared for e in s.evidence_in(a, b))
            return Verdict(True, f"Somebody speaks over it {wording.stretches(shared)}.", evidence)
        if not both(grow(sound.maybe, reading.thresholds.min_gap), reading.maybe_spoken):
            because = f"Speech is heard only {wording.stretches(voices.speech)}, never at the same time."
            return Verdict(False, because, (*voices.evidence, *reading.layer("turns")))
        return Verdict(None)


class SoundDuring(SoundKind):
    """A sound is heard during given intervals; ``about`` is the intervals."""

    needs: ClassVar[tuple[str, ...]] = ("tags", "turns")
    open = True

    def holds(self, reading: Interpretation, about: Any, sound: Sound) -> Verdict:
        return Verdict(within(reading, sound, about), heard(sound), sound.timing_evidence)


@register
class SoundDuringSpeaker(SoundDuring):
    """A sound is heard while a given speaker talks."""

    slots = ("speaker",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        if numbered(reading):
            for s in reading.voices.speakers:
                yield speaker_subject(s.number, speaks(s), about=s.spans, evidence=s.evidence)


@register
class SoundBetweenSpeakers(SoundDuring):
    """A sound is heard in the pause between the turns of two speakers."""

    slots = ("one", "other")

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        for first, second in handovers(reading):
            (one, _, end), (other, start, _) = first, second
            if start - end >= reading.thresholds.min_overlap:
                yield Subject(
                    f"{one}-{other}",
                    speaker_pair(one, other),
                    ((end, start),),
                    (f"{handover(first, second)}.",),
                    evidence_of_runs(reading, (first, second)),
                )


@register
class SoundDuringQuote(SoundDuring):
    """A sound is heard while given words are said."""

    needs = ("tags", "turns", "utterances")
    slots = ("quote",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        for phrase in reading.speech.phrases:
            whole = phrase.timed or (phrase.opens and phrase.closes)
            if whole and len(reading.speech.phrase(phrase.text)) == 1:
                yield Subject(
                    phrase.text,
                    {"quote": quote(phrase.text)},
                    ((phrase.start, phrase.end),),
                    (said(phrase),),
                    phrase.evidence,
                )


@register
class SoundDuringOverlap(SoundDuring):
    """A sound is heard while two speakers talk at once."""

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
