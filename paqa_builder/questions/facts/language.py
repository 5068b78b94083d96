"""Facts about the spoken language and about translations."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from typing import Any

from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import AnswerType, Distractors, Fact, FactKind, Verdict, register
from paqa_builder.questions.facts.bases import Subject
from paqa_builder.questions.facts.listed import ListedKind
from paqa_builder.questions.question import cite, confidence_of
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.reading.speech import near
from paqa_builder.questions.wording import meant, quote, tokens

# Fewest words that identify a language.
_WORDS = 4
# Groups of languages that models confuse.
_SIMILAR = (
    {"da", "no", "nn", "sv"}, {"es", "pt", "gl", "ca", "it", "oc"}, {"cs", "sk", "pl"},
    {"hr", "sr", "bs", "sl", "mk", "bg"}, {"ru", "uk", "be"}, {"hi", "ur", "pa"}, {"id", "ms", "jw"},
    {"zh", "yue"}, {"de", "nl", "lb", "yi"}, {"ar", "fa", "he"},
)  # fmt: skip
# Wrong choices in a small corpus, which has too few languages of its own.
_COMMON = ("en", "de", "fr", "es", "it", "pt", "ru", "zh", "ja", "ar", "tr", "pl", "nl", "hi")


@cache
def languages() -> dict[str, str]:
    """English names of the languages that can be an answer, by ISO 639-1 code."""
    text = files("paqa_builder").joinpath("data/languages.csv").read_text(encoding="utf-8")
    return {row["code"]: row["name"] for row in csv.DictReader(text.splitlines())}


@register
class SpokenLanguage(ListedKind):
    """The spoken language."""

    needs = ("utterances",)

    def answers(self) -> tuple[str, ...]:
        return tuple(languages().values())

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        utterances = reading.speech.utterances
        words = sum(len(tokens(u.text)) for u in utterances)
        clear = all(confidence_of(u) >= reading.thresholds.word for u in utterances)
        return [Subject()] if clear and words >= _WORDS else []

    def find(self, reading: Interpretation) -> Iterator[Fact]:
        spoken = {u.language for u in reading.speech.utterances}
        names = {languages()[code] for code in spoken if code in languages()}
        for subject in self.subjects(reading):
            for name in names:
                verdict = self.holds(reading, subject.about, name)
                if verdict.true:
                    own = tuple(other for other in self.answers() if other != name)
                    yield Fact("", {}, name, own, evidence=verdict.evidence)

    def wrong(self, reading: Interpretation, fact: Fact, corpus: Distractors, *key: object) -> Iterator[str]:
        common = tuple(languages()[code] for code in _COMMON)
        small = sum(corpus.answers.get(self.name, {}).values()) < corpus.enough
        return iter(corpus.draw_answers(self.name, "", common if small else fact.own, *key))

    def holds(self, reading: Interpretation, about: Any, answer: str) -> Verdict:
        utterances = reading.speech.utterances
        spoken = {u.language for u in utterances}
        language = next(iter(spoken), None)
        if len(spoken) != 1 or language is None or language not in languages():
            return Verdict(None)
        evidence = tuple(map(cite, utterances))
        if languages()[language] == answer:
            first = utterances[0]
            words = first.text.split()
            beginning = quote(" ".join(words[:8]) + (" …" if len(words) > 8 else ""))
            because = f"{beginning}, {wording.from_to(first.start, first.end)}, is {answer}."
            return Verdict(True, because, evidence)
        similar = {languages().get(code) for group in _SIMILAR if language in group for code in group}
        if answer in similar and not reading.speech.truth:
            return Verdict(None)
        return Verdict(False, "", evidence)


@register
class Translation(FactKind):
    """The meaning of an utterance in another language; only from a corpus with translations."""

    form = AnswerType.TRANSLATION
    needs = ("utterances",)
    slots = ("language",)
    open = True

    def find(self, reading: Interpretation) -> Iterator[Fact]:
        utterances = reading.speech.utterances
        into = {u.translation_language for u in utterances}
        known = all(
            u.translation and u.origin.is_truth and u.language != u.translation_language for u in utterances
        )
        if len(into) != 1 or not known:
            return
        (language,) = into
        for utterance in utterances:
            if language in languages() and utterance.translation:
                when = wording.from_to(utterance.start, utterance.end)
                evidence = (cite(utterance),)
                yield Fact(
                    key=f"{utterance.start:.3f}",
                    slots={"language": languages()[language]},
                    answer=meant(utterance.translation),
                    steps=(f"{quote(utterance.text)} is said {when}.",),
                    evidence=evidence,
                    grounds=evidence,
                    pool=f":{language}",
                )

    def judge(self, reading: Interpretation, about: Any, choice: str) -> Verdict:
        for utterance in reading.speech.utterances:
            if utterance.translation and meant(utterance.translation) == meant(choice):
                return Verdict(True, f"That means {quote(choice)}.", (cite(utterance),))
        if any(near(tokens(choice), tokens(u.translation or "")) for u in reading.speech.utterances):
            return Verdict(None)
        return Verdict(False, evidence=reading.layer("utterances"), missing=quote(choice))
