"""pyannote segmentation-3.0: which of up to three local voices are active, every 16.9 ms.

Plaquet and Bredin, "Powerset multi-class cross entropy loss for neural speaker diarization",
Interspeech 2023. Its seven classes are nobody, one of three voices, or two of the three at once.
Which voice is which differs from window to window, so only sums over voices are averaged here.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from paqa_builder.runtime.threads import module_at, torch_cpu
from paqa_builder.weights import store

RATE = 16_000
STEP = 270 / RATE
"""Seconds from frame to frame."""
FIELD = 991 / RATE
"""Seconds of audio that one frame sees; frame ``i`` is centred at ``i * STEP + FIELD / 2``."""
WINDOW = 10.0
"""Seconds per window: what the model was trained on."""
VOICES = 3

_SETS = [voices for size in range(3) for voices in combinations(range(VOICES), size)]
MEMBERS = np.array([[voice in voices for voice in range(VOICES)] for voices in _SETS], dtype=np.float32)
"""Powerset class -> voices, ``[7, 3]``."""
_BATCH = 16


class Segmentation:
    """The network, loaded; a call gives the posteriors of sliding windows."""

    def __init__(self) -> None:
        self._torch: Any = torch_cpu()
        found = store.locate("segmentation-3.0")
        payload = self._torch.load(found["weights"], map_location="cpu", weights_only=True)
        config = payload["model"]
        keys = ("output_dim", "sincnet", "lstm", "linear", "sample_rate", "num_channels")
        self._net = module_at(found["code"]).LocalPyanNet(**{key: config.get(key) for key in keys})
        self._net.load_state_dict(payload["state_dict"])
        self._net.eval()

    def windows(self, samples: np.ndarray, hop: float) -> tuple[np.ndarray, np.ndarray]:
        """Slides over a clip.

        Args:
            samples: ``float32 [n]`` at 16 kHz.
            hop: Seconds from window to window.

        Returns:
            Start of each window in seconds ``[w]``, and class posteriors ``[w, frames, 7]``. A clip
            shorter than a window is one window of its own length.
        """
        size = min(len(samples), round(WINDOW * RATE))
        samples = np.pad(samples, (0, max(0, round(FIELD * RATE) - size)))
        size = max(size, round(FIELD * RATE))
        starts = [*range(0, len(samples) - size + 1, round(hop * RATE))]
        if starts[-1] + size < len(samples):
            starts.append(len(samples) - size)
        found = []
        with self._torch.inference_mode():
            for at in range(0, len(starts), _BATCH):
                batch = np.stack([samples[start : start + size] for start in starts[at : at + _BATCH]])
                found.append(self._net(self._torch.from_numpy(batch)[:, None]).exp().numpy())
        return np.array(starts) / RATE, np.concatenate(found)


def frame_count(duration: float) -> int:
    """How many frames cover ``duration`` seconds."""
    return int(np.ceil(duration / STEP)) + 1


def average(starts: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    """Overlap-adds windows ``[w, frames, k]`` to ``[count, k]``, weighted towards their middles."""
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
    """Class posteriors ``[..., 7]`` to the probability of anybody and of two at once, ``[..., 2]``."""
    return np.stack([1 - posteriors[..., 0], posteriors[..., 1 + VOICES :].sum(-1)], axis=-1)
