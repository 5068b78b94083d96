"""PANNs' Cnn14_DecisionLevelMax: 527 classes of AudioSet, every 0.32 s.

Kong, Cao, Iqbal, Wang, Wang and Plumbley, "PANNs: Large-scale pretrained audio neural networks for
audio pattern recognition", IEEE/ACM TASLP 2020; network and weights of ``Cnn14_DecisionLevelMax``
through the package panns-inference.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field, model_validator

from paqa_builder.config.environment import UserPathText
from paqa_builder.errors import ConfigError, NotReadyError
from paqa_builder.files import write_atomic
from paqa_builder.labels import audioset
from paqa_builder.perception.backends.base import AudioInput, DeviceOptions, Span, Tagger
from paqa_builder.perception.backends.tag._intervals import label_spans
from paqa_builder.runtime import device
from paqa_builder.runtime.compat import importing
from paqa_builder.weights import store

RATE = 32_000
HOP = 320
"""Samples per feature frame; the network pools 32 of them to one segment."""
SEGMENT = 32 * HOP / RATE
WINDOW, MARGIN = 32, 4
"""Segments per window (10.24 s; the network was trained on 10 s), and segments at each end of a window that
lack context and are taken from the neighbouring window."""
_STRIDE = WINDOW - 2 * MARGIN
_FETCHED = "panns-cnn14"


class PannsOptions(DeviceOptions):
    """Settings of PANNs."""

    model: UserPathText = Field("", description="Cnn14_DecisionLevelMax's .pth file; empty: the fetched one.")
    precision: device.Precision = Field("auto", description="auto: float16 on a GPU, float32 on the CPU.")
    onset: float = Field(0.2, gt=0, le=1, description="Probability at which an event starts.")
    offset: float = Field(0.1, gt=0, le=1, description="Probability below which an event ends.")
    max_gap: float = Field(0.5, ge=0, description="Longest gap in seconds that is bridged.")
    min_duration: float = Field(0.1, ge=0, description="Shortest event in seconds.")
    batch_seconds: float = Field(320.0, gt=0, description="Maximum seconds of audio in a batch on a GPU.")

    @model_validator(mode="after")
    def _hysteresis(self) -> PannsOptions:
        if self.offset > self.onset:
            raise ValueError("offset must not be higher than onset")
        return self


class Panns(Tagger):
    """Detects events by hysteresis thresholds. The score of an event is its peak probability."""

    sample_rate = RATE
    needs = ("torch", "panns-inference")
    extra = "gpu"
    Options = PannsOptions

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        model = self.options.model
        self.revision = f"{store.local_revision(Path(model)) if model else store.revision(_FETCHED)}+1"

    def load(self) -> None:
        self._torch, self._device = device.torch_on(self.options.device)
        self._kind = device.dtype(self._torch, self.options.precision, self._device)
        network = import_panns().models.Cnn14_DecisionLevelMax(
            sample_rate=RATE, window_size=1024, hop_size=HOP, mel_bins=64, fmin=50, fmax=14_000,
            classes_num=len(labels()),
        )  # fmt: skip
        given = self.options.model
        path = Path(given) if given else store.folder(_FETCHED) / "Cnn14_DecisionLevelMax.pth"
        if not path.is_file():
            raise NotReadyError(f"{path}: no such checkpoint", fix=f"paqa fetch {_FETCHED}")
        try:
            network.load_state_dict(self._torch.load(path, map_location="cpu", weights_only=True)["model"])
        except Exception as error:  # unpickling raises any exception
            raise NotReadyError(
                f"{path}: not a checkpoint of Cnn14_DecisionLevelMax ({error})", fix=f"paqa fetch {_FETCHED}"
            ) from error
        self._network = network.eval().to(self._device)
        self._batches = device.Batches("panns", WINDOW * SEGMENT, self.options.batch_seconds, self._device)

    def tag(self, clip: AudioInput) -> list[Span]:
        return self.run([clip])[0]

    def run(self, clips: Sequence[AudioInput]) -> list[list[Span]]:
        """Tags a batch; the windows of all clips share batches of the network."""
        places = [
            (index, start)
            for index, clip in enumerate(clips)
            if not clip.main.silent
            for start in window_starts(len(clip.main.samples))
        ]
        windows = [cut(clips[index].main.samples, start) for index, start in places]
        parts: list[list[tuple[int, np.ndarray]]] = [[] for _ in clips]
        for (index, start), scores in zip(places, self._batches.run(self._predict, windows), strict=True):
            parts[index].append((start, scores))
        return [self._spans(clip, scores) for clip, scores in zip(clips, parts, strict=True)]

    def _predict(self, windows: list[np.ndarray]) -> np.ndarray:
        """Probabilities of windows, ``[windows, 32, 527]``."""
        batch = self._torch.from_numpy(np.stack(windows)).to(self._device)
        with self._torch.inference_mode(), device.autocast(self._torch, self._kind, self._device):
            framewise = self._network(batch)["framewise_output"]
        # The network repeats each segment for its 32 frames, and the last segment for one more frame.
        return framewise[:, : 32 * WINDOW : 32].float().cpu().numpy()

    def _spans(self, clip: AudioInput, parts: list[tuple[int, np.ndarray]]) -> list[Span]:
        if not parts:
            return []
        scores = stitch(parts, segments(len(clip.main.samples)))
        edges = np.minimum(np.arange(len(scores) + 1) * SEGMENT, clip.main.duration)
        return label_spans(scores, edges, labels(), self.options, lambda peak: min(1.0, peak))


def segments(samples: int) -> int:
    """Number of segments that cover a number of samples."""
    return max(1, -(-samples // (32 * HOP)))


def window_starts(samples: int) -> list[int]:
    """Starts of windows in segments; their reliable parts are adjacent."""
    count = segments(samples)
    return [0, *range(_STRIDE, max(0, count - WINDOW) + _STRIDE, _STRIDE)] if count > WINDOW else [0]


def cut(samples: np.ndarray, start: int) -> np.ndarray:
    """The window from segment ``start`` on, padded with zeros, ``float32 [10.24 s]``."""
    piece = samples[start * 32 * HOP : (start + WINDOW) * 32 * HOP]
    return np.pad(piece, (0, WINDOW * 32 * HOP - len(piece))).astype(np.float32)


def stitch(parts: list[tuple[int, np.ndarray]], count: int) -> np.ndarray:
    """Concatenates the inner segments of windows ``[32, classes]`` to ``[count, classes]``."""
    whole = np.zeros((count, parts[0][1].shape[1]), np.float32)
    for number, (start, scores) in enumerate(parts):
        first = MARGIN if number else 0
        last = WINDOW - MARGIN if number + 1 < len(parts) else WINDOW
        target = whole[start + first : start + last]
        target[:] = scores[first : first + len(target)]
    return whole


@cache
def labels() -> tuple[str, ...]:
    """Names of the 527 classes, in the order of the network's outputs."""
    text = files("paqa_builder").joinpath("data/audioset_527.txt").read_text(encoding="utf-8")
    return tuple(audioset.by_mid()[mid].name for mid in text.split())


def import_panns() -> Any:
    """Imports panns_inference without its download of a label file.

    On import it looks for ``panns_data/class_labels_indices.csv`` in the user's home. This function writes
    the file to the cache, and sets the home folder to the cache during the import.

    Raises:
        NotReadyError: The package does not import.
    """
    from unittest.mock import patch

    home = store.cache_dir() / "panns"
    file = home / "panns_data" / "class_labels_indices.csv"
    names = [audioset.labels()[name] for name in labels()]
    rows = [f'{number},{label.mid},"{label.name}"\n' for number, label in enumerate(names)]
    text = "index,mid,display_name\n" + "".join(rows)
    if not file.is_file() or file.read_text(encoding="utf-8") != text:
        write_atomic(file, text.encode(), setting="PAQA_CACHE")
    with importing("panns_inference", "gpu"):
        # These have caches in the user's home.
        for name in ("matplotlib.pyplot", "librosa", "torchlibrosa"):
            importlib.import_module(name)
        with patch.dict(os.environ, HOME=str(home), USERPROFILE=str(home)):
            package = importlib.import_module("panns_inference")
    if len(package.labels) != len(labels()):
        raise ConfigError(f"panns_inference is already imported, with {len(package.labels)} labels")
    return package
