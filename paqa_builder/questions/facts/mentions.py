"""Facts about single words: presence, number of occurrences and speaker."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import AnswerType, Fact, FactKind, Verdict, register
from paqa_builder.questions.facts.bases import NumberKind, SpeakerKind, Subject
from paqa_builder.questions.facts.words import when
from paqa_builder.questions.keywords import alike, keywords
from paqa_builder.questions.reading.interpretation import Interpretation, per_scene
from paqa_builder.questions.reading.speech import Phrase, pool_of
from paqa_builder.questions.reading.voices import Speaker
from paqa_builder.questions.wording import quote, tokens
from paqa_builder.seeded import shuffled

# Most words to ask about in one clip.
_WORDS = 8


@per_scene
def clear_words(reading: Interpretation) -> Mapping[str, tuple[Phrase, ...]]:
    """A sample of keywords drawn by hash, each with the phrases that contain it."""
    phrases: dict[str, tuple[Phrase, ...]] = {}
    for phrase in reading.speech.phrases:
        for word in keywords(phrase.text):
            phrases[word] = (*phrases.get(word, ()), phrase)
    return {word: phrases[word] for word in shuffled(phrases, "words", *reading.clip_key)[:_WORDS]}


@per_scene
def occurrences(reading: Interpretation, word: str) -> int | None:
    """Number of occurrences of a word; None if one is unclear, or if a similar word is said."""
    speech = reading.speech
    count = speech.words[word]
    clear = sum(tokens(phrase.text).count(word) for phrase in speech.phrases)
    similar = any(other != word and alike(word, other) for other in speech.words)
    return None if clear != count or similar else count


def where(phrase: Phrase, word: str) -> str:
    """``"“keys” is said in “have you seen my keys”, from 1.0 s to 2.5 s."``"""
    return f"{quote(word)} is said in {quote(phrase.text)}, {when(phrase)}."


class _WordKind(FactKind):
    """The answer is a word."""

    form = AnswerType.WORD
    needs = ("turns", "utterances")

    @staticmethod
    def said(reading: Interpretation, word: str) -> Verdict:
        """Whether a word is said in the clip."""
        if any(alike(word, other) for other in reading.speech.words if other != word):
            return Verdict(None)
        if not reading.speech.words[word]:
            return Verdict(False, evidence=reading.layer("utterances"), missing=quote(word))
        phrases = [p for p in reading.speech.phrases if word in tokens(p.text)]
        return Verdict(True, where(phrases[0], word), phrases[0].evidence) if phrases else Verdict(None)


@register
class WordSaid(_WordKind):
    """A word that is said."""

    open = True

    def find(self, reading: Interpretation) -> Iterator[Fact]:
        for word, phrases in clear_words(reading).items():
            verdict = self.said(reading, word)
            if verdict.true:
                grounds, pool = reading.layer("utterances"), pool_of(phrases[0])
                yield Fact(word, {}, word, evidence=verdict.evidence, grounds=grounds, pool=pool)

    def judge(self, reading: Interpretation, about: Any, choice: str) -> Verdict:
        return self.said(reading, choice)


@register
class WordNotSaid(_WordKind):
    """A word that is not said; all wrong choices are."""

    def find(self, reading: Interpretation) -> Iterator[Fact]:
        words = clear_words(reading)
        own = tuple(word for word in words if self.said(reading, word).true)
        if len(own) >= 3:
            pool = pool_of(next(iter(words.values()))[0])
            yield Fact("", {}, None, own, evidence=reading.layer("utterances"), pool=pool)

    def judge(self, reading: Interpretation, about: Any, choice: str) -> Verdict:
        said = self.said(reading, choice)
        if said.true is None:
            return said
        because = said.because if said.true else f"{quote(choice)} is never said."
        return Verdict(not said.true, because, said.evidence)


@register
class WordMentions(NumberKind):
    """The number of times a word is said."""

    needs = ("turns", "utterances")
    slots = ("word",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        words = reading.speech.words
        spoken = [w for phrase in reading.speech.phrases for w in keywords(phrase.text)]
        repeated = [word for word in dict.fromkeys(spoken) if words[word] > 1]
        single = [word for word in clear_words(reading) if words[word] == 1]
        # Most words are said once, so one of them is enough.
        for word in (*repeated[:_WORDS], *single[:1]):
            yield Subject(word, {"word": quote(word)}, word)

    def number(self, reading: Interpretation, about: Any) -> tuple[int | None, Verdict]:
        count = occurrences(reading, about)
        phrases = [p for p in reading.speech.phrases if about in tokens(p.text)]
        if not count:
            return None, Verdict(None)
        places = wording.listed([f"in {quote(p.text)} {when(p)}" for p in phrases])
        because = f"{quote(about)} is said {wording.times(count)}: {places}."
        evidence = tuple(e for p in phrases for e in p.evidence)
        return count, Verdict(True, because, (*evidence, *reading.layer("utterances")))


@register
class WhoMentions(SpeakerKind):
    """The speaker who says a given word."""

    needs = ("turns", "utterances")
    slots = ("word",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        for word, phrases in clear_words(reading).items():
            if occurrences(reading, word):
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
