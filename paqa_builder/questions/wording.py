"""English wording of sounds, ordinals, times, lists and quotes.

The texts of choices have inverses (:func:`choice_of_label`, :func:`label_of_choice`, …), because the
verifier knows the text only.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from importlib.resources import files

from paqa_builder.intervals import Spans
from paqa_builder.labels import audioset

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
# Short -ing words are countable ("a ping"), longer ones name activities ("typing") and take no article.
_MASS = re.compile(r"(?:music|sounds|\w{3,}ing)$")
_THINGS = frozenset({"string"})
_NO_ARTICLE = frozenset({"teeth", "feet", "people", "children", "men", "women", "voices"})

YES, NO = "Yes", "No"


@cache
def _names() -> dict[str, tuple[str, str]]:
    """Label -> (name, phrase with its article), for all of AudioSet."""
    text = files("paqa_builder").joinpath("data/names.csv").read_text(encoding="utf-8")
    special = {row["label"]: row for row in csv.DictReader(text.splitlines())}
    names = {}
    for label in audioset.labels():
        row = special.get(label)
        name = (row and row["name"]) or (label if label == label.upper() else label[0].lower() + label[1:])
        # In the file "-" stands for no article, and an empty phrase for the regular one.
        phrase = row["phrase"] if row else "-" * _is_mass(name)
        names[label] = (name, {"": f"{article(name)} {name}", "-": name}.get(phrase, phrase))
    return names


def _is_mass(name: str) -> bool:
    last = name.split()[-1]
    return bool(_MASS.search(last)) and last not in _THINGS


@cache
def _uncounted() -> frozenset[str]:
    """One-word names of AudioSet without an article: rain, wind, water."""
    return frozenset(name for name, phrase in _names().values() if name == phrase and " " not in name)


def article(name: str) -> str:
    """``"a"`` or ``"an"``."""
    return "an" if name[0].lower() in "aeio" or name.startswith(("um", "un")) else "a"


def name_of(label: str) -> str:
    """Readable name of a label, unique among labels: ``"cattle"`` for ``"Cattle, bovinae"``."""
    if label in _names():
        return _names()[label][0]
    return re.sub(r"[_\s]+", " ", label).strip().lower()


def sound_of(label: str) -> str:
    """Noun phrase of a label: ``"the sound of a dog"``, ``"the sound of rain"``."""
    if label in _names():
        return f"the sound of {_names()[label][1]}"
    name = name_of(label)
    last = name.split()[-1] if name else ""
    plural = last in _NO_ARTICLE or (last.endswith("s") and not last.endswith("ss"))
    no_article = not name or plural or _is_mass(name) or last in _uncounted()
    return f"the sound of {name if no_article else f'{article(name)} {name}'}"


def bare_sound(label: str) -> str:
    """Noun phrase of a label without "the sound of": ``"a dog"``."""
    return sound_of(label).removeprefix("the sound of ")


def choice_of_label(label: str) -> str:
    """Choice for a label: ``"Dog"``."""
    return capital(name_of(label))


@cache
def _labels_by_choice() -> dict[str, str]:
    return {choice_of_label(label): label for label in audioset.labels()}


def label_of_choice(choice: str) -> str:
    """Inverse of :func:`choice_of_label`; a label outside AudioSet comes back as its readable name."""
    return _labels_by_choice().get(choice, choice)


def same_label(one: str, other: str) -> bool:
    """True if two labels have the same name."""
    return one == other or name_of(one) == name_of(other)


def speaker(number: int) -> str:
    """``"the first speaker"`` for 1."""
    return f"the {ordinal(number)} speaker"


def choice_of_speaker(number: int) -> str:
    """``"The first speaker"`` for 1."""
    return capital(speaker(number))


def speaker_of_choice(choice: str) -> int | None:
    """Inverse of :func:`choice_of_speaker`; None if the choice is no speaker."""
    return next((n for n in range(1, 100) if choice_of_speaker(n) == choice), None)


def ordinal(number: int) -> str:
    """``"first"`` for 1; digits from eleven on."""
    if number <= len(_ORDINALS):
        return _ORDINALS[number - 1]
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def number_word(number: int) -> str:
    """``"two"`` for 2; digits from eleven on."""
    return _NUMBERS[number] if number < len(_NUMBERS) else str(number)


def choice_of_number(number: int) -> str:
    """``"Two"`` for 2."""
    return capital(number_word(number))


def number_of_choice(choice: str) -> int | None:
    """Inverse of :func:`choice_of_number`; None if the choice is no number."""
    return next((n for n in range(1000) if choice_of_number(n) == choice), None)


def count(number: int, noun: str) -> str:
    """``"one speaker"``, ``"two speakers"``."""
    return f"{number_word(number)} {noun}" + ("" if number == 1 else "s")


def times(number: int) -> str:
    """``"once"``, ``"twice"``, ``"three times"``."""
    return {0: "never", 1: "once", 2: "twice"}.get(number, f"{number_word(number)} times")


def capital(text: str) -> str:
    """The text with a capital first letter."""
    return text[:1].upper() + text[1:]


def at(seconds: float) -> str:
    """A point in time, in seconds: ``"1.2 s"``."""
    return f"{seconds:.1f} s"


def long(seconds: float) -> str:
    """A duration, in seconds: ``"1.2 seconds"``."""
    return f"{seconds:.1f} seconds"


def from_to(start: float, end: float) -> str:
    """``"from 1.2 s to 3.4 s"``."""
    return f"from {at(start)} to {at(end)}"


def stretches(spans: Spans, limit: int = 6) -> str:
    """``"from 1.2 s to 3.4 s and from 5.0 s to 6.0 s"``; more than ``limit`` are summarized."""
    if len(spans) > limit:
        return f"{number_word(len(spans))} times {from_to(spans[0][0], spans[-1][1])}"
    return listed([from_to(*span) for span in spans])


def listed(items: Sequence[str], joint: str = "and") -> str:
    """``"a"``, ``"a and b"``, ``"a, b and c"``."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {joint} {items[-1]}"


_QUOTE = re.compile("“[^”]*”")


def without_quotes(text: str, instead: str = "") -> str:
    """A text without its quotations, in time that grows with its length only."""
    # Without a closing mark behind it, every opening mark would be searched to the end of the text.
    quoted, mark, rest = text.rpartition("”")
    return _QUOTE.sub(instead, quoted + mark) + rest


def quotes_of(text: str) -> list[str]:
    """The quotations of a text, with their marks."""
    quoted, mark, _ = text.rpartition("”")
    return _QUOTE.findall(quoted + mark)


_EDGES = re.compile(r"^[^\w]+|[^\w]+$")
_ENGLISH_I = re.compile(r"\bi(?=$|[ '’])")


def quotable(words: Iterable[str]) -> str:
    """Words as a quote: lower case, without punctuation around them.

    Case and punctuation would tell transcribers apart, and the start of a sentence from its middle.
    """
    text = " ".join(filter(None, (_EDGES.sub("", word).lower() for word in words)))
    return _ENGLISH_I.sub("I", text)


def meant(text: str) -> str:
    """A translation as a choice, with normalized case, white space and punctuation at the edges."""
    return capital(" ".join(text.split()).strip(' .…"“”„'))


@lru_cache(maxsize=1 << 15)
def tokens(text: str) -> tuple[str, ...]:
    """Lower-case words of a text without punctuation, for comparisons."""
    return tuple(re.findall(r"[\w]+(?:['’][\w]+)*", text.lower().replace("’", "'")))


def quote(text: str) -> str:
    """``“text”``."""
    return f"“{text}”"
