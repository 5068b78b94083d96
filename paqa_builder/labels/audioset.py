"""The AudioSet ontology of sound classes.

YAMNet, PANNs and FSD50K use its class ids (``mid``), so their labels can be compared.
Source: Gemmeke et al., "Audio Set", ICASSP 2017; see ``data/README.md``.
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
    """One class. ``abstract`` classes only group other classes."""

    mid: str
    name: str
    parents: tuple[str, ...]
    abstract: bool


# Classes of speech. They are not environment: *diarize* and *transcribe* cover them, and "Speech" in the
# background stem is leakage of the separator.
_SPEECH_ROOTS = (
    "Speech",
    "Shout",
    "Whispering",
    "Chatter",
    "Hubbub, speech noise, speech babble",
    "Human voice",
)

# True of almost any recording, or a name for the recording itself: not a sound event.
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
    """All classes by id, such as ``"/m/0bt9lr"`` for Dog."""
    return {label.mid: label for label in labels().values()}


@cache
def ancestors(name: str) -> frozenset[str]:
    """All classes above ``name``; empty for an unknown name."""
    label = labels().get(name)
    if label is None:
        return frozenset()
    return frozenset(label.parents).union(*map(ancestors, label.parents))


@cache
def children(name: str) -> tuple[str, ...]:
    """The classes directly under ``name``."""
    return tuple(label.name for label in labels().values() if name in label.parents)


@cache
def siblings(name: str) -> tuple[str, ...]:
    """Classes that share a parent with ``name`` and are neither above nor below it."""
    if name not in labels():
        return ()
    parents = set(labels()[name].parents)
    return tuple(n for n, label in labels().items() if parents & {*label.parents} and not related(n, name))


def related(one: str, other: str) -> bool:
    """Whether two labels are equal, or one is above the other."""
    return one == other or one in ancestors(other) or other in ancestors(one)


@cache
def is_speech(name: str) -> bool:
    """Whether a label is a kind of speech; laughter, coughs, cries and song are not."""
    return name in _SPEECH_ROOTS or bool(ancestors(name) & {"Speech", "Shout"})


@cache
def is_event(name: str) -> bool:
    """Whether a label names a sound event that questions may be about; True for an unknown label."""
    label = labels().get(name)
    return label is None or not (label.abstract or name in _VAGUE or is_speech(name))


@cache
def is_source(name: str) -> bool:
    """Whether a label names a sound source; False for kinds of noise (``"Clicking"``, ``"Whoosh"``).

    The same sound may be labelled as clicking and as a keyboard, so a kind of noise is no good answer.
    """
    nameless = {"Source-ambiguous sounds", "Channel, environment and background"}
    return name not in _MANNERS and not _roots(name) <= nameless


@cache
def is_voice(name: str) -> bool:
    """Whether a label is a human vocal sound other than speech, such as laughter, coughs or song."""
    return not is_speech(name) and bool(ancestors(name) & {"Human voice", "Respiratory sounds"})


@cache
def confusable(one: str, other: str) -> bool:
    """Whether a tagger or a listener may confuse two sounds.

    True for kinds of one thing (church bell, jingle bell) and for the groups of ``data/confusable.yaml``.
    """
    if related(one, other) or (other in siblings(one) and _share_a_thing(one, other)):
        return True
    groups = chain.from_iterable(look_alikes().values())
    return any(_in(one, group) and _in(other, group) for group in groups)


@cache
def same_source(one: str, other: str) -> bool:
    """Whether two labels may both be correct for one sound; stricter than :func:`confusable`."""
    return related(one, other) or any(
        # Different members: a piano and a guitar are both music, but two sounds.
        _in(one, {a}) and _in(other, {b})
        for group in look_alikes()["same source"]
        for a in group
        for b in group - {a}
    )


_MANNERS = frozenset({"Liquid", "Wood", "Glass", "Mechanisms", "Hands", "Roll", "Rattle", "Hiss", "Buzz"})


@cache
def _roots(name: str) -> frozenset[str]:
    """The topmost classes above ``name``; ``name`` itself if it has no parent or is unknown."""
    parents = labels()[name].parents if name in labels() else ()
    return frozenset().union(*map(_roots, parents)) if parents else frozenset({name})


def _share_a_thing(one: str, other: str) -> bool:
    """Whether two siblings have a parent that names a thing ("Bell"), not a group ("Domestic sounds")."""
    shared = set(labels()[one].parents) & set(labels()[other].parents)
    return any(not labels()[parent].abstract and parent not in _VAGUE for parent in shared)


def _in(name: str, group: Set[str]) -> bool:
    return name in group or bool(ancestors(name) & group)


@cache
def look_alikes() -> dict[str, tuple[frozenset[str], ...]]:
    """The groups of ``data/confusable.yaml``, by the property that their sounds share."""
    import yaml

    text = files("paqa_builder").joinpath("data/confusable.yaml").read_text(encoding="utf-8")
    return {kind: tuple(map(frozenset, groups)) for kind, groups in yaml.safe_load(text).items()}
