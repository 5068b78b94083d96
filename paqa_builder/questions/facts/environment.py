"""Facts about sounds, and about sounds against the presence of speech."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from paqa_builder.intervals import both, grow, outside, total
from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import AnswerType, Fact, FactKind, Verdict, register
from paqa_builder.questions.facts.bases import NumberKind, SoundKind, Subject, YesNoKind, absent, extreme
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.reading.sounds import Sound


def heard(sound: Sound) -> str:
    """``"The sound of a dog is heard from 1.0 s to 3.0 s."``"""
    when = f" {wording.stretches(sound.spans)}" if sound.spans else ""
    return f"{wording.capital(wording.sound_of(sound.label))} is heard{when}."


def starts(sound: Sound) -> str:
    """``"The sound of a dog starts at 1.0 s"``, without a full stop."""
    return f"{wording.capital(wording.sound_of(sound.label))} starts at {wording.at(sound.onset)}"


@register
class SoundPresent(SoundKind):
    """A sound is heard somewhere in the clip."""

    name = "sound_present"
    needs = ("tags",)
    open = True

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return [Subject()]

    def holds(self, reading: Interpretation, about: Any, sound: Sound) -> Verdict:
        return Verdict(True, heard(sound), sound.presence_evidence)


@register
class SoundAbsent(FactKind):
    """A sound is heard nowhere in the clip; the wrong choices are all heard."""

    name = "sound_absent"
    form = AnswerType.SOUND
    needs = ("tags",)

    def find(self, reading: Interpretation) -> Iterator[Fact]:
        sounds = reading.sounds
        # What could never be missing is never the answer, and so no choice either.
        there = [sound for sound in sounds.heard if sounds.deniable(sound.label)]
        if len(there) >= 2 and sounds.looked:
            yield Fact(
                key="absent",
                slots={},
                answer=None,
                own=tuple(wording.choice_of_label(sound.label) for sound in there),
                evidence=tuple(e for sound in there for e in sound.presence_evidence),
            )

    def judge(self, reading: Interpretation, about: Any, choice: str) -> Verdict:
        label = wording.label_of_choice(choice)
        sound = reading.sounds.find(label)
        if sound is not None:
            return Verdict(False, heard(sound), sound.presence_evidence)
        if absent(reading, label).true is None:
            return Verdict(None)
        because = f"Nothing in the clip sounds like {wording.bare_sound(label)}."
        return Verdict(True, because, reading.layer("tags"))


# What follows "it starts at ..." where the answer is wrong, and where it is right.
_FIRST = (", later.", ", before any of the others.")
_LAST = (" already.", ", after all of the others.")


@register
class SoundOrder(SoundKind):
    """Which of several sounds starts first, and which last."""

    name = "sound_order"
    needs = ("tags",)
    slots = ("which",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        if len(reading.sounds.timed) >= 2:
            yield Subject("first", {"which": "first"}, "first")
            yield Subject("last", {"which": "last"}, "last")

    def holds(self, reading: Interpretation, about: Any, sound: Sound) -> Verdict:
        timed, margin = reading.sounds.timed, reading.thresholds.order
        others = [other for other in timed if other != sound]
        if not sound.spans or not others:
            return Verdict(None)
        start = starts(sound)
        evidence = sound.timing_evidence
        if about == "first":
            right, ends = extreme(sound, others, lambda a, b: b.earliest - a.onset >= margin), _FIRST
        else:
            right, ends = extreme(sound, others, lambda a, b: a.earliest - b.onset >= margin), _LAST
        return Verdict(None) if right is None else Verdict(right, start + ends[right], evidence)


@register
class SoundLongest(SoundKind):
    """Which of several sounds is heard for the longest time in all."""

    name = "sound_longest"
    needs = ("tags",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return [Subject()] if len(reading.sounds.timed) >= 2 else []

    def holds(self, reading: Interpretation, about: Any, sound: Sound) -> Verdict:
        others = [other for other in reading.sounds.timed if other != sound]
        if not sound.spans or not others:
            return Verdict(None)
        lasts = f"{wording.capital(wording.sound_of(sound.label))} lasts {wording.long(sound.seconds)} in all"
        evidence = sound.timing_evidence
        right = extreme(sound, others, partial(longer_sound, reading))
        if right is None:
            return Verdict(None)
        return Verdict(right, f"{lasts}, {'the longest' if right else 'less'}.", evidence)


def longer_sound(reading: Interpretation, sound: Sound, other: Sound) -> bool:
    """Whether a sound surely lasts longer than another in all."""
    return reading.thresholds.longer(sound.seconds, total(other.maybe))


@register
class SoundCount(NumberKind):
    """How many different sounds there are; only where the annotation is complete."""

    name = "sound_count"
    needs = ("tags",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return [Subject()]

    def number(self, reading: Interpretation, about: Any) -> tuple[int | None, Verdict]:
        sounds = reading.sounds
        # A tagger misses what is quiet, and two annotated kinds of music are one sound or two.
        if not (sounds.complete and sounds.heard) or self._blurred(sounds.heard):
            return None, Verdict(None)
        names = wording.listed([wording.sound_of(sound.label) for sound in sounds.heard])
        kinds = wording.count(len(sounds.heard), "kind")
        because = f"There {'is' if len(sounds.heard) == 1 else 'are'} {kinds} of sound: {names}."
        evidence = tuple(e for sound in sounds.heard for e in sound.presence_evidence)
        return len(sounds.heard), Verdict(True, because, (*evidence, *reading.layer("tags")))

    @staticmethod
    def _blurred(sounds: tuple[Sound, ...]) -> bool:
        from paqa_builder.labels.audioset import same_source

        return any(same_source(a.label, b.label) for n, a in enumerate(sounds) for b in sounds[n + 1 :])


@register
class SoundWithoutSpeech(SoundKind):
    """A sound is heard while nobody speaks; the wrong ones only under speech, or not at all."""

    name = "sound_without_speech"
    needs = ("tags", "turns")
    open = True

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        speech = reading.voices.speech
        quiet = outside(grow(reading.maybe_spoken, 0.1), 0.0, reading.duration)
        # Where nobody speaks at all, this would be asking what is heard.
        if total(speech) >= 1.0 and total(quiet) >= reading.thresholds.min_overlap:
            step = f"Nobody speaks {wording.stretches(outside(speech, 0.0, reading.duration))}."
            yield Subject(steps=(step,), evidence=(*reading.voices.evidence, *reading.layer("turns")))

    def holds(self, reading: Interpretation, about: Any, sound: Sound) -> Verdict:
        speech = reading.voices.speech
        if not sound.spans:
            return Verdict(None)
        quiet = both(sound.spans, outside(grow(reading.maybe_spoken, 0.1), 0.0, reading.duration))
        evidence = sound.timing_evidence
        if total(quiet) >= reading.thresholds.min_overlap:
            return Verdict(True, heard(sound), evidence)
        if total(both(sound.maybe, outside(speech, 0.0, reading.duration))) < 0.1:
            name = wording.capital(wording.sound_of(sound.label))
            return Verdict(False, f"{name} is heard only while somebody speaks.", evidence)
        return Verdict(None)


@register
class SoundBeforeSpeech(SoundKind):
    """A sound starts well before the first word of the clip."""

    name = "sound_before_speech"
    needs = ("tags", "turns")
    open = True

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        speech, spoken = reading.voices.speech, reading.maybe_spoken
        if speech and spoken[0][0] >= reading.thresholds.min_overlap:
            first = reading.voices.speakers[0]
            step = f"Speech begins at {wording.at(speech[0][0])}."
            yield Subject(steps=(step,), evidence=first.evidence[:1])

    def holds(self, reading: Interpretation, about: Any, sound: Sound) -> Verdict:
        begins, earliest = reading.voices.speech[0][0], reading.maybe_spoken[0][0]
        if not sound.spans:
            return Verdict(None)
        start = starts(sound)
        if earliest - sound.onset >= reading.thresholds.min_overlap:
            return Verdict(True, f"{start}, before that.", sound.timing_evidence)
        if sound.earliest - begins >= reading.thresholds.min_gap:
            return Verdict(False, f"{start}, after that.", sound.timing_evidence)
        return Verdict(None)


@register
class SpeechOverSound(YesNoKind):
    """Whether anybody speaks while a sound is heard."""

    name = "speech_over_sound"
    needs = ("tags", "turns")
    slots = ("sound",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        if reading.voices.speech:
            for sound in reading.sounds.timed:
                yield Subject(
                    sound.label, {"sound": wording.sound_of(sound.label)}, sound.label, (heard(sound),),
                    sound.timing_evidence, f"sound:{sound.label}",
                )  # fmt: skip

    def decide(self, reading: Interpretation, about: Any) -> Verdict:
        sound, voices = reading.sounds.find(about), reading.voices
        assert sound is not None
        shared = both(sound.spans, voices.speech)
        if total(shared) >= reading.thresholds.min_overlap:
            speakers = [s for s in voices.speakers if both(s.spans, sound.spans)]
            evidence = tuple(e for s in speakers for a, b in shared for e in s.evidence_in(a, b))
            return Verdict(True, f"Somebody speaks over it {wording.stretches(shared)}.", evidence)
        if not both(grow(sound.maybe, reading.thresholds.min_gap), reading.maybe_spoken):
            spoken = wording.stretches(voices.speech)
            return Verdict(
                False, f"Speech is heard only {spoken}, never at the same time.",
                (*voices.evidence, *reading.layer("turns")),
            )  # fmt: skip
        return Verdict(None)
