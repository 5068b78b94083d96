"""pyannote segmentation-3.0: activity of up to three local voices, every 16.9 ms.

Plaquet and Bredin, "Powerset multi-class cross entropy loss for neural speaker diarization", Interspeech
2023. Its seven classes are no voice, one of three voices, and two of the three at once. The order of the
voices differs between windows, so only sums over voices are averaged here.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from paqa_builder.audio import fit, spool
from paqa_builder.perception.backends.diarize._export import INPUT, OUTPUT, exported
from paqa_builder.perception.backends.diarize._networks import Request, Steps
from paqa_builder.runtime.threads import module_at
from paqa_builder.weights import store

NAME = "segmentation-3.0"

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


Windows = tuple[np.ndarray, np.ndarray]
"""Starts of windows in seconds ``[w]``, and class posteriors ``[w, frames, 7]``."""


def load_network(torch: Any) -> Any:
    """The embedded network on the CPU, in evaluation mode: log posteriors of ``[n, 1, samples]``."""
    paths = store.locate(NAME)
    payload = torch.load(paths["weights"], map_location="cpu", weights_only=True)
    config = payload["model"]
    keys = ("output_dim", "sincnet", "lstm", "linear", "sample_rate", "num_channels")
    network = module_at(paths["code"]).LocalPyanNet(**{key: config.get(key) for key in keys})
    network.load_state_dict(payload["state_dict"])
    return network.eval()


def onnx_file() -> Path:
    """The network for onnxruntime."""
    axes = {INPUT: {0: "batch", 2: "samples"}, OUTPUT: {0: "batch", 1: "frames"}}
    return exported(NAME, load_network, (2, 1, 3 * RATE), axes)


def windows(signals: Sequence[np.ndarray], hop: float) -> Steps[list[Windows]]:
    """Requests the posteriors of sliding windows of several signals.

    A signal shorter than a window has one window of its own length.

    Args:
        signals: ``float32 [n]`` at 16 kHz, of equal length.
        hop: Hop between windows in seconds.
    """
    length = max(len(signals[0]), round(FIELD * RATE))
    size = min(length, round(WINDOW * RATE))
    signals = [fit(samples, length) for samples in signals]
    starts = [*range(0, length - size + 1, round(hop * RATE))]
    if starts[-1] + size < length:
        starts.append(length - size)
    places = [(number, row) for number in range(len(signals)) for row in range(len(starts))]
    posteriors: list[np.ndarray] = []
    for at in range(0, len(places), _BATCH):
        chosen = places[at : at + _BATCH]
        batch = [signals[number][None, starts[row] : starts[row] + size] for number, row in chosen]
        rows = yield Request(NAME, batch, shared=size == round(WINDOW * RATE))
        posteriors = posteriors or [np.empty((len(starts), *rows.shape[1:]), np.float32) for _ in signals]
        for (number, row), values in zip(chosen, rows, strict=True):
            np.exp(values, out=posteriors[number][row])
        for samples in signals:
            spool.release(samples)
    return [(np.array(starts) / RATE, values) for values in posteriors]


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
