"""What a completion claims, read leniently: a reward must not vanish because one tag is missing."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from paqa_builder.questions.traces import grammar

_LEAF = {tag: re.compile(rf"<{tag}>(.*?)</{tag}>", re.DOTALL) for tag in grammar.LEAVES}
_ANY_TAG = re.compile(rf"</?(?:{'|'.join(grammar.TAGS)})>")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_QUOTE = re.compile(r"[“\"]([^“”\"]*)[”\"]")
_LINE = re.compile(r"^- (.+?)(?: \(possibly\))?: (.+)$", re.MULTILINE)
_SAID = re.compile(r"^- (?:(\w+) speaker|somebody), from .*?: [“\"](.*)[”\"]$", re.MULTILINE)
_SPAN = re.compile(r"from (\d+(?:\.\d+)?) s to (\d+(?:\.\d+)?) s")
_NOTHING = re.compile(
    r"\W*(?:none|silence|(?:no|nobody|nothing)\b.*|(?:the background|what is said) was not.*)?\W*",
    re.DOTALL | re.IGNORECASE,
)
NUMBERS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


def leaf(completion: str, tag: str) -> str | None:
    """The text of an element that occurs exactly once and holds only text; else None."""
    found = _LEAF[tag].findall(completion)
    if len(found) != 1 or _ANY_TAG.search(found[0]):
        return None
    return grammar.unescape(found[0]).strip() or None


def answer(completion: str) -> str | None:
    """What a completion ends on; None where no element says it, or several do."""
    final = leaf(completion, "FINAL_ANSWER")
    if final is None and "<FINAL_ANSWER>" in completion:
        return None
    return final if final is not None else leaf(completion, "RESPONSE")


def words(text: str) -> list[str]:
    """Words without case and punctuation, in order."""
    return [word.replace("’", "'") for word in _WORD.findall(text.casefold())]


def same(one: str, other: str) -> bool:
    """Whether two texts say the same but for case, punctuation and white space."""
    return words(one) == words(other) != []


def chosen(completion: str, choices: Iterable[str]) -> str | None:
    """The choice that a completion ends on; None where it ends on none."""
    said = answer(completion)
    return next((choice for choice in choices if said and same(said, choice)), None)


def sentences(text: str) -> list[str]:
    """A text's sentences; a point within a number or a quote's end does not end one."""
    return [part.strip() for part in re.split(r"(?<=[.!?;])\s+|\n+", text) if part.strip()]


def sounds(env: str) -> list[str]:
    """The sounds that an ENV names as heard, lower case: lines ``- name: ...``, or a list with commas."""
    if _NOTHING.fullmatch(env):
        return []
    lines = _LINE.findall(env)
    if lines:
        names = [name for name, text in lines if not text.startswith("possibly")]
    else:
        names = re.split(r",|\n|;|\band\b", env)
    return list(
        dict.fromkeys(" ".join(name.casefold().strip(" .-").split()) for name in names if name.strip(" .-"))
    )


def speakers(speaker: str) -> int | None:
    """How many people a SPEAKER counts; None where it does not say."""
    lines = [name for name, _ in _LINE.findall(speaker) if name.endswith("speaker")]
    if lines:
        return len(lines)
    if _NOTHING.fullmatch(speaker):
        return 0
    found = words(speaker)
    return next((NUMBERS.index(word) for word in found if word in NUMBERS), None)


def turns(speaker: str) -> dict[int, list[tuple[float, float]]]:
    """When each speaker is said to speak, by number from 1."""
    found: dict[int, list[tuple[float, float]]] = {}
    for name, text in _LINE.findall(speaker):
        first = name.split()[0].casefold()
        spans = [(float(a), float(b)) for a, b in _SPAN.findall(text) if float(a) < float(b)]
        if first in ORDINALS and spans:
            found.setdefault(ORDINALS.index(first) + 1, []).extend(spans)
    return found


def speech(asr: str) -> list[tuple[int | None, str]]:
    """What is said to be said: who (a number from 1, or None) and the words."""
    lines = _SAID.findall(asr)
    if lines:
        return [(ORDINALS.index(who) + 1 if who in ORDINALS else None, text) for who, text in lines]
    if _NOTHING.fullmatch(asr):
        return []
    return [(None, part.strip()) for part in asr.split(" / ") if part.strip()]


def quotes(text: str) -> list[str]:
    """What stands between quotation marks."""
    return [quote for quote in _QUOTE.findall(text) if words(quote)]


def mentions(text: str, names: Iterable[str]) -> set[str]:
    """Which of the names occur in a text, whole words; a name within a longer found one does not count."""
    said = f" {' '.join(words(text))} "
    found: set[str] = set()
    for name in sorted(names, key=len, reverse=True):
        plain = _plain(name)
        if plain and f" {plain} " in said:
            found.add(name)
            said = said.replace(f" {plain} ", " | ")
    return found


@cache
def _plain(name: str) -> str:
    return " ".join(words(name))
