"""Facts about sounds that are heard at the same time."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

from paqa_builder.intervals import both, grow, total
from paqa_builder.labels import audioset
from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import AnswerType, Distractors, Fact, FactKind, Verdict, register
from paqa_builder.questions.facts.bases import SoundKind, Subject, YesNoKind, absent
from paqa_builder.questions.facts.environment import heard
from paqa_builder.questions.facts.lasting import each, sound_called
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.reading.sounds import Sound
from paqa_builder.seeded import shuffled

_COMPARED = 6
# Sounds of the corpus to look at for the second half of a wrong pair.
_PATIENCE = 40


def meet(reading: Interpretation, one: Sound, other: Sound) -> bool | None:
    """Whether two sounds are heard at once: for long enough, or surely never; None in between."""
    if not one.spans or not other.spans:
        return None
    if total(both(one.spans, other.spans)) >= reading.thresholds.min_overlap:
        return True
    return None if both(grow(one.maybe, reading.thresholds.min_gap), other.maybe) else False


def _pairs(reading: Interpretation) -> Iterator[tuple[Sound, Sound]]:
    """Pairs of timed sounds, each in the order of their names: time would tell too much."""
    timed = sorted(reading.sounds.timed[:_COMPARED], key=lambda sound: wording.name_of(sound.label))
    return itertools.combinations(timed, 2)


def _at_once(one: Sound, other: Sound) -> str:
    names = wording.listed([wording.sound_of(one.label), wording.sound_of(other.label)])
    return f"{wording.capital(names)} are heard at once {wording.stretches(both(one.spans, other.spans))}."


@register
class SoundDuringSound(SoundKind):
    """A sound is heard at the same time as another."""

    name = "sound_during_sound"
    needs = ("tags",)
    slots = ("sound",)
    open = True

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        for subject in each(reading):
            step = heard(sound_called(reading, subject.about))
            yield Subject(subject.key, subject.slots, subject.about, (step,), subject.evidence)

    def holds(self, reading: Interpretation, about: Any, sound: Sound) -> Verdict:
        other = sound_called(reading, about)
        at_once = None if sound == other else meet(reading, sound, other)
        return Verdict(at_once, "" if at_once is None else heard(sound), sound.timing_evidence)


@register
class SoundsMeet(YesNoKind):
    """Whether two sounds are ever heard at the same time."""

    name = "sounds_meet"
    needs = ("tags",)
    slots = ("sound", "other")

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        for one, other in _pairs(reading):
            slots = {"sound": wording.sound_of(one.label), "other": wording.sound_of(other.label)}
            key = f"{one.label}|{other.label}"
            yield Subject(key, slots, (one.label, other.label))

    def decide(self, reading: Interpretation, about: Any) -> Verdict:
        one, other = (sound_called(reading, label) for label in about)
        evidence = (*one.timing_evidence, *other.timing_evidence)
        at_once = meet(reading, one, other)
        if at_once:
            return Verdict(True, _at_once(one, other), evidence)
        return Verdict(at_once, f"{heard(one)} {heard(other)}", evidence)


@register
class SoundsTogether(FactKind):
    """Which two sounds are heard at the same time.

    A wrong pair pairs one of the right one's sounds with another, or two others, such that over all
    choices every sound occurs equally often: how often one is named tells nothing.
    """

    name = "sounds_together"
    form = AnswerType.PAIR
    needs = ("tags",)

    def find(self, reading: Interpretation) -> Iterator[Fact]:
        for one, other in _pairs(reading):
            if meet(reading, one, other):
                yield Fact(
                    key=f"{one.label}|{other.label}",
                    slots={},
                    answer=_text(one.label, other.label),
                    about=(one.label, other.label),
                    evidence=(*one.timing_evidence, *other.timing_evidence),
                )

    def wrong(self, reading: Interpretation, fact: Fact, corpus: Distractors, *key: object) -> Iterator[str]:
        one, other = fact.about
        here = [s.label for s in reading.sounds.timed if s.label not in fact.about]
        drawn = itertools.islice(corpus.draw_labels(self.name, "pair", *key), _PATIENCE)
        pool = dict.fromkeys([*shuffled(here, "pair", *key), *drawn])
        third = self._next(reading, pool, one, other)
        fourth = third and self._next(reading, pool, third, other, one)
        if third and fourth:
            # A ring of four: each sound stands beside two of the others.
            yield from (_text(one, third), _text(third, fourth), _text(fourth, other))

    def _next(self, reading: Interpretation, pool: Iterable[str], beside: str, *others: str) -> str | None:
        """A sound that makes a wrong pair with ``beside`` and, in the end, with the first of ``others``."""
        for label in pool:
            if any(audioset.confusable(label, known) for known in (beside, *others)):
                continue
            closing = [_text(label, others[0])] if len(others) > 1 else []
            if all(self.judge(reading, None, t).true is False for t in (_text(beside, label), *closing)):
                return label
        return None

    def judge(self, reading: Interpretation, about: Any, choice: str) -> Verdict:
        labels = _labels(choice)
        if labels is None:
            return Verdict(None)
        one, other = (reading.sounds.find(label) for label in labels)
        if one is not None and other is not None:
            if one == other:
                return Verdict(None)
            at_once, evidence = meet(reading, one, other), (*one.timing_evidence, *other.timing_evidence)
            if at_once is None:
                return Verdict(None)
            because = _at_once(one, other) if at_once else f"{heard(one)} {heard(other)}"
            return Verdict(at_once, because, evidence)
        gone = [absent(reading, label) for label, s in zip(labels, (one, other), strict=True) if s is None]
        return next((verdict for verdict in gone if verdict.true is False), Verdict(None))


def _text(one: str, other: str) -> str:
    """``"Church bell and dog"``: in the order of the names."""
    return wording.capital(" and ".join(sorted((wording.name_of(one), wording.name_of(other)))))


def _labels(choice: str) -> tuple[str, str] | None:
    """Undoes :func:`_text`; None where it is not clear which two sounds are meant."""
    parts = choice.split(" and ")
    found = []
    for n in range(1, len(parts)):
        names = " and ".join(parts[:n]), " and ".join(parts[n:])
        labels = tuple(wording.label_of_choice(wording.capital(name)) for name in names)
        if len(parts) == 2 or all(label in audioset.labels() for label in labels):
            found.append((labels[0], labels[1]))
    return found[0] if len(found) == 1 else None
