"""A scene as facts see it: the best-known version of each layer, under thresholds.

A corpus's own annotation outranks a model's records, layer by layer. A layer of which nobody knows
anything stays None, and every fact that needs it abstains.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from paqa_builder.intervals import Spans, union
from paqa_builder.labels import audioset
from paqa_builder.questions.options import Thresholds
from paqa_builder.questions.question import Evidence
from paqa_builder.questions.reading.measured import Measured
from paqa_builder.questions.reading.sounds import FAINT, Sounds, leaves_of, sounds_of
from paqa_builder.questions.reading.speech import Speech, speech_of
from paqa_builder.questions.reading.voices import Voices, voices_of
from paqa_builder.records import Scene

# Layer to the stage that fills it.
STAGE_OF = {"tags": "tag", "turns": "diarize", "utterances": "transcribe", "measures": "measure"}


class UnknownLayerError(LookupError):
    """An unknown layer was asked for; a fact says with ``needs`` which ones it uses."""


@dataclass(frozen=True)
class Interpretation:
    """One scene under one set of thresholds. Layers are worked out on first use."""

    scene: Scene
    thresholds: Thresholds = field(default_factory=Thresholds)

    @property
    def duration(self) -> float:
        return self.scene.duration

    @cached_property
    def found(self) -> dict[str, tuple[Any, ...]]:
        """The facts found so far, by kind: several templates ask about the same ones."""
        return {}

    @property
    def clip_key(self) -> tuple[str, str]:
        """Names the clip among all sources."""
        return self.scene.clip.source, self.scene.clip.id

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
        found = self.scene.measures
        return None if found is None else Measured(found, self.duration)

    def knows(self, layer: str) -> bool:
        """True if the layer is known, be it empty: tags, turns, utterances or measures."""
        if layer == "measures":
            return self.maybe_measures is not None
        return {
            "tags": self.maybe_sounds, "turns": self.maybe_voices, "utterances": self.maybe_speech,
        }[layer] is not None  # fmt: skip

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
        """When anybody may be speaking, going by every layer; what "nobody speaks" must stay clear of.

        A diarizer loses speech under noise, where the transcriber may still hear words and the
        tagger speech. A corpus's own turns need no second opinion.
        """
        spans = list(self.voices.speech)
        if not self.voices.truth:
            labelled = leaves_of(self.scene.clip.truth.tags or ())
            spans += [(0.0, self.duration)] if any(map(audioset.is_speech, labelled)) else []
            spans += [(u.start, u.end) for u in self.scene.utterances or ()]
            spans += [
                (tag.start, tag.end)
                for tag in self.scene.tags or ()
                if tag.localized and tag.score >= FAINT and audioset.is_speech(tag.label)
            ]
        return union(spans)

    def layer(self, name: str) -> tuple[Evidence, ...]:
        """Cites all that is known of tags, turns or utterances: what "nobody speaks" rests on."""
        truth, model = getattr(self.scene.clip.truth, name), getattr(self.scene, name)
        asked = [("truth", self.scene.clip.source, truth)]
        # An annotation that is not complete needs a tagger beside it before it can deny anything.
        if truth is None or (name == "tags" and not self.scene.clip.truth.tags_complete):
            asked.append((STAGE_OF[name], "", model))
        found = []
        for stage, backend, records in asked:
            if records is not None:
                made = records[0].origin if records else None
                backend, revision = (made.backend, made.revision) if made else (backend, "")
                found.append(Evidence(stage, backend, revision, "layer", 0.0, self.duration, 1.0, name))
        return tuple(found)
