"""Interpretation of a scene under thresholds.

An annotation of the corpus takes precedence over a model's records, layer by layer. A layer without either
is unknown (None), and every fact that needs it abstains.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, wraps
from typing import Any, TypeVar, TypeVarTuple

from paqa_builder.intervals import Spans, union
from paqa_builder.labels import audioset
from paqa_builder.questions.options import Thresholds
from paqa_builder.questions.question import Evidence
from paqa_builder.questions.reading.measured import Measured
from paqa_builder.questions.reading.sounds import FAINT, Sounds, leaves_of, sounds_of
from paqa_builder.questions.reading.speech import Speech, speech_of
from paqa_builder.questions.reading.voices import Voices, contradicted, voices_of
from paqa_builder.records import Scene

_LAYERS = ("maybe_sounds", "maybe_voices", "maybe_speech", "maybe_measures", "maybe_spoken")
# Layer -> the stage that fills it.
STAGE_OF = {"tags": "tag", "turns": "diarize", "utterances": "transcribe", "measures": "measure"}
_PROPERTIES = {
    "tags": "maybe_sounds", "turns": "maybe_voices", "utterances": "maybe_speech",
    "measures": "maybe_measures",
}  # fmt: skip


A = TypeVarTuple("A")
R = TypeVar("R")


class UnknownLayerError(LookupError):
    """Access to an unknown layer. A kind of fact declares its layers in ``needs``."""


@dataclass(frozen=True)
class Interpretation:
    """One scene under one set of thresholds. Layers are computed on first use."""

    scene: Scene
    thresholds: Thresholds = field(default_factory=Thresholds)

    @property
    def duration(self) -> float:
        return self.scene.duration

    @cached_property
    def facts_by_kind(self) -> dict[str, tuple[Any, ...]]:
        """Cache of the scene's facts by kind, shared between templates."""
        return {}

    @cached_property
    def results(self) -> dict[Any, Any]:
        """Cache of the functions that :func:`per_scene` decorates."""
        return {}

    @cached_property
    def clip_key(self) -> tuple[str, str]:
        """Source and id of the clip."""
        return self.scene.clip.source, self.scene.clip.id

    def without_facts(self) -> Interpretation:
        """The same layers, without the facts and other results that were derived from them."""
        other = Interpretation(self.scene, self.thresholds)
        other.__dict__.update((name, self.__dict__[name]) for name in _LAYERS if name in self.__dict__)
        return other

    def of_changed(self, scene: Scene) -> Interpretation:
        """The interpretation of a scene with other records, with the layers that do not change."""
        other = Interpretation(scene, self.thresholds)
        old = self.scene
        if (scene.measures, scene.audio) == (old.measures, old.audio):
            other.__dict__["maybe_measures"] = self.maybe_measures
        if (scene.turns, scene.clip.truth.turns) == (old.turns, old.clip.truth.turns):
            voices = self.maybe_voices
            # Other layers decide only whether the voices of a diarizer count.
            if voices is not None and (voices.truth or not contradicted(scene)):
                other.__dict__["maybe_voices"] = voices
                spoken = scene.utterances, scene.clip.truth.utterances
                if spoken == (old.utterances, old.clip.truth.utterances):
                    other.__dict__["maybe_speech"] = self.maybe_speech
        return other

    @cached_property
    def maybe_sounds(self) -> Sounds | None:
        return sounds_of(self.scene, self.thresholds)

    @cached_property
    def maybe_voices(self) -> Voices | None:
        return voices_of(self.scene, self.thresholds)

    @cached_property
    def maybe_speech(self) -> Speech | None:
        return speech_of(self.scene, self.maybe_voices, self.thresholds)

    @cached_property
    def maybe_measures(self) -> Measured | None:
        measures = self.scene.measures
        return None if measures is None else Measured(measures, self.duration)

    def knows(self, layer: str) -> bool:
        """True if a layer (tags, turns, utterances or measures) is known, even if it is empty."""
        return getattr(self, _PROPERTIES[layer]) is not None

    @property
    def sounds(self) -> Sounds:
        if self.maybe_sounds is None:
            raise UnknownLayerError("tags")
        return self.maybe_sounds

    @property
    def voices(self) -> Voices:
        if self.maybe_voices is None:
            raise UnknownLayerError("turns")
        return self.maybe_voices

    @property
    def speech(self) -> Speech:
        if self.maybe_speech is None:
            raise UnknownLayerError("utterances")
        return self.maybe_speech

    @property
    def measures(self) -> Measured:
        if self.maybe_measures is None:
            raise UnknownLayerError("measures")
        return self.maybe_measures

    @cached_property
    def maybe_spoken(self) -> Spans:
        """Intervals in which speech is possible according to any layer.

        A diarizer may miss speech under noise that the transcriber or the tagger detects. Annotated turns
        are taken as complete.
        """
        spans = list(self.voices.speech)
        if not self.voices.truth:
            labels = leaves_of(self.scene.clip.truth.tags or ())
            spans += [(0.0, self.duration)] if any(map(audioset.is_speech, labels)) else []
            spans += [(u.start, u.end) for u in self.scene.utterances or ()]
            spans += [
                (tag.start, tag.end)
                for tag in self.scene.tags or ()
                if tag.localized and tag.score >= FAINT and audioset.is_speech(tag.label)
            ]
        return union(spans)

    def layer(self, name: str) -> tuple[Evidence, ...]:
        """Evidence that cites a whole layer (tags, turns or utterances), for claims of absence."""
        return _layer(self, name)


def per_scene(
    function: Callable[[Interpretation, *A], R],
) -> Callable[[Interpretation, *A], R]:
    """Decorator that computes a function of a scene once per interpretation and arguments.

    The function must be pure, its further arguments hashable, and its result immutable.
    """

    @wraps(function)
    def cached(reading: Interpretation, *args: *A) -> R:
        results, key = reading.results, (function, *args)
        if key not in results:
            results[key] = function(reading, *args)
        return results[key]

    return cached


@per_scene
def _layer(reading: Interpretation, name: str) -> tuple[Evidence, ...]:
    truth, model = getattr(reading.scene.clip.truth, name), getattr(reading.scene, name)
    sources = [("truth", reading.scene.clip.source, truth)]
    # An incomplete annotation proves no absence without a tagger.
    if truth is None or (name == "tags" and not reading.scene.clip.truth.tags_complete):
        sources.append((STAGE_OF[name], "", model))
    cited = []
    for stage, backend, records in sources:
        if records is not None:
            origin = records[0].origin if records else None
            backend, revision = (origin.backend, origin.revision) if origin else (backend, "")
            cited.append(Evidence(stage, backend, revision, "layer", 0.0, reading.duration, 1.0, name))
    return tuple(cited)
