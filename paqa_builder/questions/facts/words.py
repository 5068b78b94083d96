"""Facts about what is said, and by whom."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from paqa_builder.intervals import both
from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import AnswerType, Fact, FactKind, Verdict, register
from paqa_builder.questions.facts.bases import SpeakerKind, Subject, numbered
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.reading.speech import NEAR, Phrase, near, pool_of
from paqa_builder.questions.reading.voices import Speaker
from paqa_builder.questions.wording import quote, tokens
from paqa_builder.records import Utterance


def when(phrase: Phrase) -> str:
    """``"from 1.0 s to 2.5 s"``, or within what utterance, where words have no times."""
    span = wording.from_to(phrase.start, phrase.end)
    whole = phrase.timed or (phrase.opens and phrase.closes)
    return span if whole else f"in the utterance {span}"


def unsaid(reading: Interpretation, choice: str) -> Verdict:
    """Judges a quote that is not from the scene."""
    if reading.speech.may_say(choice):
        return Verdict(None)
    return Verdict(False, evidence=reading.layer("utterances"), missing=quote(choice))


@register
class WhoSays(SpeakerKind):
    """Who says a certain phrase."""

    name = "who_says"
    needs = ("turns", "utterances")
    slots = ("quote",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        for phrase in reading.speech.phrases:
            if phrase.speaker is not None and len(reading.speech.phrase(phrase.text)) == 1:
                said = quote(phrase.text)
                yield Subject(phrase.text, {"quote": said}, phrase.text, evidence=phrase.evidence)

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
class MoreWords(SpeakerKind):
    """Who says the most words."""

    name = "more_words"
    needs = ("turns", "utterances")

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        speech = reading.speech
        said = sum(speech.words_of(s.number) for s in reading.voices.speakers)
        if said and speech.words_of_nobody <= 0.1 * said:
            yield Subject(evidence=reading.layer("utterances"))

    def holds(self, reading: Interpretation, about: Any, speaker: Speaker) -> Verdict:
        words = {s: reading.speech.words_of(s.number) for s in reading.voices.speakers}
        mine = words.pop(speaker)
        says = f"{wording.choice_of_speaker(speaker.number)} says about {wording.count(mine, 'word')}"
        if all(self._more(reading, mine, other) for other in words.values()):
            return Verdict(True, f"{says}, the most.", speaker.evidence)
        if any(self._more(reading, other, mine) for other in words.values()):
            return Verdict(False, f"{says}.", speaker.evidence)
        return Verdict(None)

    @staticmethod
    def _more(reading: Interpretation, one: int, other: int) -> bool:
        nobodys = reading.speech.words_of_nobody
        return one - other - nobodys >= max(reading.thresholds.more_words, 0.4 * other)


class QuoteKind(FactKind):
    """The answer is a phrase. Fill in :meth:`subjects` and :meth:`holds`."""

    form = AnswerType.QUOTE
    edges: ClassVar[bool] = False  # wrong choices open or close an utterance as the answer does

    @abstractmethod
    def subjects(self, reading: Interpretation) -> Iterable[tuple[Subject, tuple[Phrase, ...]]]:
        """What can be asked about, each with the phrases that answer it."""

    @abstractmethod
    def holds(self, reading: Interpretation, about: Any, choice: str, phrases: tuple[Phrase, ...]) -> Verdict:
        """Judges a phrase that is said in the clip, once or more."""

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
    """What a certain speaker says."""

    name = "said_by"
    needs = ("turns", "utterances")
    slots = ("speaker",)
    open = True

    def subjects(self, reading: Interpretation) -> Iterable[tuple[Subject, tuple[Phrase, ...]]]:
        if numbered(reading):
            for speaker in reading.voices.speakers:
                number = speaker.number
                step = f"{wording.choice_of_speaker(number)} talks {wording.stretches(speaker.spans)}."
                yield (
                    Subject(str(number), {"speaker": wording.speaker(number)}, number, (step,)),
                    tuple(p for p in reading.speech.phrases if p.speaker == number),
                )

    def holds(self, reading: Interpretation, about: Any, choice: str, phrases: tuple[Phrase, ...]) -> Verdict:
        mine = [p for p in phrases if p.speaker == about]
        if mine:
            (speaker,) = (s for s in reading.voices.speakers if s.number == about)
            turns = speaker.evidence_in(mine[0].start, mine[0].end)
            because = f"{quote(choice)} is said {when(mine[0])}, by that voice."
            return Verdict(True, because, (*mine[0].evidence, *turns))
        whose = phrases[0].speaker
        if whose is None or reading.speech.may_say(choice, about):
            return Verdict(None)
        because = f"{quote(choice)} is said by {wording.speaker(whose)}, {when(phrases[0])}."
        return Verdict(False, because, phrases[0].evidence)


@dataclass(frozen=True)
class Place:
    """One utterance, and which end of it is asked for: its first words or its last."""

    utterance: Utterance
    opening: bool = True

    def phrases(self, reading: Interpretation) -> tuple[Phrase, ...]:
        """The phrase at that end, if it is clear enough to be quoted."""
        return tuple(
            p
            for p in reading.speech.phrases
            if p.utterance == self.utterance and (p.opens if self.opening else p.closes)
        )


class PlaceKind(QuoteKind):
    """What is said at a certain place; the wrong choices are said elsewhere, or not at all."""

    needs: ClassVar[tuple[str, ...]] = ("turns", "utterances")
    edges: ClassVar[bool] = True

    @abstractmethod
    def places(self, reading: Interpretation) -> Iterable[tuple[Subject, Place]]:
        """What can be asked about, each with where its answer is said; ``about`` is filled in."""

    def subjects(self, reading: Interpretation) -> Iterable[tuple[Subject, tuple[Phrase, ...]]]:
        for subject, place in self.places(reading):
            filled = Subject(subject.key, subject.slots, place, subject.steps, subject.evidence)
            yield filled, place.phrases(reading)

    def holds(self, reading: Interpretation, about: Any, choice: str, phrases: tuple[Phrase, ...]) -> Verdict:
        (right,) = about.phrases(reading) or (None,)
        if right is not None and right in phrases:
            # The same words said elsewhere too are no less true here.
            return Verdict(True, f"{quote(choice)} is said {when(right)}.", right.evidence)
        # Later words of the same utterance answer the question well enough to be no wrong choice.
        if near(tokens(choice), tokens(about.utterance.text)) >= NEAR:
            return Verdict(None)
        because = f"{quote(choice)} is said elsewhere, {when(phrases[0])}."
        return Verdict(False, because, phrases[0].evidence)


@register
class FirstWords(PlaceKind):
    """The first words of the clip."""

    name = "first_words"

    def places(self, reading: Interpretation) -> Iterable[tuple[Subject, Place]]:
        utterances, speech = reading.speech.utterances, reading.voices.speech
        if not utterances or not speech:
            return
        first = utterances[0]
        alone = all(other.start >= first.end for other in utterances[1:])
        # Speech well before the first transcribed word was not understood.
        if alone and abs(first.start - speech[0][0]) <= reading.thresholds.order:
            step = f"The first voice sets in at {wording.at(speech[0][0])}."
            evidence = reading.voices.speakers[0].evidence[:1]
            yield Subject("first", steps=(step,), evidence=evidence), Place(first)


@register
class SaidNext(PlaceKind):
    """How the next speaker goes on after a certain phrase."""

    name = "said_next"
    slots = ("quote",)

    def places(self, reading: Interpretation) -> Iterable[tuple[Subject, Place]]:
        speech, limits = reading.speech, reading.thresholds
        speakers = dict(zip(speech.utterances, speech.speakers, strict=True))
        for one, other in zip(speech.utterances, speech.utterances[1:], strict=False):
            if not 0 <= other.start - one.end <= limits.soon:
                continue
            if speakers[one] is None or speakers[other] is None or speakers[one] == speakers[other]:
                continue
            for phrase in speech.phrases:
                if phrase.utterance == one and len(speech.phrase(phrase.text)) == 1 and phrase.closes:
                    step = f"{quote(phrase.text)} is said {when(phrase)}."
                    yield (
                        Subject(phrase.text, {"quote": quote(phrase.text)}, None, (step,), phrase.evidence),
                        Place(other),
                    )


def spoken_between(reading: Interpretation, start: float, end: float) -> bool:
    """True if a voice may be speaking within ``[start, end)``."""
    return bool(both(reading.maybe_spoken, ((start, end),))) or any(
        u.start < end and start < u.end for u in reading.speech.utterances
    )
