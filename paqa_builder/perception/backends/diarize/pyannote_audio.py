"""Diarization pipelines of pyannote.audio: community-1, 3.1, or one of embedded weights.

Bredin, "pyannote.audio 2.1 speaker diarization pipeline: principle, benchmark, and recipe",
Interspeech 2023; Plaquet and Bredin, "Powerset multi-class cross entropy loss for neural speaker
diarization", Interspeech 2023. Telemetry is off.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from paqa_builder.config.environment import UserPathText
from paqa_builder.errors import NotReadyError
from paqa_builder.perception.backends.base import AudioInput, DeviceOptions, Diarizer, Span
from paqa_builder.runtime import compat, device
from paqa_builder.runtime.compat import importing
from paqa_builder.untrusted import load_yaml
from paqa_builder.weights import store

WINDOW = 10.0
"""Length of a window of the segmentation model in seconds."""
_FETCHED = {"community-1": "pyannote-community-1", "3.1": "pyannote-3.1"}


class PyannoteOptions(DeviceOptions):
    """Settings of the pipeline; null: the pipeline's own value."""

    model: UserPathText = Field("", description="community-1, 3.1, or a pipeline's folder; empty: embedded.")
    threshold: float | None = Field(None, gt=0, le=2, description="Minimum distance between voices.")
    step: float | None = Field(None, gt=0, le=1, description="Hop between windows, as a share of their 10 s.")
    min_speakers: int | None = Field(None, ge=1, description="Minimum number of voices.")
    max_speakers: int | None = Field(None, ge=1, description="Maximum number of voices.")
    batch_seconds: float = Field(320.0, ge=WINDOW, description="Maximum seconds of audio per batch on a GPU.")


