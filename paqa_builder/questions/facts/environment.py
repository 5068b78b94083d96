"""Facts about the sounds of a clip: presence, order, duration and number."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from paqa_builder.intervals import total
from paqa_builder.labels import audioset
from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import AnswerType, Fact, FactKind, Verdict, register
from paqa_builder.questions.facts.bases import NumberKind, SoundKind, Subject, absent, extreme
from paqa_builder.questions.facts.subjects import heard, noun, starts
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.reading.sounds import Sound


@register
class SoundPresent(SoundKind):
    """A sound occurs in the clip."""

    open = True

    def holds(self, reading: Interpretation, about: Any, sound: Sound) -> Verdict:
        return Verdict(True, heard(sound), sound.presence_evidence)


@register
class SoundAbsent(FactKind):
    """A sound does not occur in the clip; all wrong choices do."""

    form = AnswerType.SOUND
    needs = ("tags",)

    def find(self, reading: Interpretation) -> Iterator[Fact]:
        # A sound that can never be ruled out is never the answer, so it may not be a wrong choice either.
        present = [sound for sound in reading.sounds.heard if reading.sounds.deniable(sound.label)]
        if len(present) >= 2 and reading.sounds.looked:
            yield Fact(
                key="absent",
                slots={},
                answer=None,
                own=tuple(wording.choice_of_label(sound.label) for sound in present),
                evidence=tuple(e for sound in present for e in sound.presence_evidence),
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


@register
class SoundOrder(SoundKind):
    """The first or the last of several sounds to start."""

    slots = ("which",)
    timed = True

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        if len(reading.sounds.timed) >= 2:
            yield Subject("first", {"which": "first"}, "first")
            yield Subject("last", {"which": "last"}, "last")

    def holds(self, reading: Interpretation, about: Any, sound: Sound) -> Verdict:
        others = [other for other in reading.sounds.timed if other != sound]
        if not others:
            return Verdict(None)
        before = partial(starts_before, reading)
        if about == "first":
            right = extreme(sound, others, before)
            ending = ", before any of the others." if right else ", later."
        else:
            right = extreme(sound, others, lambda a, b: before(b, a))
            ending = ", after all of the others." if right else " already."
        return Verdict(right, starts(sound) + ending, sound.timing_evidence)


def starts_before(reading: Interpretation, one: Sound, other: Sound) -> bool:
    """Whether a sound certainly starts before another, by a clear margin."""
    return other.earliest - one.onset >= reading.thresholds.order


@register
class SoundLongest(SoundKind):
    """The sound with the longest total duration of several."""

    timed = True

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return [Subject()] if len(reading.sounds.timed) >= 2 else []

    def holds(self, reading: Interpretation, about: Any, sound: Sound) -> Verdict:
        others = [other for other in reading.sounds.timed if other != sound]
        right = extreme(sound, others, partial(longer_sound, reading)) if others else None
        because = f"{noun(sound)} lasts {wording.long(sound.seconds)} in all"
        return Verdict(right, f"{because}, {'the longest' if right else 'less'}.", sound.timing_evidence)


def longer_sound(reading: Interpretation, sound: Sound, other: Sound) -> bool:
    """Whether the total duration of a sound certainly exceeds that of another."""
    return reading.thresholds.longer(sound.seconds, total(other.maybe))


@register
class SoundCount(NumberKind):
    """The number of different sounds; only if the annotation is complete."""

    needs = ("tags",)

    def number(self, reading: Interpretation, about: Any) -> tuple[int | None, Verdict]:
        sounds = reading.sounds
        # A tagger misses quiet sounds, and two labels of the same source count as one sound or as two.
        ambiguous = any(
            audioset.same_source(one.label, other.label)
            for one, other in itertools.combinations(sounds.heard, 2)
        )
        if not (sounds.complete and sounds.heard) or ambiguous:
            return None, Verdict(None)
        names = wording.listed([wording.sound_of(sound.label) for sound in sounds.heard])
        kinds = wording.count(len(sounds.heard), "kind")
        because = f"There {'is' if len(sounds.heard) == 1 else 'are'} {kinds} of sound: {names}."
        evidence = tuple(e for sound in sounds.heard for e in sound.presence_evidence)
        return len(sounds.heard), Verdict(True, because, (*evidence, *reading.layer("tags")))
