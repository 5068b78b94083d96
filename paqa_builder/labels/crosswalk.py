"""From the words of a corpus to AudioSet's: which heard labels are right for an annotated one.

An annotated label may be AudioSet's own, one of ESC-50 (``data/esc50.csv``) or one of FSD50K, whose
names are AudioSet's without spaces and commas. A label that is none of these is only right as itself.
"""

from __future__ import annotations

import csv
import re
from functools import cache
from importlib.resources import files

from paqa_builder.labels import audioset


@cache
def esc50() -> dict[str, tuple[str, frozenset[str]]]:
    """ESC-50 category to its AudioSet name (empty where there is none) and to what else is right."""
    text = files("paqa_builder").joinpath("data/esc50.csv").read_text(encoding="utf-8")
    return {
        row["label"]: (row["audioset"], frozenset(filter(None, row["also"].split("|"))))
        for row in csv.DictReader(text.splitlines())
    }


@cache
def audioset_name(label: str) -> str | None:
    """The AudioSet display name of an annotated label; None where AudioSet has none."""
    if label in audioset.labels():
        return label
    if label in esc50():
        return esc50()[label][0] or None
    return _by_words().get(_words(label))


@cache
def true_of(label: str) -> frozenset[str]:
    """The AudioSet names that one may call the sound annotated ``label``.

    Its own class; a more general one if that still names a sound (an explosion for fireworks, but not
    "Animal"); for ESC-50 also what its table adds (a bark for a dog). Empty for an ESC-50 category that
    AudioSet has no class for; the label alone where it is unknown.
    """
    name = audioset_name(label)
    if name is None:
        return frozenset() if label in esc50() else frozenset({label})
    above = {other for other in audioset.ancestors(name) if audioset.is_event(other)}
    return frozenset({name, *above, *_also(label)})


@cache
def signs_of(label: str) -> frozenset[str]:
    """The AudioSet names that speak for the class of ``label`` rather than for another one.

    The class itself, every kind of it, and what ESC-50's table adds; nothing more general, which would
    speak for its neighbours as well.
    """
    name = audioset_name(label)
    if name is None:
        return true_of(label)
    return frozenset({name, *_below(name), *_also(label)})


@cache
def accepted(label: str) -> frozenset[str]:
    """The AudioSet names that are no mistake of a tagger where ``label`` is annotated: all of these."""
    return true_of(label) | signs_of(label)


def _also(label: str) -> frozenset[str]:
    return esc50()[label][1] if label in esc50() else frozenset()


@cache
def _below(name: str) -> frozenset[str]:
    return frozenset(other for other in audioset.labels() if name in audioset.ancestors(other))


@cache
def _by_words() -> dict[tuple[str, ...], str]:
    return {_words(name): name for name in audioset.labels()}


def _words(label: str) -> tuple[str, ...]:
    """``"Chirp_and_tweet"`` and ``"Chirp, tweet"`` alike."""
    return tuple(word for word in re.findall(r"[a-z0-9-]+", label.lower()) if word != "and")
