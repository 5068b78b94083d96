"""Facts about the order of sounds: before, after, and which of three comes when."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import AnswerType, Fact, FactKind, Verdict, register
from paqa_builder.questions.facts.bases import SoundKind, Subject, YesNoKind
from paqa_builder.questions.facts.environment import starts
from paqa_builder.questions.facts.lasting import compared, sound_called
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.reading.sounds import Sound

# Of a clip with more sounds than this, only the first so many are put in order.
_ORDERED = 5


def starts_before(reading: Interpretation, one: Sound, other: Sound) -> bool:
    """True if ``one`` surely starts before ``other`` does, by a margin that ears can tell."""
    return other.earliest - one.onset >= reading.thresholds.order


@register
class SoundStartsFirst(YesNoKind):
    """Whether one sound starts before another."""

    name = "sound_starts_first"
    needs = ("tags",)
    slots = ("sound", "other")

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return compared(reading)

    def decide(self, reading: Interpretation, about: Any) -> Verdict:
        one, other = (sound_called(reading, label) for label in about)
        because = f"{starts(one)}. {starts(other)}."
        evidence = (*one.timing_evidence, *other.timing_evidence)
        if starts_before(reading, one, other):
            return Verdict(True, because, evidence)
        return Verdict(False, because, evidence) if starts_before(reading, other, one) else Verdict(None)


@register
class SoundRelative(SoundKind):
    """A sound starts only after another has ended (``which`` is "after"), or is over before it starts."""

    name = "sound_relative"
    needs = ("tags",)
    slots = ("sound", "which")
    open = True

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        for sound in reading.sounds.timed:
            name, evidence = wording.sound_of(sound.label), sound.timing_evidence
            ends = f"{wording.capital(name)} ends at {wording.at(sound.offset)}."
            for which, step in (("after", ends), ("before", f"{starts(sound)}.")):
                slots = {"sound": name, "which": which}
                yield Subject(f"{which}|{sound.label}", slots, (sound.label, which), (step,), evidence)

    def holds(self, reading: Interpretation, about: Any, sound: Sound) -> Verdict:
        label, which = about
        other, margin = sound_called(reading, label), reading.thresholds.order
        if not sound.spans or sound == other:
            return Verdict(None)
        evidence = sound.timing_evidence
        name = wording.capital(wording.sound_of(sound.label))
        if which == "after":
            if sound.earliest - other.latest >= margin:
                return Verdict(True, f"{starts(sound)}, after that.", evidence)
            if other.earliest - sound.onset >= margin or other.offset - sound.onset >= margin:
                return Verdict(False, f"{starts(sound)} already.", evidence)
        else:
            if other.earliest - sound.latest >= margin:
                return Verdict(True, f"{name} is over by {wording.at(sound.offset)}, before that.", evidence)
            if sound.offset - other.onset >= margin:
                return Verdict(False, f"{name} is still heard up to {wording.at(sound.offset)}.", evidence)
        return Verdict(None)


_THEN = ", then "


@register
class SoundsInOrder(FactKind):
    """The order in which three sounds start; the choices are the orders of the same three."""

    name = "sounds_in_order"
    form = AnswerType.SEQUENCE
    needs = ("tags",)

    def find(self, reading: Interpretation) -> Iterator[Fact]:
        for three in itertools.combinations(reading.sounds.timed[:_ORDERED], 3):
            if all(starts_before(reading, a, b) for a, b in itertools.pairwise(three)):
                labels = tuple(sound.label for sound in three)
                orders = [_text(order) for order in itertools.permutations(labels)]
                yield Fact(
                    key="|".join(labels),
                    slots={},
                    answer=_text(labels),
                    own=tuple(order for order in orders if order != _text(labels)),
                    about=frozenset(labels),
                    evidence=tuple(e for sound in three for e in sound.timing_evidence),
                )

    def judge(self, reading: Interpretation, about: Any, choice: str) -> Verdict:
        labels = [wording.label_of_choice(wording.capital(part)) for part in choice.split(_THEN)]
        sounds = [reading.sounds.find(label) for label in labels]
        three = [sound for sound in sounds if sound is not None and sound.spans]
        if len(three) != 3 or {sound.label for sound in three} != about:
            return Verdict(None)
        evidence = tuple(e for sound in three for e in sound.timing_evidence)
        if all(starts_before(reading, a, b) for a, b in itertools.pairwise(three)):
            times = [f"{wording.sound_of(s.label)} at {wording.at(s.onset)}" for s in three]
            return Verdict(True, f"{wording.capital(wording.listed(times))} set in one by one.", evidence)
        wrong = next(((a, b) for a, b in itertools.pairwise(three) if starts_before(reading, b, a)), None)
        return Verdict(None) if wrong is None else Verdict(False, "", evidence)


def _text(labels: Iterable[str]) -> str:
    """``"Dog, then rain, then church bell"``."""
    return wording.capital(_THEN.join(map(wording.name_of, labels)))
