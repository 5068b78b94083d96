"""Facts about single words: whether, how often and by whom they are said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import AnswerType, Fact, FactKind, Verdict, register
from paqa_builder.questions.facts.bases import NumberKind, SpeakerKind, Subject
from paqa_builder.questions.facts.words import when
from paqa_builder.questions.keywords import alike, keywords
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.reading.speech import Phrase, pool_of
from paqa_builder.questions.reading.voices import Speaker
from paqa_builder.questions.wording import quote, tokens
from paqa_builder.seeded import shuffled

# Of a long talk, so many words are enough to ask about.
_ENOUGH = 8


def clear_words(reading: Interpretation) -> dict[str, tuple[Phrase, ...]]:
    """Telling words, each with the phrases that hold it; a sample by hash."""
    found: dict[str, tuple[Phrase, ...]] = {}
    for phrase in reading.speech.phrases:
        for word in keywords(phrase.text):
            found[word] = (*found.get(word, ()), phrase)
    return {word: found[word] for word in shuffled(found, "words", *reading.clip_key)[:_ENOUGH]}


def certainly_said(reading: Interpretation, word: str, number: int | None = None) -> int | None:
    """How often a word is said; None where something like it is said, or not clearly."""
    speech = reading.speech
    said = speech.words[word]
    clear = sum(tokens(phrase.text).count(word) for phrase in speech.phrases)
    if clear != said or any(other != word and alike(word, other) for other in speech.words):
        return None
    return said


def where(phrase: Phrase, word: str) -> str:
    """The sentence that says where a word is said."""
    return f"{quote(word)} is said in {quote(phrase.text)}, {when(phrase)}."


class _WordKind(FactKind):
    """The answer is a word."""

    form = AnswerType.WORD
    needs = ("turns", "utterances")

    @staticmethod
    def said(reading: Interpretation, word: str) -> Verdict:
        """True or false as the word is said or not."""
        if any(alike(word, other) for other in reading.speech.words if other != word):
            return Verdict(None)
        if not reading.speech.words[word]:
            return Verdict(False, evidence=reading.layer("utterances"), missing=quote(word))
        phrases = [p for p in reading.speech.phrases if word in tokens(p.text)]
        return Verdict(True, where(phrases[0], word), phrases[0].evidence) if phrases else Verdict(None)


@register
class WordSaid(_WordKind):
    """Which of some words is said."""

    name = "word_said"
    open = True

    def find(self, reading: Interpretation) -> Iterator[Fact]:
        for word, phrases in clear_words(reading).items():
            verdict = self.said(reading, word)
            if verdict.true:
                yield Fact(
                    word, {}, word, evidence=verdict.evidence, grounds=reading.layer("utterances"),
                    pool=pool_of(phrases[0]),
                )  # fmt: skip

    def judge(self, reading: Interpretation, about: Any, choice: str) -> Verdict:
        return self.said(reading, choice)


@register
class WordNotSaid(_WordKind):
    """Which of some words is not said; all others are."""

    name = "word_not_said"

    def find(self, reading: Interpretation) -> Iterator[Fact]:
        own = [word for word in clear_words(reading) if self.said(reading, word).true]
        if len(own) >= 3:
            phrase = next(iter(clear_words(reading).values()))[0]
            evidence = reading.layer("utterances")
            yield Fact("", {}, None, tuple(own), evidence=evidence, pool=pool_of(phrase))

    def judge(self, reading: Interpretation, about: Any, choice: str) -> Verdict:
        said = self.said(reading, choice)
        if said.true is None:
            return said
        because = said.because if said.true else f"{quote(choice)} is never said."
        return Verdict(not said.true, because, said.evidence)


@register
class WordMentions(NumberKind):
    """How often a word is said."""

    name = "word_mentions"
    needs = ("turns", "utterances")
    slots = ("word",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        words = reading.speech.words
        spoken = [w for phrase in reading.speech.phrases for w in keywords(phrase.text)]
        often = [word for word in dict.fromkeys(spoken) if words[word] > 1]
        seldom = [word for word in clear_words(reading) if words[word] == 1]
        # Most words are said once: one of them is enough.
        for word in (*often[:_ENOUGH], *seldom[:1]):
            yield Subject(word, {"word": quote(word)}, word)

    def number(self, reading: Interpretation, about: Any) -> tuple[int | None, Verdict]:
        said = certainly_said(reading, about)
        phrases = [p for p in reading.speech.phrases if about in tokens(p.text)]
        if not said:
            return None, Verdict(None)
        places = wording.listed([f"in {quote(p.text)} {when(p)}" for p in phrases])
        because = f"{quote(about)} is said {wording.times(said)}: {places}."
        evidence = tuple(e for p in phrases for e in p.evidence)
        return said, Verdict(True, because, (*evidence, *reading.layer("utterances")))


@register
class WhoMentions(SpeakerKind):
    """Who says a certain word."""

    name = "who_mentions"
    needs = ("turns", "utterances")
    slots = ("word",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        for word, phrases in clear_words(reading).items():
            if certainly_said(reading, word):
                yield Subject(word, {"word": quote(word)}, word, (where(phrases[0], word),))

    def holds(self, reading: Interpretation, about: Any, speaker: Speaker) -> Verdict:
        places = [p for p in reading.speech.phrases if about in tokens(p.text)]
        speakers = {p.speaker for p in places}
        if len(speakers) != 1 or None in speakers:
            return Verdict(None)
        name = wording.choice_of_speaker(speaker.number)
        if speaker.number in speakers:
            evidence = (*places[0].evidence, *speaker.evidence_in(places[0].start, places[0].end))
            return Verdict(True, f"{name} is the one who is talking there.", evidence)
        return Verdict(False, f"{name} does not say it.", reading.layer("utterances"))
