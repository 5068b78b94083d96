"""Base classes of fact kinds, one per answer type. A kind overrides the methods that its base names."""

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
    """What one question of a kind is about in one scene: a sound, a speaker, a phrase or the whole clip."""

    key: str = ""
    slots: dict[str, Any] = field(default_factory=dict)
    about: Any = None
    steps: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    group: str = ""
    out: tuple[int, ...] = ()  # numbers of the speakers that the question itself rules out

    def fact(self, verdict: Verdict, key: str, answer: str, own: Iterable[str], **more: Any) -> Fact:
        """The fact that a true verdict proves.

        Args:
            key: Unique among the answers to one subject; empty if there is only one.
            own: Other choices that the scene itself offers.
            more: Further fields of the fact; ``group`` replaces that of the subject.
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


def decided(true: bool, false: bool) -> bool | None:
    """True or False if the condition for it is met, else None."""
    return True if true else False if false else None


def extreme(
    item: Candidate, others: Iterable[Candidate], beyond: Callable[[Candidate, Candidate], bool]
) -> bool | None:
    """Whether an item is the longest, first, last or most of all.

    Args:
        beyond: Whether its first argument exceeds its second by a clear margin.

    Returns:
        True if the item exceeds all others, False if one of them exceeds it, None if it is too close.
    """
    others = tuple(others)
    return decided(all(beyond(item, other) for other in others), any(beyond(other, item) for other in others))


class SubjectKind(FactKind):
    """Base of kinds that ask the same question about each of several subjects."""

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        """The subjects to ask about; by default the clip as a whole."""
        return [Subject()]


class SoundKind(SubjectKind):
    """The answer is a sound. Override :meth:`subjects` and :meth:`holds`.

    Class attributes:
        timed: True if a sound without known times cannot be judged.
    """

    form = AnswerType.SOUND
    needs: ClassVar[tuple[str, ...]] = ("tags",)
    timed: ClassVar[bool] = False

    @abstractmethod
    def holds(self, reading: Interpretation, about: Any, sound: Sound) -> Verdict:
        """Judges a sound of the scene."""

    def find(self, reading: Interpretation) -> Iterator[Fact]:
        sounds = [sound for sound in reading.sounds.heard if reading.sounds.deniable(sound.label)]
        choices = [wording.choice_of_label(sound.label) for sound in sounds]
        for subject in self.subjects(reading):
            for sound, choice in zip(sounds, choices, strict=True):
                verdict = self._judge_sound(reading, subject.about, sound)
                if verdict.true:
                    own = (other for other in choices if other != choice)
                    yield subject.fact(verdict, sound.label, choice, own, grounds=subject.evidence)

    def judge(self, reading: Interpretation, about: Any, choice: str) -> Verdict:
        label = wording.label_of_choice(choice)
        sound = reading.sounds.find(label)
        return absent(reading, label) if sound is None else self._judge_sound(reading, about, sound)

    def _judge_sound(self, reading: Interpretation, about: Any, sound: Sound) -> Verdict:
        return Verdict(None) if self.timed and not sound.spans else self.holds(reading, about, sound)


def absent(reading: Interpretation, label: str) -> Verdict:
    """False if the sound is certainly absent from the clip, else undecidable."""
    if reading.sounds.absent(label):
        return Verdict(False, evidence=reading.layer("tags"), missing=wording.bare_sound(label))
    return Verdict(None)


class SpeakerKind(SubjectKind):
    """The answer is a speaker. Override :meth:`subjects` and :meth:`holds`.

    ``subjects`` is called only if the speakers can be told apart and numbered.

    Class attributes:
        at_least: Smallest number of speakers; with fewer, the question answers itself.
    """

    form = AnswerType.SPEAKER
    needs: ClassVar[tuple[str, ...]] = ("turns",)
    at_least: ClassVar[int] = 2

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
                    yield subject.fact(
                        verdict,
                        str(speaker.number),
                        wording.choice_of_speaker(speaker.number),
                        map(wording.choice_of_speaker, others),
                        group=_speaker_group(subject.group, len(speakers)),
                    )

    def judge(self, reading: Interpretation, about: Any, choice: str) -> Verdict:
        number = wording.speaker_of_choice(choice)
        speaker = next((s for s in reading.voices.speakers if s.number == number), None)
        return Verdict(None) if speaker is None else self.holds(reading, about, speaker)


def _speaker_group(group: str, speakers: int) -> str:
    """``"time of 2:3"`` for ``"time:3"``: answers also balance for each number of speakers."""
    wide, colon, fine = group.partition(":")
    return f"{wide} of {speakers}".strip() + colon + fine


def numbered(reading: Interpretation, at_least: int = 2) -> bool:
    """True if there are enough speakers and each has an unambiguous number ("the second speaker")."""
    voices = reading.voices
    return voices.sure and voices.ordered and len(voices.speakers) >= at_least


class ExtremeSpeakerKind(SpeakerKind):
    """The answer is the speaker with the largest or smallest value of one property.

    Override :meth:`beyond` and :meth:`describe`.

    Class attributes:
        claim: End of the sentence about the right speaker: ``", longer than anybody else"``.
    """

    claim: ClassVar[str] = ""

    @abstractmethod
    def beyond(self, reading: Interpretation, speaker: Speaker, other: Speaker) -> bool:
        """Whether a speaker exceeds another by a clear margin."""

    @abstractmethod
    def describe(self, reading: Interpretation, speaker: Speaker) -> tuple[str, tuple[Evidence, ...]]:
        """The value of a speaker as a sentence without its full stop, and the evidence for it."""

    def holds(self, reading: Interpretation, about: Any, speaker: Speaker) -> Verdict:
        others = [other for other in reading.voices.speakers if other != speaker]
        right = extreme(speaker, others, lambda a, b: self.beyond(reading, a, b))
        because, evidence = self.describe(reading, speaker)
        return Verdict(right, f"{because}{self.claim if right else ''}.", evidence)


class YesNoKind(SubjectKind):
    """The answer is yes or no. Override :meth:`subjects` and :meth:`decide`."""

    form = AnswerType.YES_NO

    @abstractmethod
    def decide(self, reading: Interpretation, about: Any) -> Verdict:
        """Whether the answer is yes; ``true=None`` if it is too close."""

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
        # The sentence that proves the right answer also refutes the other one.
        return Verdict(right, verdict.because, verdict.evidence) if right else Verdict(False)


class NumberKind(SubjectKind):
    """The answer is a number from one up. Override :meth:`subjects` and :meth:`number`."""

    form = AnswerType.NUMBER

    @abstractmethod
    def number(self, reading: Interpretation, about: Any) -> tuple[int | None, Verdict]:
        """The count, None if it is uncertain, and a true verdict that proves it."""

    def find(self, reading: Interpretation) -> Iterator[Fact]:
        for subject in self.subjects(reading):
            number, verdict = self.number(reading, subject.about)
            if number is not None:
                own = map(wording.choice_of_number, _neighbours(number, self.name, *reading.clip_key))
                yield subject.fact(verdict, "", wording.choice_of_number(number), own)

    def judge(self, reading: Interpretation, about: Any, choice: str) -> Verdict:
        number, verdict = self.number(reading, about)
        offered = wording.number_of_choice(choice)
        if number is None or offered is None:
            return Verdict(None)
        return Verdict(True, verdict.because, verdict.evidence) if offered == number else Verdict(False)


def _neighbours(number: int, *key: object) -> list[int]:
    """The other three of four consecutive numbers.

    Up to four these are one to four, whatever the answer is: a window around the answer would make it one
    of the middle two.
    """
    first = 1 if number <= 4 else number - below(4, "around", *key)
    return [n for n in range(first, first + 4) if n != number]
