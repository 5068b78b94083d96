"""Tiers of TextGrid (Praat) and EAF (ELAN) as ground truth.

=============================== =====================================================================
tier                            what
=============================== =====================================================================
``turns/NAME``                  turns of a speaker; ``turns`` alone: there are none
``speech/NAME``, ``speech``     utterances of a speaker, or of an unknown one
``words/NAME``, ``NAME - words`` words of a speaker, joined to utterances; ``words``: of an unknown one
``sounds/LABEL``, ``sounds``    sounds; in ``sounds`` the text of an interval is its label
``presence/LABEL``              labels of the whole clip
``phones``, ``NAME - phones``   not read
any other name                  a speaker: its intervals are turns, their texts utterances
=============================== =====================================================================

`` #2`` at the end of a name is left out. An interval without text is a gap.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from paqa_builder.annotations.base import Annotation
from paqa_builder.records import Word

_TRACK = re.compile(r" #\d+$")
_UNUSED = "default"
"""Tier of every new file of ELAN; an empty one says nothing of speakers."""


@dataclass(frozen=True, slots=True)
class Tier:
    """A tier; its intervals are (start, end, text), checked, with text."""

    name: str
    intervals: tuple[tuple[float, float, str], ...]


def fill(annotation: Annotation, tiers: Iterable[Tier]) -> None:
    """Adds the records of tiers."""
    spoken: list[tuple[str | None, float, float, str]] = []
    words: dict[str | None, list[Word]] = {}
    for tier in tiers:
        kind, name = _kind(tier.name)
        if kind == "phones" or (kind == "speaker" and name == _UNUSED and not tier.intervals):
            continue
        if kind in ("sounds", "presence"):
            annotation.knows("tags")
        for start, end, text in tier.intervals:
            if kind in ("turns", "speaker"):
                annotation.turn(start, end, name or text)
            if kind in ("speech", "speaker"):
                spoken.append((name, start, end, text))
            elif kind == "words":
                words.setdefault(name, []).append(Word(start, end, text, 1.0))
            elif kind in ("sounds", "presence"):
                annotation.tag(start, end, name or text, localized=kind == "sounds")
        if kind in ("turns", "speaker"):
            annotation.knows("turns")
        if kind in ("speech", "speaker", "words"):
            annotation.knows("utterances")
    for name, start, end, text in spoken:
        own = [word for word in words.get(name, ()) if start - 1e-3 <= word.start and word.end <= end + 1e-3]
        if own:
            words[name] = [word for word in words[name] if word not in own]
        annotation.utterance(start, end, text, name, tuple(sorted(own, key=lambda word: word.start)))
    for name, rest in words.items():
        if rest:
            annotation.utterances_of(rest, name)


def names_layer(tier: str) -> bool:
    """Whether a tier's name says what it holds."""
    return _kind(tier)[0] != "speaker"


def _kind(tier: str) -> tuple[str, str | None]:
    """What a tier holds, and the speaker or label in its name."""
    bare = _TRACK.sub("", tier.strip()).strip()
    kind, slash, name = bare.partition("/")
    if kind in ("turns", "speech", "words", "sounds", "presence"):
        return kind, (name.strip() or None) if slash else None
    name, dash, kind = bare.rpartition(" - ")
    if kind in ("words", "phones"):
        return kind, name.strip() or None if dash else None
    return "speaker", bare or None
