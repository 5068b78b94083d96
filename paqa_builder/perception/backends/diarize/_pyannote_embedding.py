"""CAM++ as a speaker embedding of pyannote.audio, so that its pipeline runs without a hub.

Importing this module imports torch, torchaudio and pyannote.audio: only a backend's ``load`` does so.
"""

from __future__ import annotations

from typing import Any

import torch
import torchaudio.compliance.kaldi as kaldi
from pyannote.audio import Model
from pyannote.audio.core.task import Problem, Resolution, Specifications

from paqa_builder.perception.backends.diarize._campplus import RATE, SIZE
from paqa_builder.runtime.threads import module_at
from paqa_builder.weights import store

_BANDS = 80
_LEAST = 50
"""Frames (of 10 ms): a shorter excerpt is repeated up to this length, so that the network has a context."""


class CamPlusPlusEmbedding(Model):
    """Waveforms and masks in, one unit vector a mask out, as pyannote.audio asks for them.

    Of each waveform only the frames that the mask keeps are heard, one after the other: CAM++ weighs
    every frame by its context, so silence and other voices must be gone before the network, not only
    before its pooling. Features are computed on the waveform's device.
    """

    def __init__(self, sample_rate: int = RATE, num_channels: int = 1, task: Any = None) -> None:
        super().__init__(sample_rate=sample_rate, num_channels=num_channels, task=task)
        found = store.locate("campplus")
        self.net = module_at(found["code"]).CAMPPlus(feat_dim=_BANDS, embedding_size=SIZE)
        self.net.load_state_dict(torch.load(found["weights"], map_location="cpu", weights_only=True))
        self.specifications = Specifications(
            problem=Problem.REPRESENTATION, resolution=Resolution.CHUNK, duration=10.0
        )

    @property
    def dimension(self) -> int:
        return SIZE

    def forward(self, waveforms: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        """Takes masks as ``weights``, like pyannote.audio's own embeddings.

        ``[batch, 1, samples]`` at 16 kHz and masks ``[batch, frames]`` to ``[batch, 192]``.

        A mask that keeps nothing gives NaN, which pyannote.audio knows as *no embedding*.
        """
        weights = kwargs.get("weights")
        if weights is None:
            weights = waveforms.new_ones(len(waveforms), 1)
        return torch.stack(
            [self._embed(wave[0], mask) for wave, mask in zip(waveforms, weights, strict=True)]
        )

    def _embed(self, waveform: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        if not bool((mask > 0.5).any()):
            return waveform.new_full((SIZE,), torch.nan)
        features = kaldi.fbank(
            waveform[None], num_mel_bins=_BANDS, sample_frequency=RATE, dither=0.0, window_type="povey"
        )
        nearest = torch.arange(len(features), device=mask.device) * len(mask) // len(features)
        kept = features[mask[nearest] > 0.5]
        if len(kept) == 0:  # a mask of few frames, all between two frames of features
            kept = features[:1]
        kept = kept.repeat(-(-_LEAST // len(kept)), 1)[: max(_LEAST, len(kept))]
        vector = self.net((kept - kept.mean(0))[None])[0]
        return vector / vector.norm().clamp_min(1e-9)
