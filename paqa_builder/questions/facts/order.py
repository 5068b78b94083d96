"""Facts about the order of sounds: before, after, and the order of three."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import AnswerType, Fact, FactKind, Verdict, register
from paqa_builder.questions.facts.bases import SoundKind, Subject, YesNoKind, decided, extreme
from paqa_builder.questions.facts.subjects import compared, ends, noun, sound_called, starts, timing_of
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.reading.sounds import Sound

# Of a clip with more sounds than this, only the first ones are put in order.
_ORDERED = 5


def starts_before(reading: Interpretation, one: Sound, other: Sound) -> bool:
    """Whether a sound certainly starts before another, by a clear margin."""
    return other.earliest - one.onset >= reading.thresholds.order


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


@register
class SoundStartsFirst(YesNoKind):
    """Whether one sound starts before another."""

    needs = ("tags",)
    slots = ("sound", "other")

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return compared(reading)

    def decide(self, reading: Interpretation, about: Any) -> Verdict:
        sounds = [sound_called(reading, label) for label in about]
        right = extreme(sounds[0], sounds[1:], partial(starts_before, reading))
        return Verdict(right, " ".join(f"{starts(sound)}." for sound in sounds), timing_of(sounds))


@register
class SoundRelative(SoundKind):
    """A sound starts after the end of another (``which`` is "after"), or ends before its start ("before")."""

    slots = ("sound", "which")
    open = True
    timed = True

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        for sound in reading.sounds.timed:
            for which, step in (("after", f"{ends(sound)}."), ("before", f"{starts(sound)}.")):
                slots = {"sound": wording.sound_of(sound.label), "which": which}
                key, about = f"{which}|{sound.label}", (sound.label, which)
                yield Subject(key, slots, about, (step,), sound.timing_evidence)

    def holds(self, reading: Interpretation, about: Any, sound: Sound) -> Verdict:
        label, which = about
        other, margin = sound_called(reading, label), reading.thresholds.order
        if sound == other:
            return Verdict(None)
        if which == "after":
            before = other.earliest - sound.onset >= margin or other.offset - sound.onset >= margin
            right = decided(sound.earliest - other.latest >= margin, before)
            because = f"{starts(sound)}{', after that' if right else ' already'}."
        else:
            right = decided(other.earliest - sound.latest >= margin, sound.offset - other.onset >= margin)
            end = wording.at(sound.offset)
            manner = f"is over by {end}, before that" if right else f"is still heard up to {end}"
            because = f"{noun(sound)} {manner}."
        return Verdict(right, because, sound.timing_evidence)


_THEN = ", then "


@register
class SoundsInOrder(FactKind):
    """The order in which three sounds start; the choices are the orders of the same three."""

    form = AnswerType.SEQUENCE
    needs = ("tags",)

    def find(self, reading: Interpretation) -> Iterator[Fact]:
        for three in itertools.combinations(reading.sounds.timed[:_ORDERED], 3):
            if all(starts_before(reading, a, b) for a, b in itertools.pairwise(three)):
                labels = tuple(sound.label for sound in three)
                answer, *others = map(_text, itertools.permutations(labels))
                yield Fact(
                    key="|".join(labels),
                    slots={},
                    answer=answer,
                    own=tuple(others),
                    about=frozenset(labels),
                    evidence=timing_of(three),
                )

    def judge(self, reading: Interpretation, about: Any, choice: str) -> Verdict:
        labels = [wording.label_of_choice(wording.capital(part)) for part in choice.split(_THEN)]
        sounds = [reading.sounds.find(label) for label in labels]
        three = [sound for sound in sounds if sound is not None and sound.spans]
        if len(three) != 3 or {sound.label for sound in three} != about:
            return Verdict(None)
        if all(starts_before(reading, a, b) for a, b in itertools.pairwise(three)):
            times = [f"{wording.sound_of(s.label)} at {wording.at(s.onset)}" for s in three]
            because = f"{wording.capital(wording.listed(times))} set in one by one."
            return Verdict(True, because, timing_of(three))
        wrong = any(starts_before(reading, b, a) for a, b in itertools.pairwise(three))
        return Verdict(False, "", timing_of(three)) if wrong else Verdict(None)


def _text(labels: Iterable[str]) -> str:
    """``"Dog, then rain, then church bell"``."""
    return wording.capital(_THEN.join(map(wording.name_of, labels)))
