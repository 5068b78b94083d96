"""The exported layers of a scene: the corpus's annotation, the models' records, or the better ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from paqa_builder.records import Scene, Tag, Truth, Turn, Utterance
from paqa_builder.sources import settle_truth

Layer = Literal["truth", "model", "best"]
LAYERS: tuple[Layer, ...] = ("best", "truth", "model")


@dataclass(frozen=True, slots=True)
class Layers:
    """Turns, tags and utterances, sorted by time and within the clip. None: unknown; empty: there is none."""

    turns: tuple[Turn, ...] | None
    tags: tuple[Tag, ...] | None
    utterances: tuple[Utterance, ...] | None

    @property
    def known(self) -> list[str]:
        """The names of the layers that are not None."""
        return [name for name in ("turns", "tags", "utterances") if getattr(self, name) is not None]

    @property
    def speakers(self) -> list[str]:
        """The speakers by their first appearance."""
        spoken: list[Turn | Utterance] = [*(self.turns or ()), *(self.utterances or ())]
        return list(dict.fromkeys(r.speaker for r in spoken if r.speaker is not None))


def layers_of(scene: Scene, layer: Layer) -> Layers:
    """The layers of a scene.

    Args:
        layer: ``"truth"``, ``"model"``, or ``"best"``: layer by layer, the corpus's annotation where there is
            one, else the model's records.
    """
    truth = scene.clip.truth

    def chosen(name: str) -> Any:
        own, model = getattr(truth, name), getattr(scene, name)
        return own if layer == "truth" or (layer == "best" and own is not None) else model

    whole = settle_truth(Truth(chosen("turns"), chosen("tags"), chosen("utterances")), scene.duration)
    return Layers(whole.turns, whole.tags, whole.utterances)


def tracks(records: tuple[Any, ...], key: Callable[[Any], str]) -> dict[str, list[list[Any]]]:
    """Records by key, each divided into tracks in which no two records overlap.

    Tiers of TextGrid and ELAN need that; a speaker whose turns overlap has several tracks.
    """
    found: dict[str, list[list[Any]]] = {}
    for record in records:
        own = found.setdefault(key(record), [])
        track = next((track for track in own if track[-1].end <= record.start), None)
        if track is None:
            own.append([record])
        else:
            track.append(record)
    return found
