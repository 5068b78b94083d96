"""Extraction and comparison of the claims that sentences make about the audio.

Every word is either *neutral* (``data/neutral_words.txt``), part of the question's own template, or
a claim: a quote, a number, a speaker, the name of a sound, a relation ("before"), a negation, a
question word, or the word itself. Two texts agree if they make the same claims in the same order,
sentence by sentence. The order matters: "a dog before a bell" differs from "a bell before a dog".

The comparison is strict: it rejects many equivalent wordings in order to accept no false one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import zip_longest

from paqa_builder.labels import audioset
from paqa_builder.questions import wording
from paqa_builder.questions.wording import quotes_of, without_quotes


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim about the audio.

    Attributes:
        kind: ``"quote"``, ``"number"``, ``"speaker"``, ``"sound"``, ``"relation"``, ``"negation"``,
            ``"question word"`` or ``"word"``.
        value: Normalized, so that "2.0 s" equals "2 seconds" and "prior to" equals "before".
    """

    kind: str
    value: str

    def __str__(self) -> str:
        return f"{self.kind} “{self.value}”"


# Relation -> its words and phrases; longer phrases are matched first.
_RELATIONS: dict[str, str] = {
    "first": "first|earliest|opens|opened|opening|open|leads|lead",
    "last": "last|final|finally|latest|closes|closed|closing|close",
    "start": "start|starts|started|starting|begin|begins|began|begun|beginning|onset|onsets",
    "end": "end|ends|ended|ending|stop|stops|stopped|stopping|finish|finishes|finished|finishing",
    # "A is followed by B" puts A first, as "A before B" does.
    "before": "before|prior to|prior|precede|precedes|preceded|preceding|previous|previously|earlier|"
    "ahead of|followed by",
    "after": "after|following|follow|follows|followed|next|later|subsequently|afterwards|preceded by|"
    "as soon as",
    "between": "between|in between|in-between",
    "during": "during|while|meanwhile|whilst|throughout",
    "together": "together|overlap|overlaps|overlapped|overlapping|simultaneously|concurrently|"
    "at the same time|at once|coincide|coincides",
    "again": "again|once more|repeat|repeats|repeated|return|returns|returned|another time",
    "longest": "longest", "longer": "longer", "shortest": "shortest|briefest", "shorter": "shorter|briefer",
    "loudest": "loudest", "louder": "louder", "softest": "softest|quietest", "softer": "softer|quieter",
    "highest": "highest", "higher": "higher", "lowest": "lowest|deepest", "lower": "lower|deeper",
    "fastest": "fastest|quickest", "faster": "faster|quicker", "slowest": "slowest", "slower": "slower",
    "most": "most", "more": "more", "fewest": "fewest|least", "fewer": "fewer|less",
    "all": "all|every|each", "both": "both", "only": "only|solely|just|alone",
    "unsure": "may|might|could|possibly|perhaps|maybe|probably|likely|seems|seem|apparently",
    "or": "or",
}  # fmt: skip
_NEGATIONS = (
    "not|no|never|nothing|nobody|none|nor|neither|without|cannot|absent|absence|missing|lacks|lacking|"
    "lack|unheard|unsaid|except|[a-z]+n't"
)
_ASKED: dict[str, str] = {
    "who": "who|whom|whose|which speaker|which voice|which person|which of the speakers|"
    "which of the voices|what speaker|what voice",
    "which": "which|what",
    "how many": "how many",
    "how often": "how often|how many times",
    "how long": "how long",
    "how": "how", "when": "when", "where": "where", "why": "why", "whether": "whether",
}  # fmt: skip
_ORDINALS = tuple(wording.ordinal(n) for n in range(1, 11))
_NUMBERS = tuple(wording.number_word(n) for n in range(11))
_UNITS = {"s": "s", "sec": "s", "second": "s", "seconds": "s", "%": "%", "percent": "%", "times": ""}
_SENTENCE = re.compile(r"(?<=[.!?])\s+")


def _either(phrases: Iterable[str]) -> str:
    return "|".join(sorted(phrases, key=lambda p: (-len(p), p)))


def _named(table: dict[str, str]) -> dict[str, str]:
    return {phrase: name for name, phrases in table.items() for phrase in phrases.split("|")}


_RELATION_OF, _ASKED_OF = _named(_RELATIONS), _named(_ASKED)


_WORD = r"[^\W_]+(?:['\-][^\W_]+)*"
_PATTERN = re.compile(
    "|".join(
        f"(?P<{name}>{part})"
        for name, part in {
            "quote": "“[^”]*”",
            # "what one hears" is not a number.
            "pronoun": r"\bone (?=(?:can |may )?(?:hears?|listens?|finds?|notices?)\b)",
            "speaker": rf"\b(?:{'|'.join(_ORDINALS)}|\d+(?:st|nd|rd|th)) (?:speaker|voice|person|talker)s?\b"
            rf"|\b(?:speaker|voice|person) (?:(?:{'|'.join(_NUMBERS)})\b|\d+\b)|\bs\d+\b",
            "number": r"(?<![\w.])[-+−]?\d+(?:[.,:]\d+)*(?:\s?(?:seconds?|sec|s|percent|times)\b|\s?%)?",
            "asked": rf"\b(?:{_either(_ASKED_OF)})\b",
            "relation": rf"\b(?:{_either(_RELATION_OF)})\b",
            "negation": rf"\b(?:{_NEGATIONS})\b",
            "count": rf"\b(?:(?:{'|'.join(_NUMBERS)})(?: times)?|once|twice|thrice)\b",
            "word": _WORD,
        }.items()
    )
)


