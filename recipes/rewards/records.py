"""What is known of a row's clip, as the rewards compare it.

The scene's own records, the corpus's annotation before a model's. Which of them ENV names, and how,
is the package's business: names, ontology and thresholds are read from it, because a second copy
would drift apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from paqa_builder.labels import audioset
from paqa_builder.questions import wording
from paqa_builder.questions.options import Thresholds
from recipes.data.rows import Row

# A tag of a model is taken for true from here on (the default thresholds of the questions), and for
# possible from there on.
_THRESHOLDS = Thresholds()
_POSSIBLE = 0.2


@dataclass(frozen=True, slots=True)
class Known:
    """What a completion is held against; None where the layer is unknown.

    Attributes:
        sounds: Labels that are heard.
        possible: Labels that may be heard; to name them is neither right nor wrong.
        turns: Each speaker's turns in seconds, speakers in the order in which they begin.
        speech: What is said, in order: the speaker's number from 1 or None, and the words.
    """

    sounds: frozenset[str] | None
    possible: frozenset[str]
    turns: tuple[tuple[tuple[float, float], ...], ...] | None
    speech: tuple[tuple[int | None, str], ...] | None


def known(row: Row) -> Known:
    """Reads a row's scene."""
    scene: dict[str, Any] = row.scene or {}
    truth, tags = scene.get("truth_tags"), scene.get("tags")
    scores = _scores(tags or ())
    heard: list[str] | None = None
    maybe = {label for label, score in scores.items() if score >= _POSSIBLE}
    if truth is not None:
        names = {tag["label"] for tag in truth}
        # What a more specific label implies is no sound of its own, though nothing wrong to say.
        heard = [n for n in names if not any(n in audioset.ancestors(other) for other in names)]
        maybe = names if scene.get("truth_tags_complete") else names | maybe
    elif tags is not None:
        heard = _sure(scores)
    order, spans = _turns(scene)
    return Known(
        sounds=None if heard is None else frozenset(filter(audioset.is_event, heard)),
        possible=frozenset(maybe),
        turns=spans,
        speech=_speech(scene, order),
    )


def name(label: str) -> str:
    """A label as ENV writes it, without case."""
    return wording.name_of(label).casefold()


@cache
def label(text: str) -> str:
    """The label that a text names; the text itself where it names none that we know."""
    return _labels().get(text.casefold(), text)


@cache
def alike(one: str, other: str) -> bool:
    """Whether two labels may truly name one sound: ``Bark`` is heard where ``Dog`` is."""
    return name(one) == name(other) or audioset.same_source(one, other)


@cache
def kind_of(one: str, other: str) -> bool:
    """Whether one label is the other, or a kind of it."""
    return name(one) == name(other) or other in audioset.ancestors(one)


@cache
def _labels() -> dict[str, str]:
    return {name(label): label for label in audioset.labels()}


def _scores(tags: Iterable[dict[str, Any]]) -> dict[str, float]:
    best: dict[str, float] = {}
    for tag in tags:
        best[tag["label"]] = max(best.get(tag["label"], 0.0), tag["score"])
    return best


def _sure(scores: dict[str, float]) -> list[str]:
    """Of a model's labels that may name one sound, the one with the best score, as ENV has it."""
    found: list[str] = []
    for one in sorted(scores, key=lambda one: (-scores[one], len(audioset.ancestors(one)), one)):
        needed = _THRESHOLDS.voice_event if audioset.is_voice(one) else _THRESHOLDS.event
        sound = audioset.is_event(one) and audioset.is_source(one)
        if sound and scores[one] >= needed and not any(audioset.confusable(one, other) for other in found):
            found.append(one)
    return found


def _turns(scene: dict[str, Any]) -> tuple[list[str], tuple[tuple[tuple[float, float], ...], ...] | None]:
    layer = scene.get("truth_turns")
    layer = scene.get("turns") if layer is None else layer
    if layer is None:
        return [], None
    by: dict[str, list[tuple[float, float]]] = {}
    for turn in sorted(layer, key=lambda turn: (turn["start"], turn["end"])):
        by.setdefault(turn["speaker"], []).append((turn["start"], turn["end"]))
    return list(by), tuple(tuple(spans) for spans in by.values())


def _speech(scene: dict[str, Any], order: list[str]) -> tuple[tuple[int | None, str], ...] | None:
    layer = scene.get("truth_utterances")
    layer = scene.get("utterances") if layer is None else layer
    if layer is None or (layer and not any(said["text"] for said in layer)):
        return None
    numbers = {speaker: number for number, speaker in enumerate(order, 1)}
    said = sorted(layer, key=lambda said: (said["start"], said["end"]))
    return tuple((numbers.get(one["speaker"]), one["text"]) for one in said)
