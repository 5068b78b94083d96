"""Facts about the words of each speaker, and the bases of kinds with a quote as the answer."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import AnswerType, Fact, FactKind, Verdict, register
from paqa_builder.questions.facts.bases import ExtremeSpeakerKind, SpeakerKind, Subject, numbered
from paqa_builder.questions.facts.subjects import speaker_subject, speaks
from paqa_builder.questions.question import Evidence
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.reading.speech import Phrase, near, pool_of
from paqa_builder.questions.reading.voices import Speaker
from paqa_builder.questions.wording import quote, tokens
from paqa_builder.records import Utterance


def when(phrase: Phrase) -> str:
    """``"from 1.0 s to 2.5 s"``; ``"in the utterance from 1.0 s to 2.5 s"`` if words have no times."""
    span = wording.from_to(phrase.start, phrase.end)
    whole = phrase.timed or (phrase.opens and phrase.closes)
    return span if whole else f"in the utterance {span}"


def said(phrase: Phrase) -> str:
    """``"“have you seen my keys” is said from 1.0 s to 2.5 s."``"""
    return f"{quote(phrase.text)} is said {when(phrase)}."


def unsaid(reading: Interpretation, choice: str) -> Verdict:
    """False if a quote is certainly not said in the clip, else undecidable."""
    if reading.speech.may_say(choice):
        return Verdict(None)
    return Verdict(False, evidence=reading.layer("utterances"), missing=quote(choice))


@register
class WhoSays(SpeakerKind):
    """The speaker of a given phrase."""

    needs = ("turns", "utterances")
    slots = ("quote",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        for phrase in reading.speech.phrases:
            if phrase.speaker is not None and len(reading.speech.phrase(phrase.text)) == 1:
                slots = {"quote": quote(phrase.text)}
                yield Subject(phrase.text, slots, phrase.text, evidence=phrase.evidence)

    def holds(self, reading: Interpretation, about: Any, speaker: Speaker) -> Verdict:
        (phrase,) = reading.speech.phrase(about)
        name = wording.choice_of_speaker(speaker.number)
        if phrase.speaker == speaker.number:
            if any(reading.speech.may_say(about, s.number) for s in reading.voices.speakers if s != speaker):
                return Verdict(None)
            because = f"{quote(about)} is said {when(phrase)}, and {name.lower()} is talking there."
            return Verdict(True, because, speaker.evidence_in(phrase.start, phrase.end))
        if reading.speech.may_say(about, speaker.number):
            return Verdict(None)
        others = [p for p in reading.speech.phrases if p.speaker == speaker.number]
        if others:
            because = f"{name} says other things, such as {quote(others[0].text)} {when(others[0])}."
            return Verdict(False, because, others[0].evidence)
        return Verdict(False, f"{name} does not say this.", reading.layer("utterances"))


@register
class MoreWords(ExtremeSpeakerKind):
    """The speaker who says the most words."""

    needs = ("turns", "utterances")
    claim = ", the most"

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        speech = reading.speech
        words = sum(speech.words_of(s.number) for s in reading.voices.speakers)
        if words and speech.unassigned_words <= 0.1 * words:
            yield Subject(evidence=reading.layer("utterances"))

    def beyond(self, reading: Interpretation, speaker: Speaker, other: Speaker) -> bool:
        speech = reading.speech
        most = speech.words_of(other.number) + speech.unassigned_words
        margin = max(reading.thresholds.more_words, 0.4 * speech.words_of(other.number))
        return speech.words_of(speaker.number) - most >= margin

    def describe(self, reading: Interpretation, speaker: Speaker) -> tuple[str, tuple[Evidence, ...]]:
        words = wording.count(reading.speech.words_of(speaker.number), "word")
        return f"{wording.choice_of_speaker(speaker.number)} says about {words}", speaker.evidence


class QuoteKind(FactKind):
    """The answer is a phrase. Override :meth:`subjects` and :meth:`holds`.

    Class attributes:
        edges: True if wrong choices must begin or end an utterance as the answer does.
    """

    form = AnswerType.QUOTE
    needs: ClassVar[tuple[str, ...]] = ("turns", "utterances")
    edges: ClassVar[bool] = False

    @abstractmethod
    def subjects(self, reading: Interpretation) -> Iterable[tuple[Subject, tuple[Phrase, ...]]]:
        """The subjects to ask about, each with the phrases that may answer the question."""

    @abstractmethod
    def holds(self, reading: Interpretation, about: Any, choice: str, phrases: tuple[Phrase, ...]) -> Verdict:
        """Judges a choice that is said in the clip, at ``phrases``."""

    def find(self, reading: Interpretation) -> Iterator[Fact]:
        by_pool: dict[str, dict[str, None]] = {}
        for phrase in reading.speech.phrases:
            by_pool.setdefault(pool_of(phrase, self.edges), {})[phrase.text] = None
        for subject, answers in self.subjects(reading):
            for phrase in answers:
                verdict = self.judge(reading, subject.about, phrase.text)
                if verdict.true:
                    pool, text = pool_of(phrase, self.edges), phrase.text
                    own = (other for other in by_pool[pool] if other != text)
                    yield subject.fact(verdict, text, text, own, grounds=subject.evidence, pool=pool)

    def judge(self, reading: Interpretation, about: Any, choice: str) -> Verdict:
        phrases = reading.speech.phrase(choice)
        return self.holds(reading, about, choice, phrases) if phrases else unsaid(reading, choice)


@register
class SaidBy(QuoteKind):
    """Words of a given speaker."""

    slots = ("speaker",)
    open = True

    def subjects(self, reading: Interpretation) -> Iterable[tuple[Subject, tuple[Phrase, ...]]]:
        if numbered(reading):
            for speaker in reading.voices.speakers:
                phrases = tuple(p for p in reading.speech.phrases if p.speaker == speaker.number)
                yield speaker_subject(speaker.number, speaks(speaker)), phrases

    def holds(self, reading: Interpretation, about: Any, choice: str, phrases: tuple[Phrase, ...]) -> Verdict:
        mine = [p for p in phrases if p.speaker == about]
        if mine:
            turns = reading.voices.speakers[about - 1].evidence_in(mine[0].start, mine[0].end)
            because = f"{quote(choice)} is said {when(mine[0])}, by that voice."
            return Verdict(True, because, (*mine[0].evidence, *turns))
        whose = phrases[0].speaker
        if whose is None or reading.speech.may_say(choice, about):
            return Verdict(None)
        because = f"{quote(choice)} is said by {wording.speaker(whose)}, {when(phrases[0])}."
        return Verdict(False, because, phrases[0].evidence)


@dataclass(frozen=True)
class Place:
    """The first words of an utterance, or its last words."""

    utterance: Utterance
    opening: bool = True

    def phrases(self, reading: Interpretation) -> tuple[Phrase, ...]:
        """The phrase at that place; empty if it is not clear enough to be quoted."""
        return tuple(
            p
            for p in reading.speech.phrases
            if p.utterance == self.utterance and (p.opens if self.opening else p.closes)
        )


class PlaceKind(QuoteKind):
    """The words at a given place; wrong choices are said elsewhere or never. Override :meth:`places`."""

    edges: ClassVar[bool] = True

    @abstractmethod
    def places(self, reading: Interpretation) -> Iterable[tuple[Subject, Place]]:
        """The subjects to ask about, each with the place of its answer, which becomes its ``about``."""

    def subjects(self, reading: Interpretation) -> Iterable[tuple[Subject, tuple[Phrase, ...]]]:
        for subject, place in self.places(reading):
            yield replace(subject, about=place), place.phrases(reading)

    def holds(self, reading: Interpretation, about: Any, choice: str, phrases: tuple[Phrase, ...]) -> Verdict:
        (right,) = about.phrases(reading) or (None,)
        if right is not None and right in phrases:
            # The choice is right even if the same words are also said elsewhere.
            return Verdict(True, f"{quote(choice)} is said {when(right)}.", right.evidence)
        # Other words of the same utterance may also pass as the answer.
        if near(tokens(choice), tokens(about.utterance.text)):
            return Verdict(None)
        because = f"{quote(choice)} is said elsewhere, {when(phrases[0])}."
        return Verdict(False, because, phrases[0].evidence)
