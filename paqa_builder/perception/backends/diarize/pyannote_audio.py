"""pyannote.audio's own diarization pipeline: community-1, 3.1, or built from embedded weights.

Bredin, "pyannote.audio 2.1 speaker diarization pipeline: principle, benchmark, and recipe",
Interspeech 2023; Plaquet and Bredin, "Powerset multi-class cross entropy loss for neural speaker
diarization", Interspeech 2023. Its telemetry, on by default, is off here.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from pydantic import Field

from paqa_builder.errors import NotReadyError
from paqa_builder.perception.backends.base import AudioInput, DeviceOptions, Diarizer, Span
from paqa_builder.runtime import compat, device
from paqa_builder.weights import store

WINDOW = 10.0
"""Seconds of audio per window of the segmentation model."""
_FETCHED = {"community-1": "pyannote-community-1", "3.1": "pyannote-3.1"}


class PyannoteOptions(DeviceOptions):
    """Settings of the pipeline; an empty threshold is the pipeline's own."""

    model: str = Field(
        "",
        description="community-1, 3.1 (bring them with `paqa fetch`), or a pipeline's folder; "
        "empty: segmentation-3.0 and CAM++, embedded.",
    )
    threshold: float | None = Field(
        None, gt=0, le=2, description="Distance from which two clusters of embeddings are two voices."
    )
    step: float | None = Field(
        None, gt=0, le=1, description="Seconds from window to window, as a share of the window's 10 s."
    )
    min_speakers: int | None = Field(None, ge=1, description="At least so many voices.")
    max_speakers: int | None = Field(None, ge=1, description="At most so many voices.")
    batch_seconds: float = Field(320.0, ge=WINDOW, description="Most audio heard at once on a GPU.")


class Pyannote(Diarizer):
    """Hears one clip at a time; a turn's score is the share of windows that heard this voice in it.

    Every moment lies in several overlapping windows, each of which decides by itself who speaks. The
    mean over a turn of the share that chose the turn's voice says how sure the pipeline is.
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
        compat.torchaudio()
        os.environ["PYANNOTE_METRICS_ENABLED"] = "0"
        try:
            from pyannote.audio import Inference
        except (ImportError, OSError) as error:
            raise NotReadyError(
                f"pyannote.audio does not import ({error})", fix="pip install 'paqa-builder[gpu]'"
            ) from error
        self._inference = Inference
        self._pipeline = self._embedded() if not self.options.model else self._from_folder()
        self._pipeline.to(self._torch.device(chosen))
        self._batches = device.Batches("pyannote", WINDOW, self.options.batch_seconds, chosen)
        self._votes: Any = None
        self._choose = self._pipeline.to_diarization
        self._pipeline.to_diarization = self._listen_in

    def _embedded(self) -> Any:
        """The pipeline of 3.1 around embedded weights, with a threshold that suits the other embedding."""
        from pyannote.audio import Model

        from paqa_builder.perception.backends.diarize._pyannote_embedding import CamPlusPlusEmbedding

        segmentation = Model.from_pretrained(str(store.locate("segmentation-3.0")["checkpoint"]))
        return self._agglomerative(segmentation, CamPlusPlusEmbedding().eval(), _EMBEDDED_PARAMETERS, {})

    def _from_folder(self) -> Any:
        """A pipeline by its folder, in which models lie in ``segmentation`` and ``embedding``."""
        folder = _folder(self.options.model)
        file = folder / "config.yaml"
        if not file.is_file():
            raise NotReadyError(
                f"{folder}: no pipeline of pyannote.audio (config.yaml) there",
                fix="paqa fetch pyannote-community-1",
            )
        config = yaml.safe_load(file.read_text(encoding="utf-8"))
        settings = dict(config["pipeline"].get("params", {}))
        if settings.get("clustering") != "AgglomerativeClustering":
            from pyannote.audio import Pipeline

            pipeline: Any = Pipeline.from_pretrained(str(folder))
            if self.options.step:
                pipeline._segmentation.step = self.options.step * WINDOW
            if self.options.threshold:
                pipeline.instantiate({"clustering": {"threshold": self.options.threshold}})
            return pipeline
        # Such a configuration names its models on the Hub; here they lie beside it.
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
            # This clustering has no use for one, but the constructor would bring it from the Hub.
            plda=PLDA.__new__(PLDA),
        )
        clustering = dict(parameters["clustering"])
        if self.options.threshold:
            clustering["threshold"] = self.options.threshold
        return pipeline.instantiate({**parameters, "clustering": clustering})

    def _listen_in(self, segmentations: Any, count: Any) -> Any:
        """Stands in for ``to_diarization`` of the pipeline, and keeps who chose which voice when."""
        made = self._choose(segmentations, count)
        if self._votes is None:  # the second call makes a version without overlap
            votes = type(segmentations)(np.nan_to_num(segmentations.data), segmentations.sliding_window)
            self._votes = self._inference.aggregate(votes, count.sliding_window, missing=0.0)
            # The pipeline renames its voices, numbers until now, in the order of their names.
            self._voices = sorted(np.flatnonzero(made.data.any(axis=0)).tolist(), key=str)
        return made

    def diarize(self, heard: AudioInput) -> list[Span]:
        if heard.main.silent:
            return []
        waveform = self._torch.from_numpy(np.ascontiguousarray(heard.main.samples))[None]
        file = {"waveform": waveform, "sample_rate": heard.main.rate, "uri": "clip"}
        bounds = {"min_speakers": self.options.min_speakers, "max_speakers": self.options.max_speakers}

        def hear(size: int) -> Any:
            self._pipeline.segmentation_batch_size = self._pipeline.embedding_batch_size = size
            self._votes = None
            return self._pipeline(file, **{name: value for name, value in bounds.items() if value})

        found = self._batches.attempt(hear).speaker_diarization
        spans = []
        for segment, _, voice in found.itertracks(yield_label=True):
            start, end = max(0.0, float(segment.start)), min(heard.main.duration, float(segment.end))
            if start < end:
                number = self._voices[found.labels().index(voice)]
                spans.append(Span(start, end, str(voice), self._score(segment, number)))
        return sorted(spans, key=lambda span: (span.start, span.end, span.name))

    def _score(self, segment: Any, voice: int) -> float:
        votes = self._votes.crop(segment, mode="center")
        # Where more speak at once than there are voices, the pipeline adds one that nobody voted for.
        share = votes[:, voice].mean() if len(votes) and voice < votes.shape[1] else 0.0
        return float(np.clip(share, 0.0, 1.0))


_EMBEDDED_PARAMETERS = {
    "segmentation": {"min_duration_off": 0.0},
    # As in 3.1 but for the threshold, which depends on the embedding: see docs/backends.md.
    "clustering": {"method": "centroid", "threshold": 0.68, "min_cluster_size": 12},
}


def _folder(model: str) -> Path:
    return store.folder(_FETCHED[model]) if model in _FETCHED else Path(model)


def _revision(model: str) -> str:
    if not model:
        return f"pyannote-{store.revision('segmentation-3.0')}"
    if model in _FETCHED:
        return store.revision(_FETCHED[model])
    sizes = [file.stat().st_size for file in sorted(Path(model).rglob("*")) if file.is_file()]
    return f"{Path(model).name}-{'-'.join(map(str, sizes))}"
