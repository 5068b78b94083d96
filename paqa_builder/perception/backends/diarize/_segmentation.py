"""pyannote segmentation-3.0: activity of up to three local voices, every 16.9 ms.

Plaquet and Bredin, "Powerset multi-class cross entropy loss for neural speaker diarization", Interspeech
2023. Its seven classes are no voice, one of three voices, and two of the three at once. The order of the
voices differs between windows, so only sums over voices are averaged here.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from paqa_builder.audio import fit, spool
from paqa_builder.runtime.threads import module_at, torch_cpu
from paqa_builder.weights import store

RATE = 16_000
STEP = 270 / RATE
"""Hop between frames in seconds."""
FIELD = 991 / RATE
"""Receptive field of a frame in seconds; frame ``i`` is centred at ``i * STEP + FIELD / 2``."""
WINDOW = 10.0
"""Length of a window in seconds, as in training."""
VOICES = 3

_SETS = [voices for size in range(3) for voices in combinations(range(VOICES), size)]
MEMBERS = np.array([[voice in voices for voice in range(VOICES)] for voices in _SETS], dtype=np.float32)
"""Powerset class -> voices, ``[7, 3]``."""
_BATCH = 16


class Segmentation:
    """Segmentation network for sliding windows."""

    def __init__(self) -> None:
        self._torch: Any = torch_cpu()
        paths = store.locate("segmentation-3.0")
        payload = self._torch.load(paths["weights"], map_location="cpu", weights_only=True)
        config = payload["model"]
        keys = ("output_dim", "sincnet", "lstm", "linear", "sample_rate", "num_channels")
        self._net = module_at(paths["code"]).LocalPyanNet(**{key: config.get(key) for key in keys})
        self._net.load_state_dict(payload["state_dict"])
        self._net.eval()

    def windows(self, samples: np.ndarray, hop: float) -> tuple[np.ndarray, np.ndarray]:
        """Posteriors of sliding windows.

        Args:
            samples: ``float32 [n]`` at 16 kHz.
            hop: Hop between windows in seconds.

        Returns:
            Starts of the windows in seconds ``[w]``, and class posteriors ``[w, frames, 7]``. A clip shorter
            than a window has one window of its own length.
        """
        size = min(len(samples), round(WINDOW * RATE))
        samples = fit(samples, max(len(samples), round(FIELD * RATE)))
        size = max(size, round(FIELD * RATE))
        starts = [*range(0, len(samples) - size + 1, round(hop * RATE))]
        if starts[-1] + size < len(samples):
            starts.append(len(samples) - size)
        posteriors = []
        with self._torch.inference_mode():
            for at in range(0, len(starts), _BATCH):
                batch = np.stack([samples[start : start + size] for start in starts[at : at + _BATCH]])
                posteriors.append(self._net(self._torch.from_numpy(batch)[:, None]).exp().numpy())
                spool.release(samples)
        return np.array(starts) / RATE, np.concatenate(posteriors)


def frame_count(duration: float) -> int:
    """Number of frames that cover ``duration`` seconds."""
    return int(np.ceil(duration / STEP)) + 1


def average(starts: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    """Mean of overlapping windows ``[w, frames, k]`` with Hamming weights, ``[count, k]``."""
    total = np.zeros((count, values.shape[2]))
    weight = np.zeros((count, 1))
    taper = np.hamming(values.shape[1])[:, None]
    for start, value in zip(starts, values, strict=True):
        at = round(start / STEP)
        size = min(len(value), count - at)
        total[at : at + size] += value[:size] * taper[:size]
        weight[at : at + size] += taper[:size]
    return total / np.maximum(weight, 1e-9)


def speech_and_overlap(posteriors: np.ndarray) -> np.ndarray:
    """Probabilities of speech and of overlapping speech ``[..., 2]`` from class posteriors ``[..., 7]``."""
    return np.stack([1 - posteriors[..., 0], posteriors[..., 1 + VOICES :].sum(-1)], axis=-1)