class Pyannote(Diarizer):
    """Diarizes one clip at a time.

    The score of a turn is the mean share of the overlapping windows in which its voice is active.
    """

    sample_rate = 16_000
    needs = ("torch", "torchaudio", "pyannote.audio")
    extra = "gpu"
    Options = PyannoteOptions

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self.revision = f"{_revision(self.options.model)}+1"

    def load(self) -> None:
        self._torch, chosen = device.torch_on(self.options.device)
        self._device = chosen
        compat.torchaudio()
        os.environ["PYANNOTE_METRICS_ENABLED"] = "0"
        with importing("pyannote.audio", "gpu"):
            from pyannote.audio import Inference
        self._inference = Inference
        self._pipeline = self._embedded() if not self.options.model else self._from_folder()
        self._pipeline.to(self._torch.device(chosen))
        self._batches = device.Batches("pyannote", WINDOW, self.options.batch_seconds, chosen)
        self._votes: Any = None
        self._choose = self._pipeline.to_diarization
        self._pipeline.to_diarization = self._to_diarization

    def _embedded(self) -> Any:
        """The pipeline of 3.1 with embedded weights, and a threshold for its other embedding."""
        from pyannote.audio import Model

        from paqa_builder.perception.backends.diarize._pyannote_embedding import CamPlusPlusEmbedding

        segmentation = Model.from_pretrained(str(store.locate("segmentation-3.0")["checkpoint"]))
        return self._agglomerative(segmentation, CamPlusPlusEmbedding().eval(), _EMBEDDED_PARAMETERS, {})

    def _from_folder(self) -> Any:
        """The pipeline in a folder, with its models in the folders ``segmentation`` and ``embedding``."""
        model = self.options.model
        folder = store.folder(_FETCHED[model]) if model in _FETCHED else Path(model)
        file = folder / "config.yaml"
        if not file.is_file():
            raise NotReadyError(
                f"{folder}: no pipeline of pyannote.audio (config.yaml) there",
                fix="paqa fetch pyannote-community-1",
            )
        config = load_yaml(file.read_text(encoding="utf-8"))
        settings = dict(config["pipeline"].get("params", {}))
        if settings.get("clustering") != "AgglomerativeClustering":
            from pyannote.audio import Pipeline

            pipeline: Any = Pipeline.from_pretrained(str(folder))
            if self.options.step:
                pipeline._segmentation.step = self.options.step * WINDOW
            if self.options.threshold:
                pipeline.instantiate({"clustering": {"threshold": self.options.threshold}})
            return pipeline
        # The configuration names models on the Hub; the files are in the folder.
        from pyannote.audio import Model

        segmentation, embedding = (
            Model.from_pretrained(str(folder / name)) for name in ("segmentation", "embedding")
        )
        return self._agglomerative(segmentation, embedding, config["params"], settings)

    def _agglomerative(self, segmentation: Any, embedding: Any, parameters: Any, settings: Any) -> Any:
        from pyannote.audio.core.plda import PLDA
        from pyannote.audio.pipelines import SpeakerDiarization

        pipeline = SpeakerDiarization(
            segmentation=segmentation,
            segmentation_step=self.options.step or settings.get("segmentation_step", 0.1),
            embedding=embedding,
            embedding_exclude_overlap=settings.get("embedding_exclude_overlap", True),
            clustering="AgglomerativeClustering",
            # Unused by this clustering; without it, the constructor downloads one.
            plda=PLDA.__new__(PLDA),
        )
        clustering = dict(parameters["clustering"])
        if self.options.threshold:
            clustering["threshold"] = self.options.threshold
        return pipeline.instantiate({**parameters, "clustering": clustering})

    def _to_diarization(self, segmentations: Any, count: Any) -> Any:
        """Replaces ``to_diarization`` of the pipeline to keep the activity of voices in windows."""
        result = self._choose(segmentations, count)
        if self._votes is None:  # the second call computes a version without overlap
            votes = type(segmentations)(np.nan_to_num(segmentations.data), segmentations.sliding_window)
            self._votes = self._inference.aggregate(votes, count.sliding_window, missing=0.0)
            # The pipeline names the voices, so far numbers, in the order of their names.
            self._voices = sorted(np.flatnonzero(result.data.any(axis=0)).tolist(), key=str)
        return result

    def diarize(self, clip: AudioInput) -> list[Span]:
        if clip.main.silent:
            return []
        waveform = self._torch.from_numpy(np.ascontiguousarray(clip.main.samples))[None]
        file = {"waveform": waveform, "sample_rate": clip.main.rate, "uri": "clip"}
        bounds = {"min_speakers": self.options.min_speakers, "max_speakers": self.options.max_speakers}

        def apply(size: int) -> Any:
            self._pipeline.segmentation_batch_size = self._pipeline.embedding_batch_size = size
            self._votes = None
            return self._pipeline(file, **{name: value for name, value in bounds.items() if value})

        diarization = self._batches.attempt(apply).speaker_diarization
        spans = []
        for segment, _, voice in diarization.itertracks(yield_label=True):
            start, end = max(0.0, float(segment.start)), min(clip.main.duration, float(segment.end))
            if start < end:
                number = self._voices[diarization.labels().index(voice)]
                spans.append(Span(start, end, str(voice), self._score(segment, number)))
        return sorted(spans)

    def _score(self, segment: Any, voice: int) -> float:
        votes = self._votes.crop(segment, mode="center")
        # With more simultaneous speakers than voices, the pipeline adds a voice without votes.
        share = votes[:, voice].mean() if len(votes) and voice < votes.shape[1] else 0.0
        return float(np.clip(share, 0.0, 1.0))


_EMBEDDED_PARAMETERS = {
    "segmentation": {"min_duration_off": 0.0},
    # As in 3.1, except for the threshold, which depends on the embedding.
    "clustering": {"method": "centroid", "threshold": 0.68, "min_cluster_size": 12},
}


def _revision(model: str) -> str:
    if not model:
        return f"pyannote-{store.revision('segmentation-3.0')}"
    if model in _FETCHED:
        return store.revision(_FETCHED[model])
    return store.local_revision(Path(model), *filter(Path.is_file, sorted(Path(model).rglob("*"))))
