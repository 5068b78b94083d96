"""Facts about the duration, repetitions and position of a sound in the clip."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from functools import partial
from typing import Any

from paqa_builder.intervals import both, outside, total
from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import Verdict, register
from paqa_builder.questions.facts.bases import NumberKind, SoundKind, Subject, YesNoKind, decided, extreme
from paqa_builder.questions.facts.listed import Length, LengthKind
from paqa_builder.questions.facts.subjects import compared, each, heard, noun, sound_called, timing_of
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.reading.sounds import Sound


def longer_sound(reading: Interpretation, sound: Sound, other: Sound) -> bool:
    """Whether the total duration of a sound certainly exceeds that of another."""
    return reading.thresholds.longer(sound.seconds, total(other.maybe))


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


@register
class SoundSeconds(LengthKind):
    """Total duration of a sound."""

    needs = ("tags",)
    slots = ("sound",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return each(reading)

    def length(self, reading: Interpretation, about: Any) -> Length | None:
        sound = sound_called(reading, about)
        because = f"{heard(sound)} That makes {wording.long(sound.seconds)}."
        return Length(sound.seconds, total(sound.maybe), because, sound.timing_evidence)


@register
class SoundLonger(YesNoKind):
    """Whether the total duration of a sound exceeds that of another."""

    needs = ("tags",)
    slots = ("sound", "other")

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return compared(reading)

    def decide(self, reading: Interpretation, about: Any) -> Verdict:
        sounds = [sound_called(reading, label) for label in about]
        because = " ".join(f"{noun(s)} lasts {wording.long(s.seconds)} in all." for s in sounds)
        right = extreme(sounds[0], sounds[1:], partial(longer_sound, reading))
        return Verdict(right, because, timing_of(sounds))


@register
class SoundReturns(SoundKind):
    """A sound stops and starts again after a pause; the wrong ones occur once, or not at all."""

    open = True
    timed = True

    def holds(self, reading: Interpretation, about: Any, sound: Sound) -> Verdict:
        return returns(reading, sound)


def returns(reading: Interpretation, sound: Sound) -> Verdict:
    """Whether a sound starts again after a clear pause."""
    name = noun(sound)
    for (_, stop), (start, _) in itertools.pairwise(sound.maybe):
        before = [b for _, b in sound.spans if b <= stop]
        after = [a for a, _ in sound.spans if a >= start]
        if before and after and start - stop >= reading.thresholds.min_pause:
            because = f"{name} stops at {wording.at(before[-1])} and is back at {wording.at(after[0])}."
            return Verdict(True, because, sound.timing_evidence)
    if len(sound.maybe) == len(sound.spans) == 1:
        because = f"{name} is heard only once, {wording.from_to(sound.onset, sound.offset)}."
        return Verdict(False, because, sound.timing_evidence)
    return Verdict(None)


@register
class SoundRepeats(YesNoKind):
    """Whether a sound starts again after it has stopped."""

    needs = ("tags",)
    slots = ("sound",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return each(reading)

    def decide(self, reading: Interpretation, about: Any) -> Verdict:
        return returns(reading, sound_called(reading, about))


@register
class SoundTimes(NumberKind):
    """Number of separate occurrences of a sound."""

    needs = ("tags",)
    slots = ("sound",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return each(reading)

    def number(self, reading: Interpretation, about: Any) -> tuple[int | None, Verdict]:
        sound = sound_called(reading, about)
        limit = reading.thresholds.min_pause
        gaps = [start - end for (_, end), (start, _) in itertools.pairwise(sound.maybe)]
        # Each possible interval must hold exactly one certain one, and the pauses must be clear.
        single = all(len(both(sound.spans, (span,))) == 1 for span in sound.maybe)
        clear = len(sound.maybe) == len(sound.spans) and min(gaps, default=limit) >= limit
        if not (clear and single):
            return None, Verdict(None)
        count = len(sound.spans)
        return count, Verdict(True, f"{heard(sound)} That is {wording.times(count)}.", sound.timing_evidence)


@register
class SoundInHalf(SoundKind):
    """A sound occurs in one half of the clip and not in the other."""

    slots = ("half",)
    open = True
    timed = True

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        middle = reading.duration / 2
        if reading.sounds.timed and middle >= 2 * reading.thresholds.min_overlap:
            step = f"The middle of the clip is at {wording.at(middle)}."
            yield Subject("first", {"half": "first"}, (0.0, middle), (step,))
            yield Subject("second", {"half": "second"}, (middle, reading.duration), (step,))

    def holds(self, reading: Interpretation, about: Any, sound: Sound) -> Verdict:
        limits = reading.thresholds
        start, end = about
        here = total(both(sound.spans, (about,)))
        there = total(both(sound.spans, outside((about,), 0.0, reading.duration)))
        # A sound close to the middle may belong to either half.
        only = all(a >= start and (a - start >= limits.min_gap or not start) for a, _ in sound.maybe) and all(
            b <= end and (end - b >= limits.min_gap or end == reading.duration)
            for b in (min(b, reading.duration) for _, b in sound.maybe)
        )
        right = decided(only and here >= limits.min_overlap, there >= limits.min_overlap)
        return Verdict(right, heard(sound), sound.timing_evidence)
