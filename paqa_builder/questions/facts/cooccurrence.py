"""Facts about simultaneous sounds."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

from paqa_builder.intervals import both, grow, total
from paqa_builder.labels import audioset
from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import AnswerType, Distractors, Fact, FactKind, Verdict, register
from paqa_builder.questions.facts.bases import SoundKind, Subject, YesNoKind, absent, decided
from paqa_builder.questions.facts.subjects import (
    COMPARED,
    heard,
    pair_subject,
    sound_called,
    sound_subject,
    timing_of,
)
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.reading.sounds import Sound
from paqa_builder.seeded import shuffled

# Sounds of the corpus to try as the second half of a wrong pair.
_PATIENCE = 40


def _pairs(reading: Interpretation) -> Iterator[tuple[Sound, Sound]]:
    """Pairs of timed sounds in alphabetical order, which unlike the order in time gives nothing away."""
    timed = sorted(reading.sounds.timed[:COMPARED], key=lambda sound: wording.name_of(sound.label))
    return itertools.combinations(timed, 2)


def _meet(reading: Interpretation, one: Sound, other: Sound) -> bool | None:
    """Whether two sounds are heard at once: True if long enough, False if certainly never."""
    if not one.spans or not other.spans:
        return None
    return decided(
        total(both(one.spans, other.spans)) >= reading.thresholds.min_overlap,
        not both(grow(one.maybe, reading.thresholds.min_gap), other.maybe),
    )


def _judge_pair(reading: Interpretation, one: Sound, other: Sound) -> Verdict:
    """Whether two sounds are ever heard at the same time."""
    at_once = _meet(reading, one, other)
    because = f"{heard(one)} {heard(other)}"
    if at_once:
        names = wording.listed([wording.sound_of(one.label), wording.sound_of(other.label)])
        stretches = wording.stretches(both(one.spans, other.spans))
        because = f"{wording.capital(names)} are heard at once {stretches}."
    return Verdict(at_once, because, timing_of((one, other)))


@register
class SoundDuringSound(SoundKind):
    """A sound is heard at the same time as another."""

    slots = ("sound",)
    open = True

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return (sound_subject(sound, heard(sound)) for sound in reading.sounds.timed)

    def holds(self, reading: Interpretation, about: Any, sound: Sound) -> Verdict:
        other = sound_called(reading, about)
        at_once = None if sound == other else _meet(reading, sound, other)
        return Verdict(at_once, heard(sound), sound.timing_evidence)


@register
class SoundsMeet(YesNoKind):
    """Whether two sounds are ever heard at the same time."""

    needs = ("tags",)
    slots = ("sound", "other")

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return itertools.starmap(pair_subject, _pairs(reading))

    def decide(self, reading: Interpretation, about: Any) -> Verdict:
        one, other = (sound_called(reading, label) for label in about)
        return _judge_pair(reading, one, other)


@register
class SoundsTogether(FactKind):
    """Two sounds that are heard at the same time.

    The wrong pairs use one sound of the right pair and one other, or two others. Over all choices every
    sound occurs equally often, so that the counts do not reveal the answer.
    """

    form = AnswerType.PAIR
    needs = ("tags",)

    def find(self, reading: Interpretation) -> Iterator[Fact]:
        for one, other in _pairs(reading):
            if _meet(reading, one, other):
                yield Fact(
                    key=f"{one.label}|{other.label}",
                    slots={},
                    answer=_text(one.label, other.label),
                    about=(one.label, other.label),
                    evidence=timing_of((one, other)),
                )

    def wrong(self, reading: Interpretation, fact: Fact, corpus: Distractors, *key: object) -> Iterator[str]:
        one, other = fact.about
        here = [s.label for s in reading.sounds.timed if s.label not in fact.about]
        drawn = itertools.islice(corpus.draw_labels(self.name, "pair", *key), _PATIENCE)
        pool = dict.fromkeys([*shuffled(here, "pair", *key), *drawn])
        third = self._next(reading, pool, one, other)
        fourth = third and self._next(reading, pool, third, other, one)
        if third and fourth:
            # The four sounds form a ring: each occurs in two of the pairs.
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
            return Verdict(None) if one == other else _judge_pair(reading, one, other)
        gone = [absent(reading, label) for label, s in zip(labels, (one, other), strict=True) if s is None]
        return next((verdict for verdict in gone if verdict.true is False), Verdict(None))


def _text(one: str, other: str) -> str:
    """``"Church bell and dog"``, in alphabetical order."""
    return wording.capital(" and ".join(sorted((wording.name_of(one), wording.name_of(other)))))


def _labels(choice: str) -> tuple[str, str] | None:
    """The two labels of a choice made by :func:`_text`; None if it can be read in several ways."""
    parts = choice.split(" and ")
    pairs = []
    for n in range(1, len(parts)):
        names = " and ".join(parts[:n]), " and ".join(parts[n:])
        one, other = (wording.label_of_choice(wording.capital(name)) for name in names)
        if len(parts) == 2 or {one, other} <= audioset.labels().keys():
            pairs.append((one, other))
    return pairs[0] if len(pairs) == 1 else None
