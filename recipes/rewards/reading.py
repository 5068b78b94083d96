"""Lenient parser of the claims in a completion.

It reads every element by itself, so that one missing tag does not cost the other rewards.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from paqa_builder.questions import wording
from paqa_builder.questions.traces import grammar
from recipes.data.prompts import LINE, NUMBERS

_LEAF = {tag: re.compile(rf"<{tag}>(.*?)</{tag}>", re.DOTALL) for tag in grammar.LEAVES}
_ANY_TAG = re.compile(rf"</?(?:{'|'.join(grammar.TAGS)})>")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_QUOTE = re.compile(r"[“\"]([^“”\"]*)[”\"]")
_SAID = re.compile(r"^- (?:(\w+) speaker|somebody), from .*?: [“\"](.*)[”\"]$", re.MULTILINE)
_SPAN = re.compile(r"from (\d+(?:\.\d+)?) s to (\d+(?:\.\d+)?) s")
_NOTHING = re.compile(
    r"\W*(?:none|silence|(?:no|nobody|nothing)\b.*|(?:the background|what is said) was not.*)?\W*",
    re.DOTALL | re.IGNORECASE,
)
ORDINALS = tuple(wording.ordinal(n) for n in range(1, 11))


def leaf(completion: str, tag: str) -> str | None:
    """The text of an element; None unless it occurs exactly once and holds only text."""
    texts = _LEAF[tag].findall(completion)
    if len(texts) != 1 or _ANY_TAG.search(texts[0]):
        return None
    return grammar.unescape(texts[0]).strip() or None


def answer(completion: str) -> str | None:
    """The text of FINAL_ANSWER, or of RESPONSE if there is none; None if the element is not unique."""
    final = leaf(completion, "FINAL_ANSWER")
    if final is None and "<FINAL_ANSWER>" in completion:
        return None
    return final if final is not None else leaf(completion, "RESPONSE")


def words(text: str) -> list[str]:
    """The lower-case words of a text in order, without punctuation."""
    return [word.replace("’", "'") for word in _WORD.findall(text.casefold())]


def same(one: str, other: str) -> bool:
    """Whether two texts have the same words in the same order, at least one."""
    return words(one) == words(other) != []


def chosen(completion: str, choices: Iterable[str]) -> str | None:
    """The choice that a completion answers with; None if the answer is not one of them."""
    text = answer(completion)
    return next((choice for choice in choices if text and same(text, choice)), None)


def sentences(text: str) -> list[str]:
    """The sentences of a text, split after ``. ! ? ;`` before white space, and at line breaks."""
    return [part.strip() for part in re.split(r"(?<=[.!?;])\s+|\n+", text) if part.strip()]


def sounds(env: str) -> list[str]:
    """The sounds that an ENV names, in lower case: lines ``- name: ...``, or a list with commas.

    Lines marked as possible are left out.
    """
    if _NOTHING.fullmatch(env):
        return []
    lines = LINE.findall(env)
    if lines:
        names = [name for name, text in lines if not text.startswith("possibly")]
    else:
        names = re.split(r",|\n|;|\band\b", env)
    return list(
        dict.fromkeys(" ".join(name.casefold().strip(" .-").split()) for name in names if name.strip(" .-"))
    )


def speakers(speaker: str) -> int | None:
    """The number of speakers in a SPEAKER; None if it gives none."""
    lines = [name for name, _ in LINE.findall(speaker) if name.endswith("speaker")]
    if lines:
        return len(lines)
    if _NOTHING.fullmatch(speaker):
        return 0
    return next((NUMBERS.index(word) for word in words(speaker) if word in NUMBERS), None)


def turns(speaker: str) -> dict[int, list[tuple[float, float]]]:
    """The claimed turns of each speaker in seconds, by the speaker's number from 1."""
    turns_by_speaker: dict[int, list[tuple[float, float]]] = {}
    for name, text in LINE.findall(speaker):
        first = name.split()[0].casefold()
        spans = [(float(a), float(b)) for a, b in _SPAN.findall(text) if float(a) < float(b)]
        if first in ORDINALS and spans:
            turns_by_speaker.setdefault(ORDINALS.index(first) + 1, []).extend(spans)
    return turns_by_speaker


def speech(asr: str) -> list[tuple[int | None, str]]:
    """The claimed utterances: the speaker's number from 1, or None, and the words."""
    lines = _SAID.findall(asr)
    if lines:
        return [(ORDINALS.index(nth) + 1 if nth in ORDINALS else None, text) for nth, text in lines]
    if _NOTHING.fullmatch(asr):
        return []
    return [(None, part.strip()) for part in asr.split(" / ") if part.strip()]


def quotes(text: str) -> list[str]:
    """The quotations in a text that contain a word."""
    return [quote for quote in _QUOTE.findall(text) if words(quote)]


def mentions(text: str, names: Iterable[str]) -> set[str]:
    """The names that occur in a text as whole words; a name inside a longer match does not count."""
    rest = f" {' '.join(words(text))} "
    mentioned: set[str] = set()
    for name in sorted(names, key=len, reverse=True):
        plain = _plain(name)
        if plain and f" {plain} " in rest:
            mentioned.add(name)
            rest = rest.replace(f" {plain} ", " | ")
    return mentioned


@cache
def _plain(name: str) -> str:
    return " ".join(words(name))
