"""Facts about speakers and words during and after sounds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from paqa_builder.intervals import both
from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import Verdict, register
from paqa_builder.questions.facts.bases import NumberKind, SpeakerKind, Subject
from paqa_builder.questions.facts.levels import SoundLevel
from paqa_builder.questions.facts.listed import Length, LengthKind
from paqa_builder.questions.facts.subjects import (
    each,
    ends,
    heard,
    sound_called,
    sound_subject,
    speaks,
    starts,
    within,
)
from paqa_builder.questions.facts.words import Place, PlaceKind
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.reading.sounds import Sound
from paqa_builder.questions.reading.voices import Speaker


def spoken_between(reading: Interpretation, start: float, end: float) -> bool:
    """Whether there may be speech within ``[start, end)``."""
    return bool(both(reading.maybe_spoken, ((start, end),))) or any(
        u.start < end and start < u.end for u in reading.speech.utterances
    )


def next_voice(reading: Interpretation, sound: Sound) -> tuple[Speaker, float] | None:
    """The first speaker after the end of a sound and the start of that speech, in seconds.

    Returns:
        None if it is uncertain, or if there may be speech at the end of the sound.
    """
    limits, end = reading.thresholds, sound.latest
    if _spoken(reading, sound.offset - limits.min_gap, end + 0.1):
        return None
    later = [(a, s.number) for s in reading.voices.speakers for a, _ in s.spans if a >= end]
    if not later:
        return None
    start, number = min(later)
    alone = sum(a - start < limits.order for a, _ in later) == 1
    # Words before the turn may belong to another speaker.
    if not alone or _spoken(reading, end, start - 0.3):
        return None
    return reading.voices.speakers[number - 1], start


def _spoken(reading: Interpretation, start: float, end: float) -> bool:
    """Whether there may be speech within ``[start, end)``, by all known layers."""
    if reading.knows("utterances"):
        return spoken_between(reading, start, end)
    return bool(both(reading.maybe_spoken, ((start, end),)))


@register
class SecondsToSpeech(LengthKind):
    """Time from the end of a sound to the next speech."""

    needs = ("tags", "turns")
    slots = ("sound",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return (s for s in each(reading) if next_voice(reading, sound_called(reading, s.about)))

    def length(self, reading: Interpretation, about: Any) -> Length | None:
        sound = sound_called(reading, about)
        voice = next_voice(reading, sound)
        if voice is None:
            return None
        speaker, start = voice
        because = (
            f"{ends(sound)}, and the next voice starts at {wording.at(start)}, "
            f"{wording.long(start - sound.offset)} later."
        )
        evidence = (*sound.timing_evidence, *speaker.evidence_in(start, start + 0.1))
        return Length(start - sound.latest, start - sound.offset, because, evidence)


@register
class SpeakerAfterSound(SpeakerKind):
    """The first speaker after the end of a sound."""

    needs = ("tags", "turns")
    slots = ("sound",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        for sound in reading.sounds.timed:
            if next_voice(reading, sound):
                yield sound_subject(sound, f"{ends(sound)}.")

    def holds(self, reading: Interpretation, about: Any, speaker: Speaker) -> Verdict:
        voice = next_voice(reading, sound_called(reading, about))
        if voice is None:
            return Verdict(None)
        first, start = voice
        name = wording.choice_of_speaker(speaker.number)
        if speaker == first:
            because = f"{name} is the next to speak, from {wording.at(start)} on."
            return Verdict(True, because, speaker.evidence_in(start, start + 0.1))
        later = [a for a, _ in speaker.spans if a >= start]
        turn = f"next speaks at {wording.at(later[0])}" if later else "has no further turn"
        return Verdict(False, f"{name} {turn}.", speaker.evidence)


@register
class SpeakerAtSound(SpeakerKind):
    """The speaker who is talking when a sound starts."""

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
class SpeakerDuringSound(SpeakerKind):
    """The speaker who talks during a sound; the others talk only at other times."""

    needs = ("tags", "turns")
    slots = ("sound",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return (sound_subject(sound, heard(sound)) for sound in reading.sounds.timed)

    def holds(self, reading: Interpretation, about: Any, speaker: Speaker) -> Verdict:
        sound = sound_called(reading, about)
        inside = within(reading, sound, speaker.spans)
        others = [within(reading, sound, s.spans) for s in reading.voices.speakers if s != speaker]
        # The question asks for one speaker, so it has no answer if others talk, or may talk.
        if inside is None or (inside and set(others) != {False}):
            return Verdict(None)
        return Verdict(inside, speaks(speaker), speaker.evidence)


@register
class SpeakerDuringLoudest(SpeakerKind):
    """The speaker who talks during the loudest sound: first the sound, then the speaker."""

    needs = ("tags", "turns", "measures")

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        sound = self._loudest(reading)
        if sound is not None:
            verdict = SoundLevel().holds(reading, "loudest", sound)
            yield Subject(steps=(verdict.because, heard(sound)), evidence=verdict.evidence)

    def _loudest(self, reading: Interpretation) -> Sound | None:
        sounds = reading.sounds.timed if reading.sounds.all_timed else ()
        return next((s for s in sounds if SoundLevel().holds(reading, "loudest", s).true), None)

    def holds(self, reading: Interpretation, about: Any, speaker: Speaker) -> Verdict:
        sound = self._loudest(reading)
        return Verdict(None) if sound is None else SpeakerDuringSound().holds(reading, sound.label, speaker)


@register
class SpeakersDuringSound(NumberKind):
    """The number of speakers who talk during a sound."""

    needs = ("tags", "turns")
    slots = ("sound",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return each(reading) if reading.voices.sure and reading.voices.speech else ()

    def number(self, reading: Interpretation, about: Any) -> tuple[int | None, Verdict]:
        sound, voices = sound_called(reading, about), reading.voices
        inside = {s: within(reading, sound, s.spans) for s in voices.speakers}
        active = [s for s, talks in inside.items() if talks]
        if None in inside.values() or not active:
            return None, Verdict(None)
        names = wording.capital(wording.listed([wording.speaker(s.number) for s in active]))
        because = f"{heard(sound)} {names} {'speak' if len(active) > 1 else 'speaks'} meanwhile."
        evidence = (*sound.timing_evidence, *voices.evidence, *reading.layer("turns"))
        return len(active), Verdict(True, because, evidence)


@register
class SaidAfterSound(PlaceKind):
    """The first words after the end of a sound."""

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
