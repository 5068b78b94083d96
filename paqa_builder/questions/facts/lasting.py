"""Facts about how long, how often and in which part of a clip a sound is heard."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from paqa_builder.intervals import both, total
from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import Verdict, register
from paqa_builder.questions.facts.bases import NumberKind, SoundKind, Subject, YesNoKind, extreme
from paqa_builder.questions.facts.environment import heard, longer_sound
from paqa_builder.questions.facts.listed import Length, LengthKind
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.reading.sounds import Sound

# Of a clip with more sounds than this, only the first so many are compared pair by pair.
_COMPARED = 6


def each(reading: Interpretation) -> Iterator[Subject]:
    """One subject for each sound of which the times are known; ``about`` is its label."""
    for sound in reading.sounds.timed:
        slots = {"sound": wording.sound_of(sound.label)}
        # How long, or how often, hangs on what it is: answers must balance for each sound by itself.
        group = f"sound:{sound.label}"
        yield Subject(sound.label, slots, sound.label, (), sound.timing_evidence, group)


def compared(reading: Interpretation) -> Iterator[Subject]:
    """One subject for each ordered pair of timed sounds; ``about`` is their labels.

    Both orders of a pair are asked about, so that "yes" and "no" balance for every pair.
    """
    for one, other in itertools.permutations(reading.sounds.timed[:_COMPARED], 2):
        slots = {"sound": wording.sound_of(one.label), "other": wording.sound_of(other.label)}
        evidence = (*one.timing_evidence, *other.timing_evidence)
        key = f"{one.label}|{other.label}"
        yield Subject(key, slots, (one.label, other.label), (), evidence)


def sound_called(reading: Interpretation, label: str) -> Sound:
    """The sound that a subject of this reading is about."""
    sound = reading.sounds.find(label)
    assert sound is not None, label
    return sound


def episodes(reading: Interpretation, sound: Sound) -> int | None:
    """How many times a sound is heard, with clear pauses in between; None where that is unsure."""
    gaps = [b - a for (_, a), (b, _) in itertools.pairwise(sound.maybe)]
    if len(sound.maybe) != len(sound.spans) or any(gap < reading.thresholds.min_pause for gap in gaps):
        return None
    # A model's stretches may each be one of the possible ones, or two of them in one.
    inside = all(len(both(sound.spans, (span,))) == 1 for span in sound.maybe)
    return len(sound.spans) if inside else None


@register
class SoundSeconds(LengthKind):
    """For how long a sound is heard in all."""

    name = "sound_seconds"
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
    """Whether one sound is heard for longer than another."""

    name = "sound_longer"
    needs = ("tags",)
    slots = ("sound", "other")

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return compared(reading)

    def decide(self, reading: Interpretation, about: Any) -> Verdict:
        one, other = (sound_called(reading, label) for label in about)
        because = " ".join(
            f"{wording.capital(wording.sound_of(s.label))} lasts {wording.long(s.seconds)} in all."
            for s in (one, other)
        )
        evidence = (*one.timing_evidence, *other.timing_evidence)
        right = extreme(one, [other], partial(longer_sound, reading))
        return Verdict(None) if right is None else Verdict(right, because, evidence)


@register
class SoundReturns(SoundKind):
    """A sound stops and comes back after a pause; the wrong ones are heard once, or not at all."""

    name = "sound_returns"
    needs = ("tags",)
    open = True

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return [Subject()]

    def holds(self, reading: Interpretation, about: Any, sound: Sound) -> Verdict:
        return returns(reading, sound)


def returns(reading: Interpretation, sound: Sound) -> Verdict:
    """Whether a sound is heard again after a clear pause."""
    if not sound.spans:
        return Verdict(None)
    name = wording.capital(wording.sound_of(sound.label))
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
    """Whether a sound is heard again after it has stopped."""

    name = "sound_repeats"
    needs = ("tags",)
    slots = ("sound",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return each(reading)

    def decide(self, reading: Interpretation, about: Any) -> Verdict:
        return returns(reading, sound_called(reading, about))


@register
class SoundTimes(NumberKind):
    """How many separate times a sound is heard."""

    name = "sound_times"
    needs = ("tags",)
    slots = ("sound",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return each(reading)

    def number(self, reading: Interpretation, about: Any) -> tuple[int | None, Verdict]:
        sound = sound_called(reading, about)
        count = episodes(reading, sound)
        if count is None:
            return None, Verdict(None)
        return count, Verdict(True, f"{heard(sound)} That is {wording.times(count)}.", sound.timing_evidence)


@register
class SoundInHalf(SoundKind):
    """A sound is heard in one half of the clip and not in the other."""

    name = "sound_in_half"
    needs = ("tags",)
    slots = ("half",)
    open = True

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        middle = reading.duration / 2
        if reading.sounds.timed and middle >= 2 * reading.thresholds.min_overlap:
            step = f"The middle of the clip is at {wording.at(middle)}."
            yield Subject("first", {"half": "first"}, (0.0, middle), (step,))
            yield Subject("second", {"half": "second"}, (middle, reading.duration), (step,))

    def holds(self, reading: Interpretation, about: Any, sound: Sound) -> Verdict:
        limits = reading.thresholds
        start, end = about
        if not sound.spans:
            return Verdict(None)
        here, there = total(both(sound.spans, (about,))), total(both(sound.spans, _rest(reading, about)))
        evidence = sound.timing_evidence
        # Of what goes on at the very middle nobody can say in which half it is.
        only = all(a >= start and (a - start >= limits.min_gap or not start) for a, _ in sound.maybe) and all(
            b <= end and (end - b >= limits.min_gap or end == reading.duration)
            for b in (min(b, reading.duration) for _, b in sound.maybe)
        )
        if only and here >= limits.min_overlap:
            return Verdict(True, heard(sound), evidence)
        if there >= limits.min_overlap:
            return Verdict(False, heard(sound), evidence)
        return Verdict(None)


def _rest(reading: Interpretation, half: tuple[float, float]) -> tuple[tuple[float, float], ...]:
    return ((half[1], reading.duration),) if half[0] == 0.0 else ((0.0, half[0]),)
