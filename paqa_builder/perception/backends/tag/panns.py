"""PANNs' Cnn14 at decision level: 527 classes of AudioSet, every 0.32 s.

Kong, Cao, Iqbal, Wang, Wang and Plumbley, "PANNs: Large-scale pretrained audio neural networks for
audio pattern recognition", IEEE/ACM TASLP 2020; network and weights of ``Cnn14_DecisionLevelMax``
through the package panns-inference.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field, model_validator

from paqa_builder.errors import ConfigError, NotReadyError
from paqa_builder.labels import audioset
from paqa_builder.perception.backends.base import AudioInput, DeviceOptions, Span, Tagger
from paqa_builder.perception.backends.tag._intervals import intervals
from paqa_builder.runtime import device
from paqa_builder.weights import store

RATE = 32_000
HOP = 320
"""Samples per feature frame; the network pools 32 of them to one segment."""
SEGMENT = 32 * HOP / RATE
WINDOW, MARGIN = 32, 4
"""Segments per window (10.24 s: what the network was trained on has 10 s), and how many at each end of
it are heard with too little around them and left to the neighbouring window."""
_STRIDE = WINDOW - 2 * MARGIN
_FETCHED = "panns-cnn14"


class PannsOptions(DeviceOptions):
    """Where the checkpoint is, and when a probability counts as a sound."""

    model: str = Field("", description="Path of Cnn14_DecisionLevelMax's .pth file; empty: the fetched one.")
    precision: device.Precision = Field("auto", description="auto: float16 on a GPU, float32 on the CPU.")
    onset: float = Field(0.2, gt=0, le=1, description="A sound starts where its probability reaches this.")
    offset: float = Field(0.1, gt=0, le=1, description="It ends where the probability falls below this.")
    max_gap: float = Field(0.5, ge=0, description="Pauses up to this many seconds are bridged.")
    min_duration: float = Field(0.1, ge=0, description="Shorter intervals, in seconds, are dropped.")
    batch_seconds: float = Field(320.0, gt=0, description="Most audio heard at once on a GPU.")

    @model_validator(mode="after")
    def _hysteresis(self) -> PannsOptions:
        if self.offset > self.onset:
            raise ValueError("offset must not be higher than onset")
        return self


class Panns(Tagger):
    """Thresholds probabilities with hysteresis; a span's score is its peak probability."""

    sample_rate = RATE
    needs = ("torch", "panns-inference")
    extra = "gpu"
    Options = PannsOptions

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self.revision = f"{_revision(self.options.model)}+1"

    def load(self) -> None:
        self._torch, self._device = device.torch_on(self.options.device)
        self._kind = device.dtype(self._torch, self.options.precision, self._device)
        network = import_panns().models.Cnn14_DecisionLevelMax(
            sample_rate=RATE, window_size=1024, hop_size=HOP, mel_bins=64, fmin=50, fmax=14_000,
            classes_num=len(labels()),
        )  # fmt: skip
        path = Path(self.options.model) if self.options.model else _fetched()
        if not path.is_file():
            raise NotReadyError(f"{path}: no such checkpoint", fix=f"paqa fetch {_FETCHED}")
        try:
            network.load_state_dict(self._torch.load(path, map_location="cpu", weights_only=True)["model"])
        except Exception as error:  # unpickling raises what it likes
            raise NotReadyError(
                f"{path}: not a checkpoint of Cnn14_DecisionLevelMax ({error})", fix=f"paqa fetch {_FETCHED}"
            ) from error
        self._network = network.eval().to(self._device)
        self._batches = device.Batches("panns", WINDOW * SEGMENT, self.options.batch_seconds, self._device)

    def tag(self, heard: AudioInput) -> list[Span]:
        return self.run([heard])[0]

    def run(self, heard: Sequence[AudioInput]) -> list[list[Span]]:
        """All windows of all clips go through the network together."""
        windows: list[np.ndarray] = []
        whose: list[tuple[int, int]] = []
        for clip, item in enumerate(heard):
            if not item.main.silent:
                for start in window_starts(len(item.main.samples)):
                    whose.append((clip, start))
                    windows.append(cut(item.main.samples, start))
        found: list[list[tuple[int, np.ndarray]]] = [[] for _ in heard]
        for (clip, start), scores in zip(whose, self._batches.run(self._hear, windows), strict=True):
            found[clip].append((start, scores))
        return [self._spans(item, parts) for item, parts in zip(heard, found, strict=True)]

    def _hear(self, windows: list[np.ndarray]) -> np.ndarray:
        """Windows of samples to probabilities, ``[windows, 32, 527]``."""
        batch = self._torch.from_numpy(np.stack(windows)).to(self._device)
        with self._torch.inference_mode(), device.autocast(self._torch, self._kind, self._device):
            framewise = self._network(batch)["framewise_output"]
        # The network repeats each segment for its 32 frames, and the last one for a frame more.
        return framewise[:, : 32 * WINDOW : 32].float().cpu().numpy()

    def _spans(self, heard: AudioInput, parts: list[tuple[int, np.ndarray]]) -> list[Span]:
        if not parts:
            return []
        scores = stitch(parts, segments(len(heard.main.samples)))
        edges = np.minimum(np.arange(len(scores) + 1) * SEGMENT, heard.main.duration)
        limits = self.options.model_dump(include={"onset", "offset", "max_gap", "min_duration"})
        spans = [
            Span(start, end, labels()[index], min(1.0, peak))
            for index in np.flatnonzero(scores.max(axis=0) >= self.options.onset)
            if labels()[index] != "Silence"
            for start, end, peak in intervals(scores[:, index], edges, **limits)
            if start < end
        ]
        return sorted(spans, key=lambda span: (span.start, span.end, span.name))


