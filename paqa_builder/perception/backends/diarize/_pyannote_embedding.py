"""CAM++ as a speaker embedding model of pyannote.audio.

Importing this module imports torch, torchaudio and pyannote.audio.
"""

from __future__ import annotations

from typing import Any

import torch
import torchaudio.compliance.kaldi as kaldi
from pyannote.audio import Model
from pyannote.audio.core.task import Problem, Resolution, Specifications

from paqa_builder.perception.backends.diarize._campplus import BANDS, RATE, SIZE, load_network

_LEAST = 50
"""Minimum length of an excerpt in frames of 10 ms; shorter excerpts are repeated to this length."""


class CamPlusPlusEmbedding(Model):
    """Unit vectors of masked waveforms, with the interface of pyannote.audio.

    Masked frames are removed before the network, not only before its pooling, since CAM++ weights every frame
    by its context. Features are computed on the waveform's device.
    """

    def __init__(self, sample_rate: int = RATE, num_channels: int = 1, task: Any = None) -> None:
        super().__init__(sample_rate=sample_rate, num_channels=num_channels, task=task)
        self.net = load_network(torch)
        self.specifications = Specifications(
            problem=Problem.REPRESENTATION, resolution=Resolution.CHUNK, duration=10.0
        )

    @property
    def dimension(self) -> int:
        return SIZE

    def forward(self, waveforms: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        """Embeddings ``[batch, 192]``; NaN (in pyannote.audio: no embedding) for an empty mask.

        Args:
            waveforms: ``[batch, 1, samples]`` at 16 kHz.
            kwargs: ``weights``, the masks ``[batch, frames]``.
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
            waveform[None], num_mel_bins=BANDS, sample_frequency=RATE, dither=0.0, window_type="povey"
        )
        nearest = torch.arange(len(features), device=mask.device) * len(mask) // len(features)
        kept = features[mask[nearest] > 0.5]
        if len(kept) == 0:  # the few frames of the mask are between two frames of features
            kept = features[:1]
        kept = kept.repeat(-(-_LEAST // len(kept)), 1)[: max(_LEAST, len(kept))]
        vector = self.net((kept - kept.mean(0))[None])[0]
        return vector / vector.norm().clamp_min(1e-9)
