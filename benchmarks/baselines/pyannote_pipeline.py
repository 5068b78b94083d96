"""pyannote.audio's own pipeline with the embedded models, as the peer of the diarizer in ``make bench``.

``SpeakerDiarization`` of pyannote.audio with segmentation-3.0 and CAM++ on the CPU: windows of 10 s every
second, one embedding for each local voice of a window, agglomerative clustering. Needs the extra ``gpu``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from typing import Any

from paqa_builder.audio import Audio
from paqa_builder.perception.backends.base import AudioInput, Span
from paqa_builder.runtime import compat
from paqa_builder.runtime.threads import torch_cpu
from paqa_builder.weights import store


@cache
def load() -> Any:
    """The pipeline of pyannote.audio 3.1, with the embedded models and a threshold for CAM++."""
    torch_cpu()
    compat.torchaudio()
    os.environ["PYANNOTE_METRICS_ENABLED"] = "0"
    from pyannote.audio import Model
    from pyannote.audio.core.plda import PLDA
    from pyannote.audio.pipelines import SpeakerDiarization

    from paqa_builder.perception.backends.diarize._pyannote_embedding import CamPlusPlusEmbedding

    pipeline = SpeakerDiarization(
        segmentation=Model.from_pretrained(str(store.locate("segmentation-3.0")["checkpoint"])),
        segmentation_step=0.1,
        embedding=CamPlusPlusEmbedding().eval(),
        embedding_exclude_overlap=True,
        clustering="AgglomerativeClustering",
        plda=PLDA.__new__(PLDA),  # unused by this clustering; without it, the constructor downloads one
    )
    clustering = {"method": "centroid", "threshold": 0.68, "min_cluster_size": 12}
    return pipeline.instantiate({"segmentation": {"min_duration_off": 0.0}, "clustering": clustering})


def run(clips: Sequence[Audio | AudioInput]) -> list[list[Span]]:
    """Diarizes clips at 16 kHz, one after another; call :func:`load` before timing it."""
    return [_diarize(clip if isinstance(clip, Audio) else clip.main) for clip in clips]


def _diarize(audio: Audio) -> list[Span]:
    import torch

    if audio.silent:
        return []
    file = {"waveform": torch.from_numpy(audio.samples)[None], "sample_rate": audio.rate, "uri": "clip"}
    turns = load()(file).speaker_diarization.itertracks(yield_label=True)
    return sorted(Span(segment.start, segment.end, str(voice), 1.0) for segment, _, voice in turns)
