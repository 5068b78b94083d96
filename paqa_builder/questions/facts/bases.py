"""Bases for kinds of facts, one per form of choice. A kind fills in what is special to it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import AnswerType, Fact, FactKind, Verdict
from paqa_builder.questions.question import Evidence
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.reading.sounds import Sound
from paqa_builder.questions.reading.voices import Speaker
from paqa_builder.seeded import below

Candidate = TypeVar("Candidate")


@dataclass(frozen=True)
class Subject:
    """What a question of one kind can be about in one scene (a sound, a speaker, a phrase)."""

    key: str = ""
    slots: dict[str, Any] = field(default_factory=dict)
    about: Any = None
    steps: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    group: str = ""
    out: tuple[int, ...] = ()  # speakers whom the question rules out by itself

    def fact(self, verdict: Verdict, key: str, answer: str, own: Iterable[str], **more: Any) -> Fact:
        """The fact that a true verdict makes of it.

        Args:
            key: Tells the answers to one subject apart; empty where there is only one.
            own: Other choices that the scene itself offers.
            more: Further fields of the fact, ``group`` if it is not the subject's.
        """
        return Fact(
            key=f"{self.key}|{key}" if key else self.key,
            slots=self.slots,
            answer=answer,
            own=tuple(own),
            about=self.about,
            steps=self.steps,
            evidence=(*self.evidence, *verdict.evidence),
            **{"group": self.group} | more,
        )


def extreme(
    item: Candidate, others: Iterable[Candidate], beyond: Callable[[Candidate, Candidate], bool]
) -> bool | None:
    """Whether an item is the longest, first, last, most, ... among others.

    Args:
        beyond: Whether its first argument surely exceeds its second, by the margin that counts.

    Returns:
        True where it exceeds all others, False where one of them exceeds it, None where it is too close.
    """
    others = tuple(others)
    if all(beyond(item, other) for other in others):
        return True
    return False if any(beyond(other, item) for other in others) else None


class SoundKind(FactKind):
    """The answer is a sound. Fill in :meth:`subjects` and :meth:`holds`."""

    form = AnswerType.SOUND

    @abstractmethod
    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        """What can be asked about."""

    @abstractmethod
    def holds(self, reading: Interpretation, about: Any, sound: Sound) -> Verdict:
        """Judges a sound of the scene."""

    def find(self, reading: Interpretation) -> Iterator[Fact]:
        sounds = [sound for sound in reading.sounds.heard if reading.sounds.deniable(sound.label)]
        choices = [wording.choice_of_label(sound.label) for sound in sounds]
        for subject in self.subjects(reading):
            for sound, choice in zip(sounds, choices, strict=True):
                verdict = self.holds(reading, subject.about, sound)
                if verdict.true:
                    own = (other for other in choices if other != choice)
                    yield subject.fact(verdict, sound.label, choice, own, grounds=subject.evidence)

    def judge(self, reading: Interpretation, about: Any, choice: str) -> Verdict:
        label = wording.label_of_choice(choice)
        sound = reading.sounds.find(label)
        if sound is not None:
            return self.holds(reading, about, sound)
        return absent(reading, label)


def absent(reading: Interpretation, label: str) -> Verdict:
    """False if the sound is certainly nowhere in the clip, else beyond proof."""
    if reading.sounds.absent(label):
        return Verdict(False, evidence=reading.layer("tags"), missing=wording.bare_sound(label))
    return Verdict(None)


class SpeakerKind(FactKind):
    """The answer is a speaker. Fill in :meth:`subjects` and :meth:`holds`."""

    form = AnswerType.SPEAKER
    at_least: ClassVar[int] = 2  # speakers; with fewer the question answers itself

    @abstractmethod
    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        """What can be asked about; only called where speakers can be told apart and counted off."""

    @abstractmethod
    def holds(self, reading: Interpretation, about: Any, speaker: Speaker) -> Verdict:
        """Judges a speaker of the scene."""

    def find(self, reading: Interpretation) -> Iterator[Fact]:
        if not numbered(reading, self.at_least):
            return
        speakers = reading.voices.speakers
        for subject in self.subjects(reading):
            for speaker in speakers:
                verdict = self.holds(reading, subject.about, speaker)
                if verdict.true:
                    others = (s.number for s in speakers if s != speaker and s.number not in subject.out)
                    answer, own = (
                        wording.choice_of_speaker(speaker.number),
                        map(wording.choice_of_speaker, others),
                    )
                    group = _among(subject.group, len(speakers))
                    yield subject.fact(verdict, str(speaker.number), answer, own, group=group)

    def judge(self, reading: Interpretation, about: Any, choice: str) -> Verdict:
        number = wording.speaker_of_choice(choice)
        speaker = next((s for s in reading.voices.speakers if s.number == number), None)
        return Verdict(None) if speaker is None else self.holds(reading, about, speaker)


def _among(group: str, speakers: int) -> str:
    """``"time:3"`` becomes ``"time of 2:3"``: whoever the speakers are, their number counts first."""
    wide, colon, fine = group.partition(":")
    return f"{wide} of {speakers}".strip() + colon + fine


def numbered(reading: Interpretation, at_least: int = 2) -> bool:
    """True if "the second speaker" exists and is unambiguous."""
    voices = reading.voices
    return voices.sure and voices.ordered and len(voices.speakers) >= at_least


class YesNoKind(FactKind):
    """The answer is yes or no. Fill in :meth:`subjects` and :meth:`decide`."""

    form = AnswerType.YES_NO

    @abstractmethod
    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        """What can be asked about."""

    @abstractmethod
    def decide(self, reading: Interpretation, about: Any) -> Verdict:
        """Whether it is so; ``true=None`` where it is too close to call."""

    def find(self, reading: Interpretation) -> Iterator[Fact]:
        for subject in self.subjects(reading):
            verdict = self.decide(reading, subject.about)
            if verdict.true is not None:
                yes, no = (wording.YES, wording.NO) if verdict.true else (wording.NO, wording.YES)
                yield subject.fact(verdict, "", yes, (no,))

    def judge(self, reading: Interpretation, about: Any, choice: str) -> Verdict:
        verdict = self.decide(reading, about)
        if verdict.true is None or choice not in (wording.YES, wording.NO):
            return Verdict(None)
        right = verdict.true == (choice == wording.YES)
        # One sentence says both why it is so and why the opposite is not.
        return Verdict(right, verdict.because if right else "", verdict.evidence if right else ())


class NumberKind(FactKind):
    """The answer is a number from one up. Fill in :meth:`subjects` and :meth:`number`."""

    form = AnswerType.NUMBER

    @abstractmethod
    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        """What can be counted."""

    @abstractmethod
    def number(self, reading: Interpretation, about: Any) -> tuple[int | None, Verdict]:
        """The count and, as a true verdict, why; None where it is not certain."""

    def find(self, reading: Interpretation) -> Iterator[Fact]:
        for subject in self.subjects(reading):
            number, verdict = self.number(reading, subject.about)
            if number is not None:
                own = map(wording.choice_of_number, _around(number, self.name, reading))
                yield subject.fact(verdict, "", wording.choice_of_number(number), own)

    def judge(self, reading: Interpretation, about: Any, choice: str) -> Verdict:
        number, verdict = self.number(reading, about)
        offered = wording.number_of_choice(choice)
        if number is None or offered is None:
            return Verdict(None)
        if offered == number:
            return Verdict(True, verdict.because, verdict.evidence)
        return Verdict(False)


def _around(number: int, *key: object) -> list[int]:
    """The wrong numbers of four in a row. Up to four they are one to four, whatever the answer:
    a row laid around the answer would give it away as one of the middle two."""
    key = (*key[:-1], *key[-1].clip_key) if isinstance(key[-1], Interpretation) else key
    first = 1 if number <= 4 else number - below(4, "around", *key)
    return [n for n in range(first, first + 4) if n != number]