@cache
def _sounds() -> dict[str, list[str]]:
    """Names of sounds by their first word, longer ones first."""
    by_first: dict[str, set[str]] = {}
    for label in audioset.labels():
        for name in {wording.name_of(label).lower(), wording.choice_of_label(label).lower(), label.lower()}:
            start = re.search(_WORD, name)
            # AudioSet's label "Recording" is a neutral word here.
            if start and name not in neutral_words():
                by_first.setdefault(start[0], set()).add(name[start.start() :])
    return {first: sorted(names, key=lambda n: (-len(n), n)) for first, names in by_first.items()}


def _sound_at(sentence: str, match: re.Match[str]) -> str | None:
    """The longest name of a sound that starts at a matched word."""
    for name in _sounds().get(match[0], ()):
        after = match.start() + len(name)
        if sentence.startswith(name, match.start()) and not sentence[after : after + 1].isalnum():
            return name
    return None


@cache
def neutral_words() -> frozenset[str]:
    """Words that make no claim about the audio (``data/neutral_words.txt``)."""
    text = files("paqa_builder").joinpath("data/neutral_words.txt").read_text(encoding="utf-8")
    lines = (line.partition("#")[0] for line in text.splitlines())
    return frozenset(word for line in lines for word in line.split())


def vocabulary(texts: Iterable[str]) -> frozenset[str]:
    """Plain words of a template's texts; they count as neutral in its questions."""
    plain = (re.sub(r"\{[{%].*?[}%]\}", " ", text) for text in texts)
    return frozenset(
        claim.value
        for text in plain
        for sentence in claims(text)
        for claim in sentence
        if claim.kind == "word"
    )


def claims(text: str, neutral: frozenset[str] = frozenset()) -> list[list[Claim]]:
    """Claims by sentence, in order; sentences without claims are left out.

    Args:
        neutral: Neutral words besides :func:`neutral_words`.
    """
    quotes = iter(quotes_of(text))
    # Quotes are taken out first: full stops within them end no sentence, and their case is kept.
    bare = without_quotes(text, "“”").lower().replace("’", "'")
    sentences = (
        list(_claims(sentence, quotes, neutral | neutral_words()))
        for sentence in _SENTENCE.split(bare.strip())
    )
    return [sentence for sentence in sentences if sentence]


def _claims(sentence: str, quotes: Iterator[str], neutral: frozenset[str]) -> Iterator[Claim]:
    negated, at = False, 0
    while match := _PATTERN.search(sentence, at):
        kind, text, at = str(match.lastgroup), match[0], match.end()
        sound = _sound_at(sentence, match) if kind == "word" else None
        if sound:
            kind, text, at = "sound", sound, match.start() + len(sound)
        # A negation is placed before the claim that follows it: "not the dog" is not "the dog is not".
        if negated and not (kind == "word" and text in _ARTICLES):
            negated = False
            yield Claim("negation", "not, of a word" if kind == "word" else "not")
        if kind == "negation":
            negated = True
        elif kind == "word":
            if text not in neutral:
                yield Claim("word", text)
        elif kind != "pronoun":
            yield _claim(kind, text, quotes)
    if negated:
        yield Claim("negation", "not, at the end")


_ARTICLES = frozenset({"the", "a", "an", "any"})


def _claim(kind: str, text: str, quotes: Iterator[str]) -> Claim:
    if kind == "quote":
        return Claim(kind, next(quotes))
    if kind == "asked":
        return Claim("question word", _ASKED_OF[text])
    if kind == "relation":
        return Claim(kind, _RELATION_OF[text])
    if kind == "speaker":
        return Claim(kind, str(_number(text)))
    if kind == "count":
        once = {"once": "1", "twice": "2", "thrice": "3"}.get(text)
        return Claim("number", f"{once or _NUMBERS.index(text.removesuffix(' times'))}")
    if kind == "number":
        value, unit = re.fullmatch(r"(.*?)\s?([a-z%]*)", text).groups()  # type: ignore[union-attr]
        return Claim(kind, f"{_plain(value)} {_UNITS.get(unit, '')}".strip())
    return Claim(kind, text)


def _plain(value: str) -> str:
    try:
        return f"{float(value.replace('−', '-')):g}"
    except ValueError:
        return value


def _number(text: str) -> int:
    digits = re.search(r"\d+", text)
    if digits:
        return int(digits[0])
    words = text.split()
    return next(
        words_of.index(word) + least
        for words_of, least in ((_ORDINALS, 1), (_NUMBERS, 0))
        for word in words
        if word in words_of
    )


def differences(original: str, new: str, neutral: frozenset[str] = frozenset()) -> list[Claim]:
    """Claims that only one of two texts makes, or makes in another place; empty if the texts agree.

    Args:
        neutral: See :func:`claims`.
    """
    differing: list[Claim] = []
    for before, after in zip_longest(claims(original, neutral), claims(new, neutral), fillvalue=()):
        if before == after:
            continue
        odd = [claim for claim in after if claim not in before]
        odd += [claim for claim in before if claim not in after]
        # The same claims in another order or number.
        differing += odd or [Claim("order", " ".join(claim.value for claim in after))]
    return differing
