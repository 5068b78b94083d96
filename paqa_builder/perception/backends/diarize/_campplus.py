"""CAM++ speaker embeddings and their Kaldi filter bank features.

Wang, Zheng, Chen, Cheng and Chen, "CAM++: A fast and efficient network for speaker verification
using context-aware masking", Interspeech 2023. The features follow Kaldi's ``fbank`` (80 bands,
25 ms every 10 ms, povey window, pre-emphasis 0.97, no dither), less their mean over the excerpt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from paqa_builder.audio import fit, spool
from paqa_builder.runtime.threads import module_at, torch_cpu
from paqa_builder.weights import store

RATE = 16_000
FRAME = 0.01
"""Hop of the features in seconds."""
SIZE = 192
_LENGTH, _HOP, _FFT, BANDS = 400, 160, 512, 80
_BATCH, _BLOCK = 32, 6000


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


class CamPlusPlus:
    """Speaker embeddings as unit vectors, similar for the same voice."""

    def __init__(self) -> None:
        self._torch: Any = torch_cpu()
        self._net = load_network(self._torch)
        self._bank = _mel_bank()
        self._taper = (np.hanning(_LENGTH) ** 0.85).astype(np.float32)

    def features(self, samples: np.ndarray) -> np.ndarray:
        """Log mel energies ``float32 [frames, 80]`` of samples ``float32 [n]`` at 16 kHz."""
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

    def embed(self, excerpts: Sequence[np.ndarray]) -> np.ndarray:
        """Unit vectors ``[n, 192]`` of excerpts of features ``[frames, 80]`` of equal length."""
        batches = [np.zeros((0, SIZE), np.float32)]
        with self._torch.inference_mode():
            for at in range(0, len(excerpts), _BATCH):
                batch = np.stack(excerpts[at : at + _BATCH])
                batch = batch - batch.mean(axis=1, keepdims=True)
                batches.append(self._net(self._torch.from_numpy(batch)).numpy())
        vectors = np.concatenate(batches)
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
