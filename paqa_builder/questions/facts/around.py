"""Facts over both layers: who speaks during a sound and after it, and how long that takes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from paqa_builder.intervals import both
from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import Verdict, register
from paqa_builder.questions.facts.bases import NumberKind, SpeakerKind, Subject
from paqa_builder.questions.facts.environment import heard
from paqa_builder.questions.facts.lasting import each, sound_called
from paqa_builder.questions.facts.levels import SoundLevel
from paqa_builder.questions.facts.listed import Length, LengthKind
from paqa_builder.questions.facts.speakers import speaks
from paqa_builder.questions.facts.together import within
from paqa_builder.questions.facts.words import spoken_between
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.reading.sounds import Sound
from paqa_builder.questions.reading.voices import Speaker


def next_voice(reading: Interpretation, sound: Sound) -> Speaker | None:
    """Who is first to speak after a sound has ended; None where a voice may be active just then."""
    limits, end = reading.thresholds, sound.latest
    if _spoken(reading, sound.offset - limits.min_gap, end + 0.1):
        return None
    later = [(a, s.number) for s in reading.voices.speakers for a, _ in s.spans if a >= end]
    if not later:
        return None
    start, number = min(later)
    alone = sum(a - start < limits.order for a, _ in later) == 1
    # Words before the turn would be somebody's, too.
    if not alone or _spoken(reading, end, start - 0.3):
        return None
    return reading.voices.speakers[number - 1]


def _spoken(reading: Interpretation, start: float, end: float) -> bool:
    """True if a voice may be speaking within ``[start, end)``, going by all that is known."""
    if reading.knows("utterances"):
        return spoken_between(reading, start, end)
    return bool(both(reading.maybe_spoken, ((start, end),)))


def _onset_after(speaker: Speaker, moment: float) -> float:
    return min(a for a, _ in speaker.spans if a >= moment)


@register
class SecondsToSpeech(LengthKind):
    """How long after a sound has ended somebody starts to speak."""

    name = "seconds_to_speech"
    needs = ("tags", "turns")
    slots = ("sound",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return (s for s in each(reading) if next_voice(reading, sound_called(reading, s.about)))

    def length(self, reading: Interpretation, about: Any) -> Length | None:
        sound = sound_called(reading, about)
        speaker = next_voice(reading, sound)
        if speaker is None:
            return None
        start = _onset_after(speaker, sound.latest)
        because = (
            f"{wording.capital(wording.sound_of(sound.label))} ends at {wording.at(sound.offset)}, and the "
            f"next voice starts at {wording.at(start)}, {wording.long(start - sound.offset)} later."
        )
        evidence = (*sound.timing_evidence, *speaker.evidence_in(start, start + 0.1))
        return Length(start - sound.latest, start - sound.offset, because, evidence)


@register
class SpeakerAfterSound(SpeakerKind):
    """Who is the first to speak after a sound has ended."""

    name = "speaker_after_sound"
    needs = ("tags", "turns")
    slots = ("sound",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        for subject in each(reading):
            sound = sound_called(reading, subject.about)
            if next_voice(reading, sound):
                step = f"{wording.capital(wording.sound_of(sound.label))} ends at {wording.at(sound.offset)}."
                yield Subject(subject.key, subject.slots, subject.about, (step,), subject.evidence)

    def holds(self, reading: Interpretation, about: Any, speaker: Speaker) -> Verdict:
        sound = sound_called(reading, about)
        first = next_voice(reading, sound)
        name = wording.choice_of_speaker(speaker.number)
        if first is None:
            return Verdict(None)
        start = _onset_after(first, sound.latest)
        if speaker == first:
            because = f"{name} is the next to speak, from {wording.at(start)} on."
            return Verdict(True, because, speaker.evidence_in(start, start + 0.1))
        later = [a for a, _ in speaker.spans if a >= start]
        because = (
            f"{name} next speaks at {wording.at(later[0])}." if later else f"{name} has no further turn."
        )
        return Verdict(False, because, speaker.evidence)


@register
class SpeakerDuringSound(SpeakerKind):
    """Who speaks while a sound is heard; the wrong ones only at other times."""

    name = "speaker_during_sound"
    needs = ("tags", "turns")
    slots = ("sound",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        for subject in each(reading):
            step = heard(sound_called(reading, subject.about))
            yield Subject(subject.key, subject.slots, subject.about, (step,), subject.evidence)

    def holds(self, reading: Interpretation, about: Any, speaker: Speaker) -> Verdict:
        sound = sound_called(reading, about)
        inside = within(reading, sound, speaker.spans)
        others = [within(reading, sound, s.spans) for s in reading.voices.speakers if s != speaker]
        # "Who speaks" asks for one: where several do, or may, there is no answer.
        if inside is None or (inside and set(others) != {False}):
            return Verdict(None)
        return Verdict(inside, speaks(speaker), speaker.evidence)


@register
class SpeakerDuringLoudest(SpeakerKind):
    """Who speaks while the loudest of the sounds is heard: first find the sound, then the voice."""

    name = "speaker_during_loudest"
    needs = ("tags", "turns", "measures")

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        sound = self._loudest(reading)
        if sound is not None:
            verdict = SoundLevel().holds(reading, "loudest", sound)
            yield Subject("", {}, None, (verdict.because, heard(sound)), verdict.evidence)

    def _loudest(self, reading: Interpretation) -> Sound | None:
        sounds = reading.sounds.timed if reading.sounds.all_timed else ()
        return next((s for s in sounds if SoundLevel().holds(reading, "loudest", s).true), None)

    def holds(self, reading: Interpretation, about: Any, speaker: Speaker) -> Verdict:
        sound = self._loudest(reading)
        return Verdict(None) if sound is None else SpeakerDuringSound().holds(reading, sound.label, speaker)


@register
class SpeakersDuringSound(NumberKind):
    """How many different people speak while a sound is heard."""

    name = "speakers_during_sound"
    needs = ("tags", "turns")
    slots = ("sound",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return each(reading) if reading.voices.sure and reading.voices.speech else ()

    def number(self, reading: Interpretation, about: Any) -> tuple[int | None, Verdict]:
        sound, voices = sound_called(reading, about), reading.voices
        inside = {s: within(reading, sound, s.spans) for s in voices.speakers}
        there = [s for s, found in inside.items() if found]
        if None in inside.values() or not there:
            return None, Verdict(None)
        names = wording.listed([wording.speaker(s.number) for s in there])
        because = (
            f"{heard(sound)} {wording.capital(names)} {'speak' if len(there) > 1 else 'speaks'} meanwhile."
        )
        evidence = (*sound.timing_evidence, *voices.evidence, *reading.layer("turns"))
        return len(there), Verdict(True, because, evidence)
