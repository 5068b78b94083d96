"""Facts that relate a sound to a speaker or to words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import Verdict, register
from paqa_builder.questions.facts.bases import SoundKind, SpeakerKind, Subject, numbered
from paqa_builder.questions.facts.subjects import (
    ends,
    evidence_of_runs,
    handover,
    handovers,
    heard,
    sound_called,
    sound_subject,
    speaker_pair,
    speaker_subject,
    speaks,
    starts,
    within,
)
from paqa_builder.questions.facts.words import Place, PlaceKind, said, spoken_between
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.reading.sounds import Sound
from paqa_builder.questions.reading.voices import Speaker
from paqa_builder.questions.wording import quote


class SoundDuring(SoundKind):
    """A sound is heard during given intervals; ``about`` is the intervals."""

    needs: ClassVar[tuple[str, ...]] = ("tags", "turns")
    open = True

    def holds(self, reading: Interpretation, about: Any, sound: Sound) -> Verdict:
        return Verdict(within(reading, sound, about), heard(sound), sound.timing_evidence)


@register
class SoundDuringSpeaker(SoundDuring):
    """A sound is heard while a given speaker talks."""

    name = "sound_during_speaker"
    slots = ("speaker",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        if numbered(reading):
            for s in reading.voices.speakers:
                yield speaker_subject(s.number, speaks(s), about=s.spans, evidence=s.evidence)


@register
class SoundBetweenSpeakers(SoundDuring):
    """A sound is heard in the pause between the turns of two speakers."""

    name = "sound_between_speakers"
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

    name = "sound_during_quote"
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
class SpeakerAtSound(SpeakerKind):
    """The speaker who is talking when a sound starts."""

    name = "speaker_at_sound"
    needs = ("tags", "turns")
    slots = ("sound",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        for sound in reading.sounds.timed:
            # At the very start of the clip no onset is audible.
            if sound.onset >= 0.5:
                yield sound_subject(sound, f"{starts(sound)}.")

    def holds(self, reading: Interpretation, about: Any, speaker: Speaker) -> Verdict:
        sound, margin = sound_called(reading, about), reading.thresholds.order
        # The same speaker must be talking at every possible onset.
        start, end = max(0.0, sound.earliest - margin), sound.onset + margin
        active = reading.voices.at(start, end)
        name = wording.choice_of_speaker(speaker.number)
        if active == (speaker,) and any(a <= start and end <= b for a, b in speaker.spans):
            span = next((a, b) for a, b in speaker.spans if a <= sound.onset < b)
            because = f"{name} is talking then, {wording.from_to(*span)}."
            return Verdict(True, because, speaker.evidence_in(start, end))
        return Verdict(None) if speaker in active else Verdict(False, speaks(speaker), speaker.evidence)


@register
class SaidAfterSound(PlaceKind):
    """The first words after the end of a sound."""

    name = "said_after_sound"
    needs = ("tags", "turns", "utterances")
    slots = ("sound",)

    def places(self, reading: Interpretation) -> Iterable[tuple[Subject, Place]]:
        limits = reading.thresholds
        for sound in reading.sounds.timed:
            end = sound.latest
            later = [u for u in reading.speech.utterances if u.start >= end + 0.1]
            # The edges of a tag are imprecise, so there must be no speech around the end of the sound.
            if not later or spoken_between(reading, sound.offset - limits.min_gap, end + 0.1):
                continue
            if later[0].start - end > limits.soon or spoken_between(reading, end, later[0].start - 0.3):
                continue
            yield sound_subject(sound, f"{ends(sound)}."), Place(later[0])


@register
class SaidBeforeSound(PlaceKind):
    """The last words before the start of a sound."""

    name = "said_before_sound"
    needs = ("tags", "turns", "utterances")
    slots = ("sound",)

    def places(self, reading: Interpretation) -> Iterable[tuple[Subject, Place]]:
        limits = reading.thresholds
        for sound in reading.sounds.timed:
            start = sound.earliest
            earlier = [u for u in reading.speech.utterances if u.end <= start - 0.1]
            if not earlier or spoken_between(reading, start - 0.1, sound.onset + limits.min_gap):
                continue
            last = max(earlier, key=lambda u: u.end)
            if start - last.end > limits.soon or spoken_between(reading, last.end + 0.3, start):
                continue
            yield sound_subject(sound, f"{starts(sound)}."), Place(last, opening=False)
