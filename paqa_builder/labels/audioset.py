"""The AudioSet ontology: which sound is a kind of which.

YAMNet, PANNs and FSD50K share its class ids (``mid``), so a label of one can be compared with a
label of another. Source: Gemmeke et al., "Audio Set", ICASSP 2017; see ``data/README.md``.
"""

from __future__ import annotations

import csv
from collections.abc import Set
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import chain


@dataclass(frozen=True, slots=True)
class Label:
    """One class. ``abstract`` classes only group others and are no sound that one can hear."""

    mid: str
    name: str
    parents: tuple[str, ...]
    abstract: bool


# Speech in any manner. These never count as environment: *diarize* and *transcribe*
# speak for them, and a tagger that hears "Speech" in the background stem hears a leak.
_SPEECH_ROOTS = (
    "Speech",
    "Shout",
    "Whispering",
    "Chatter",
    "Hubbub, speech noise, speech babble",
    "Human voice",
)

# True of almost any recording, or a name for the recording itself: no evidence of an event.
_VAGUE = frozenset(
    {
        "Silence", "Noise", "Environmental noise", "Background noise", "Static", "White noise",
        "Pink noise", "Mains hum", "Hum", "Field recording", "Outside, rural or natural",
        "Outside, urban or manmade", "Inside, small room", "Inside, public space",
        "Inside, large room or hall", "Reverberation", "Echo", "Distortion", "Cacophony",
        "Sound effect", "Sidetone", "Throbbing", "Vibration", "Television", "Radio",
        "Animal", "Domestic animals, pets", "Livestock, farm animals, working animals",
        "Wild animals", "Vehicle", "Sounds of things", "Human sounds", "Natural sounds",
        "Human group actions", "Respiratory sounds", "Domestic sounds, home sounds",
        "Generic impact sounds", "Surface contact", "Onomatopoeia", "Tools", "Music",
    }
)  # fmt: skip


@cache
def labels() -> dict[str, Label]:
    """All classes by name, in the ontology's order."""
    text = files("paqa_builder").joinpath("data/audioset.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    name_of = {row["mid"]: row["name"] for row in rows}
    return {
        row["name"]: Label(
            row["mid"],
            row["name"],
            tuple(name_of[mid] for mid in row["parents"].split("|") if mid),
            "abstract" in row["restrictions"],
        )
        for row in rows
    }


@cache
def by_mid() -> dict[str, Label]:
    """All classes by id, e.g. ``"/m/0bt9lr"`` for Dog."""
    return {label.mid: label for label in labels().values()}


@cache
def ancestors(name: str) -> frozenset[str]:
    """Every class that ``name`` is a kind of, itself left out; empty for an unknown name."""
    label = labels().get(name)
    if label is None:
        return frozenset()
    found = set(label.parents)
    for parent in label.parents:
        found |= ancestors(parent)
    return frozenset(found)


@cache
def children(name: str) -> tuple[str, ...]:
    """The classes directly under ``name``."""
    return tuple(label.name for label in labels().values() if name in label.parents)


@cache
def siblings(name: str) -> tuple[str, ...]:
    """Classes that share a parent with ``name`` and are not related to it otherwise."""
    label = labels().get(name)
    if label is None:
        return ()
    found = {child for parent in label.parents for child in children(parent)}
    return tuple(n for n in labels() if n in found and not related(n, name))


def related(one: str, other: str) -> bool:
    """True if one is a kind of the other, or both are the same: hearing one may be hearing both."""
    return one == other or one in ancestors(other) or other in ancestors(one)


@cache
def is_speech(name: str) -> bool:
    """True for speech. Laughter, coughs, cries and song are sounds like any other."""
    if name in _SPEECH_ROOTS:
        return True
    return bool(ancestors(name) & {"Speech", "Shout"})


@cache
def is_event(name: str) -> bool:
    """True if the label names a sound that a question about the environment may be about."""
    label = labels().get(name)
    if label is None:
        return True  # a corpus's own word for a sound: it knows what it means
    return not (label.abstract or name in _VAGUE or is_speech(name))


@cache
def is_source(name: str) -> bool:
    """True if the label says what sounds; False for mere kinds of noise (``"Clicking"``, ``"Whoosh"``).

    A person hears a keyboard where a tagger reports clicking: both are right, so a tagger's word for
    such a noise makes no good answer.
    """
    nameless = {"Source-ambiguous sounds", "Channel, environment and background"}
    return name not in _MANNERS and not _roots(name) <= nameless


@cache
def is_voice(name: str) -> bool:
    """True for what a human throat makes besides speech: laughter, coughs, song."""
    return not is_speech(name) and bool(ancestors(name) & {"Human voice", "Respiratory sounds"})


@cache
def confusable(one: str, other: str) -> bool:
    """True if a tagger, or a listener, may take one sound for the other.

    So are kinds of one thing (church bell, jingle bell), and what ``data/confusable.yaml`` groups.
    """
    if related(one, other) or (other in siblings(one) and _share_a_thing(one, other)):
        return True
    return any(_in(one, group) and _in(other, group) for group in chain.from_iterable(_groups().values()))


@cache
def same_source(one: str, other: str) -> bool:
    """True if the two labels may truly name one and the same sound: stricter than confusable."""
    return related(one, other) or any(
        # By different members: a piano and a guitar are both music, and yet two sounds.
        _in(one, {a}) and _in(other, {b})
        for group in _groups()["same source"]
        for a in group
        for b in group - {a}
    )


_MANNERS = frozenset({"Liquid", "Wood", "Glass", "Mechanisms", "Hands", "Roll", "Rattle", "Hiss", "Buzz"})


@cache
def _roots(name: str) -> frozenset[str]:
    """The topmost classes above ``name``; itself where it has no parent or is unknown."""
    parents = labels()[name].parents if name in labels() else ()
    return frozenset().union(*map(_roots, parents)) if parents else frozenset({name})


def _share_a_thing(one: str, other: str) -> bool:
    """Siblings are alike under "Bell", but not under "Domestic sounds", which only groups."""
    shared = set(labels()[one].parents) & set(labels()[other].parents)
    return any(not labels()[parent].abstract and parent not in _VAGUE for parent in shared)


def _in(name: str, group: Set[str]) -> bool:
    return name in group or bool(ancestors(name) & group)


def look_alikes() -> dict[str, tuple[frozenset[str], ...]]:
    """The groups of ``data/confusable.yaml``, by what their sounds have in common."""
    return dict(_groups())


@cache
def _groups() -> dict[str, tuple[frozenset[str], ...]]:
    import yaml

    text = files("paqa_builder").joinpath("data/confusable.yaml").read_text(encoding="utf-8")
    return {kind: tuple(map(frozenset, groups)) for kind, groups in yaml.safe_load(text).items()}
