"""CAM++ speaker embeddings and their Kaldi filter bank features.

Wang, Zheng, Chen, Cheng and Chen, "CAM++: A fast and efficient network for speaker verification
using context-aware masking", Interspeech 2023. The features follow Kaldi's ``fbank`` (80 bands,
25 ms every 10 ms, povey window, pre-emphasis 0.97, no dither), less their mean over the excerpt.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from paqa_builder.audio import fit, spool
from paqa_builder.perception.backends.diarize._export import INPUT, OUTPUT, exported
from paqa_builder.perception.backends.diarize._networks import Request, Steps
from paqa_builder.runtime.threads import module_at
from paqa_builder.weights import store

NAME = "campplus"

RATE = 16_000
FRAME = 0.01
"""Hop of the features in seconds."""
SIZE = 192
_LENGTH, _HOP, _FFT, BANDS = 400, 160, 512, 80
_BATCH, _BLOCK = 16, 6000


def _mel_bank() -> np.ndarray:
    """Kaldi's mel filter bank ``[257, 80]``: triangles, linear in mel, from 20 to 8000 Hz."""

    def mel(hertz: Any) -> Any:
        return 1127 * np.log(1 + np.asarray(hertz) / 700)

    edges = np.linspace(mel(20.0), mel(8000.0), BANDS + 2)
    bins = mel(np.arange(_FFT // 2) * RATE / _FFT)[None]
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    bank = np.maximum(0, np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)))
    return np.pad(bank, ((0, 0), (0, 1))).T.astype(np.float32)


def load_network(torch: Any) -> Any:
    """The embedded CAM++ network on the CPU, in evaluation mode."""
    paths = store.locate("campplus")
    network = module_at(paths["code"]).CAMPPlus(feat_dim=BANDS, embedding_size=SIZE)
    network.load_state_dict(torch.load(paths["weights"], map_location="cpu", weights_only=True))
    return network.eval()


def onnx_file() -> Path:
    """The network for onnxruntime: features ``[n, frames, 80]`` to vectors ``[n, 192]``."""
    axes = {INPUT: {0: "batch", 1: "frames"}, OUTPUT: {0: "batch"}}
    return exported(NAME, load_network, (2, 150, BANDS), axes)


class Features:
    """Log mel energies as in Kaldi."""

    def __init__(self) -> None:
        self._bank = _mel_bank()
        self._taper = (np.hanning(_LENGTH) ** 0.85).astype(np.float32)

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Energies ``float32 [frames, 80]`` of samples ``float32 [n]`` at 16 kHz."""
        samples = fit(samples, max(len(samples), _LENGTH))
        frames = np.lib.stride_tricks.sliding_window_view(samples, _LENGTH)[::_HOP]
        features = np.zeros((len(frames), BANDS), np.float32)
        # Blocks bound memory: the overlapping frames of an hour would take gigabytes.
        for at in range(0, len(frames), _BLOCK):
            features[at : at + _BLOCK] = self._energies(frames[at : at + _BLOCK])
            spool.release(samples)
        return features

    def _energies(self, frames: np.ndarray) -> np.ndarray:
        frames = frames.astype(np.float32)
        frames = frames - frames.mean(axis=1, keepdims=True)
        before = np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
        power = np.abs(np.fft.rfft((frames - 0.97 * before) * self._taper, _FFT)).astype(np.float32) ** 2
        return np.log(np.maximum(power @ self._bank, np.finfo(np.float32).eps))


def embed(excerpts: Sequence[np.ndarray]) -> Steps[np.ndarray]:
    """Requests unit vectors ``[n, 192]`` of excerpts of features ``[frames, 80]`` of equal length."""
    vectors = np.zeros((len(excerpts), SIZE), np.float32)
    for at in range(0, len(excerpts), _BATCH):
        batch = [excerpt - excerpt.mean(axis=0) for excerpt in excerpts[at : at + _BATCH]]
        vectors[at : at + _BATCH] = yield Request(NAME, batch)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
