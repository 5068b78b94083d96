"""AudioSet names of sounds that people name in a few words, such as ``"dogs barking"`` or ``"a guitar"``."""

from __future__ import annotations

import re
from functools import cache

from paqa_builder.labels import audioset, crosswalk

# Words around the name of a sound's source that say only that it sounds.
_BEFORE = re.compile(r"(?:(?:the|a|an|some|sounds?|noises?|of|from|playing|play)\s+)+")
_AFTER = re.compile(
    r"(?:\s+(?:sounds?|noises?|sounding|playing|ringing|barking|meowing|purring|mooing|lowing|neighing|oinking"
    r"|bleating|quacking|clucking|crowing|cooing|chirping|tweeting|singing|calling|hissing|roaring|growling"
    r"|whimpering|buzzing|croaking|chiming|honking|wailing))+"
)


def label_of_phrase(text: str) -> str | None:
    """The AudioSet class that a phrase names; None if it names none, or more than one.

    The phrase is a name of AudioSet, a part of one between commas (``"Cattle"`` of ``"Cattle, bovinae"``),
    or a category of ESC-50, in the singular or plural, with or without words that say that it sounds.

    Example:
        >>> label_of_phrase("Dogs barking"), label_of_phrase("playing the guitar"), label_of_phrase("Joy")
        ('Dog', 'Guitar', None)
    """
    words = " ".join(re.findall(r"[a-z0-9'-]+", text.lower()))[:100]
    bare = _BEFORE.sub("", words, count=1) if _BEFORE.match(words) else words
    plain = dict.fromkeys((words, bare, _without_end(words), _without_end(bare)))
    forms = [number for form in plain for number in (form, _singular(form))]
    return next((named[form] for named in (_whole(), _parts()) for form in forms if form in named), None)


def _without_end(words: str) -> str:
    end = next((m for m in _AFTER.finditer(words) if m.end() == len(words)), None)
    return words[: end.start()] if end else words


def _singular(words: str) -> str:
    if words.endswith(("ches", "shes", "sses", "xes")):
        return words[:-2]
    return words[:-1] if words.endswith("s") and not words.endswith("ss") else words


@cache
def _whole() -> dict[str, str]:
    """Classes by their names, and by the categories of ESC-50."""
    esc50 = {
        _key(category.replace("_", " ")): name for category, (name, _) in crosswalk.esc50().items() if name
    }
    return esc50 | {_key(name): name for name in audioset.labels()}


@cache
def _parts() -> dict[str, str]:
    """Classes by parts of their names, without remarks in brackets, that only one class has."""
    parts: dict[str, set[str]] = {}
    for name in audioset.labels():
        for part in name.partition(" (")[0].split(","):
            parts.setdefault(_key(part), set()).add(name)
    return {part: min(names) for part, names in parts.items() if part and len(names) == 1}


def _key(name: str) -> str:
    return " ".join(re.findall(r"[a-z0-9'-]+", name.lower()))