def segments(samples: int) -> int:
    """How many segments cover so many samples."""
    return max(1, -(-samples // (32 * HOP)))


def window_starts(samples: int) -> list[int]:
    """Where windows start, in segments: each begins where the reliable part of the one before ends."""
    count = segments(samples)
    return [0, *range(_STRIDE, max(0, count - WINDOW) + _STRIDE, _STRIDE)] if count > WINDOW else [0]


def cut(samples: np.ndarray, start: int) -> np.ndarray:
    """The window at segment ``start``, filled up with zeros, ``float32 [10.24 s]``."""
    piece = samples[start * 32 * HOP : (start + WINDOW) * 32 * HOP]
    return np.pad(piece, (0, WINDOW * 32 * HOP - len(piece))).astype(np.float32)


def stitch(parts: list[tuple[int, np.ndarray]], count: int) -> np.ndarray:
    """Puts windows ``[32, classes]`` together to ``[count, classes]``, each giving its inner segments."""
    whole = np.zeros((count, parts[0][1].shape[1]), np.float32)
    for number, (start, scores) in enumerate(parts):
        first = MARGIN if number else 0
        last = WINDOW - MARGIN if number + 1 < len(parts) else WINDOW
        target = whole[start + first : start + last]
        target[:] = scores[first : first + len(target)]
    return whole


@cache
def labels() -> tuple[str, ...]:
    """AudioSet's 527 trained classes by name, in the order of the network's outputs."""
    text = files("paqa_builder").joinpath("data/audioset_527.txt").read_text(encoding="utf-8")
    return tuple(audioset.by_mid()[mid].name for mid in text.split())


def import_panns() -> Any:
    """Imports panns_inference, which otherwise fetches its label file with wget on import.

    It looks for ``panns_data/class_labels_indices.csv`` in the user's home. The file is put in place in
    our cache, and that is its home for as long as the import takes.

    Raises:
        NotReadyError: The package does not import.
    """
    home = store.cache_dir() / "panns"
    file = home / "panns_data" / "class_labels_indices.csv"
    names = [audioset.labels()[name] for name in labels()]
    rows = [f'{number},{label.mid},"{label.name}"\n' for number, label in enumerate(names)]
    text = "index,mid,display_name\n" + "".join(rows)
    try:
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            file.parent.mkdir(parents=True, exist_ok=True)
            aside = file.with_name(f".{file.name}.{os.getpid()}.part")
            aside.write_text(text, encoding="utf-8")
            aside.replace(file)
        # These keep caches in the user's home, and should find them there.
        for name in ("matplotlib.pyplot", "librosa", "torchlibrosa"):
            importlib.import_module(name)
        with _at_home(home):
            package = importlib.import_module("panns_inference")
    except (ImportError, OSError) as error:
        raise NotReadyError(
            f"panns_inference does not import ({error})", fix="pip install 'paqa-builder[gpu]'"
        ) from error
    if len(package.labels) != len(labels()):
        raise ConfigError(f"panns_inference was imported before, with {len(package.labels)} labels")
    return package


@contextmanager
def _at_home(folder: Path) -> Iterator[None]:
    """``Path.home()`` is ``folder`` within."""
    before = {name: os.environ.get(name) for name in ("HOME", "USERPROFILE")}
    os.environ.update(dict.fromkeys(before, str(folder)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _fetched() -> Path:
    return store.folder(_FETCHED) / "Cnn14_DecisionLevelMax.pth"


def _revision(model: str) -> str:
    if not model:
        return store.revision(_FETCHED)
    path = Path(model)
    return f"{path.name}-{path.stat().st_size if path.is_file() else 0}"
