"""Facts about a clip from its scene's records, in the form that rewards compare.

The corpus's annotation takes precedence over the output of models. Names, ontology and thresholds are those
of ``paqa_builder``, which writes ENV from them.
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

_THRESHOLDS = Thresholds()
"""Scores from which a model's tag counts as present: the default thresholds of the questions."""
_POSSIBLE = 0.2
"""Score from which a model's tag counts as possible."""


@dataclass(frozen=True, slots=True)
class ClipFacts:
    """Reference for a completion; a layer that is unknown is None.

    Attributes:
        sounds: Labels of sounds that are present.
        possible: Labels of sounds that may be present; they count neither as right nor as wrong.
        turns: Each speaker's turns in seconds, speakers in the order in which they begin.
        speech: Utterances in order: the speaker's number from 1 or None, and the words.
    """

    sounds: frozenset[str] | None
    possible: frozenset[str]
    turns: tuple[tuple[tuple[float, float], ...], ...] | None
    speech: tuple[tuple[int | None, str], ...] | None


def clip_facts(row: Row) -> ClipFacts:
    """The facts of a row's clip, from the row's scene."""
    scene: dict[str, Any] = row.scene or {}
    truth, tags = scene.get("truth_tags"), scene.get("tags")
    scores = _scores(tags or ())
    present: list[str] | None = None
    possible = {label for label, score in scores.items() if score >= _POSSIBLE}
    if truth is not None:
        labels = {tag["label"] for tag in truth}
        # A label that a more specific one implies is not a second sound, but naming it is not wrong.
        present = [n for n in labels if not any(n in audioset.ancestors(other) for other in labels)]
        possible = labels if scene.get("truth_tags_complete") else labels | possible
    elif tags is not None:
        present = _present(scores)
    order, spans = _turns(scene)
    return ClipFacts(
        sounds=None if present is None else frozenset(filter(audioset.is_event, present)),
        possible=frozenset(possible),
        turns=spans,
        speech=_speech(scene, order),
    )


def name(label: str) -> str:
    """The name of a label as ENV writes it, in lower case."""
    return wording.name_of(label).casefold()


@cache
def label(text: str) -> str:
    """The AudioSet label with a name; the name itself if there is none."""
    return _labels().get(text.casefold(), text)


@cache
def same_sound(one: str, other: str) -> bool:
    """Whether two labels can name the same sound, as ``Bark`` and ``Dog`` can."""
    return name(one) == name(other) or audioset.same_source(one, other)


@cache
def kind_of(one: str, other: str) -> bool:
    """Whether the first label is the second, or a descendant of it in the ontology."""
    return name(one) == name(other) or other in audioset.ancestors(one)


@cache
def _labels() -> dict[str, str]:
    return {name(label): label for label in audioset.labels()}


def _scores(tags: Iterable[dict[str, Any]]) -> dict[str, float]:
    best: dict[str, float] = {}
    for tag in tags:
        best[tag["label"]] = max(best.get(tag["label"], 0.0), tag["score"])
    return best


def _present(scores: dict[str, float]) -> list[str]:
    """A model's labels above the threshold; of confusable ones, the one with the best score, as in ENV."""
    present: list[str] = []
    for label in sorted(scores, key=lambda label: (-scores[label], len(audioset.ancestors(label)), label)):
        needed = _THRESHOLDS.voice_event if audioset.is_voice(label) else _THRESHOLDS.event
        sound = audioset.is_event(label) and audioset.is_source(label) and scores[label] >= needed
        if sound and not any(audioset.confusable(label, other) for other in present):
            present.append(label)
    return present


def _turns(scene: dict[str, Any]) -> tuple[list[str], tuple[tuple[tuple[float, float], ...], ...] | None]:
    layer = scene.get("truth_turns")
    layer = scene.get("turns") if layer is None else layer
    if layer is None:
        return [], None
    by_speaker: dict[str, list[tuple[float, float]]] = {}
    for turn in sorted(layer, key=lambda turn: (turn["start"], turn["end"])):
        by_speaker.setdefault(turn["speaker"], []).append((turn["start"], turn["end"]))
    return list(by_speaker), tuple(map(tuple, by_speaker.values()))


def _speech(scene: dict[str, Any], order: list[str]) -> tuple[tuple[int | None, str], ...] | None:
    layer = scene.get("truth_utterances")
    layer = scene.get("utterances") if layer is None else layer
    if layer is None or (layer and not any(utterance["text"] for utterance in layer)):
        return None
    numbers = {speaker: number for number, speaker in enumerate(order, 1)}
    utterances = sorted(layer, key=lambda utterance: (utterance["start"], utterance["end"]))
    return tuple((numbers.get(utterance["speaker"]), utterance["text"]) for utterance in utterances)
