"""Crosswalk from the labels of corpora to AudioSet's.

An annotated label may be one of AudioSet, of ESC-50 (``data/esc50.csv``), of UrbanSound8K, or of FSD50K,
whose names are AudioSet's without spaces and commas. Any other label only matches itself.
"""

from __future__ import annotations

import csv
import re
from functools import cache
from importlib.resources import files

from paqa_builder.labels import audioset

URBAN_SOUND = {
    "air_conditioner": "Air conditioning",
    "car_horn": "Vehicle horn, car horn, honking",
    "children_playing": "Children playing",
    "dog_bark": "Bark",
    "drilling": "Drill",
    "engine_idling": "Idling",
    "gun_shot": "Gunshot, gunfire",
    "jackhammer": "Jackhammer",
    "siren": "Siren",
    "street_music": "Music",
}
"""AudioSet names of the classes of UrbanSound8K."""


@cache
def esc50() -> dict[str, tuple[str, frozenset[str]]]:
    """ESC-50 category -> its AudioSet name (empty if there is none) and further correct names."""
    text = files("paqa_builder").joinpath("data/esc50.csv").read_text(encoding="utf-8")
    return {
        row["label"]: (row["audioset"], frozenset(filter(None, row["also"].split("|"))))
        for row in csv.DictReader(text.splitlines())
    }


@cache
def audioset_name(label: str) -> str | None:
    """The AudioSet display name of an annotated label, or None."""
    if label in audioset.labels():
        return label
    if label in esc50():
        return esc50()[label][0] or None
    words = _words(label)
    return _by_words().get(words) or _urban_sound().get(words)


@cache
def true_of(label: str) -> frozenset[str]:
    """The AudioSet names that are correct for a sound annotated ``label``.

    Its own class, the more general ones that name a sound event (explosion for fireworks, but not "Animal"),
    and what the table of ESC-50 adds (bark for dog). Empty for an ESC-50 category without an AudioSet class;
    the label itself if it is unknown.
    """
    name = audioset_name(label)
    if name is None:
        return frozenset() if label in esc50() else frozenset({label})
    above = {other for other in audioset.ancestors(name) if audioset.is_event(other)}
    return frozenset({name, *above, *_also(label)})


@cache
def signs_of(label: str) -> frozenset[str]:
    """The AudioSet names that are evidence for the class of ``label`` and not for its siblings.

    The class itself, the classes below it, and what the table of ESC-50 adds.
    """
    name = audioset_name(label)
    if name is None:
        return true_of(label)
    below = {other for other in audioset.labels() if name in audioset.ancestors(other)}
    return frozenset({name, *below, *_also(label)})


@cache
def accepted(label: str) -> frozenset[str]:
    """The AudioSet names that are not errors of a tagger where ``label`` is annotated."""
    return true_of(label) | signs_of(label)


def _also(label: str) -> frozenset[str]:
    return esc50()[label][1] if label in esc50() else frozenset()


@cache
def _by_words() -> dict[tuple[str, ...], str]:
    return {_words(name): name for name in audioset.labels()}


@cache
def _urban_sound() -> dict[tuple[str, ...], str]:
    return {_words(label): name for label, name in URBAN_SOUND.items()}


def _words(label: str) -> tuple[str, ...]:
    """Words for comparison: the same for ``"Chirp_and_tweet"`` and ``"Chirp, tweet"``."""
    return tuple(word for word in re.findall(r"[a-z0-9-]+", label.lower()) if word != "and")
