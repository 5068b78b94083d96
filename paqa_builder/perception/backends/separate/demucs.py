"""Hybrid Transformer Demucs as a two-stem separator: vocals are the speech, the residual is the background.

Rouard, Massa and Défossez, "Hybrid transformers for music source separation", ICASSP 2023. It was trained on
songs, so speech with noise and sound events is out of its domain.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from paqa_builder.audio import Audio
from paqa_builder.config.environment import UserPathText
from paqa_builder.errors import NotReadyError
from paqa_builder.perception.backends.base import AudioInput, DeviceOptions, Separator
from paqa_builder.runtime import device
from paqa_builder.runtime.compat import importing
from paqa_builder.weights import store
from paqa_builder.weights.table import TABLE

RATE = 44_100
VOICE = "vocals"
_DEFAULT = "htdemucs-vocals"
_NETWORKS = ("demucs.htdemucs.HTDemucs", "demucs.hdemucs.HDemucs", "demucs.demucs.Demucs")


class DemucsOptions(DeviceOptions):
    """Settings of Demucs."""

    model: UserPathText = Field(_DEFAULT, description="htdemucs, htdemucs-vocals, or a .safetensors file.")
    precision: device.Precision = Field("auto", description="auto: float16 on a GPU, float32 on the CPU.")
    overlap: float = Field(0.25, ge=0, lt=1, description="Overlap of windows, as a share of a window.")
    batch_seconds: float = Field(60.0, gt=0, description="Maximum seconds of audio in a batch on a GPU.")


class Demucs(Separator):
    """Speech is the network's source ``vocals``; background is the mixture less the speech."""

    sample_rate = RATE
    needs = ("torch", "demucs")
    extra = "gpu"
    Options = DemucsOptions

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        model = self.options.model
        known = store.revision(model) if model in TABLE else store.local_revision(Path(model))
        self.revision = f"{known}+2"

    def load(self) -> None:
        self._torch, self._device = device.torch_on(self.options.device)
        self._kind = device.dtype(self._torch, self.options.precision, self._device)
        path = _weights(self.options.model)
        _check(path)
        with importing("demucs", "gpu"):
            from demucs.hf import load_safetensors_model
        try:
            network = load_safetensors_model(path)
        except Exception as error:  # a file of another version raises any exception
            raise NotReadyError(
                f"{path}: does not load into demucs ({error})", fix=f"paqa fetch {_DEFAULT}"
            ) from error
        if VOICE not in network.sources or network.samplerate != RATE:
            raise NotReadyError(
                f"{path}: separates {', '.join(network.sources)} at {network.samplerate} Hz, "
                f"not {VOICE} at {RATE} Hz",
                fix=f"paqa fetch {_DEFAULT}",
            )
        self._network = network.float().eval().to(self._device)
        # The Transformer only accepts windows of the length that it was trained on.
        self._window = int(float(network.segment) * RATE)
        self._voice = network.sources.index(VOICE)
        self._batches = device.Batches(
            "demucs", self._window / RATE, self.options.batch_seconds, self._device
        )

    def separate(self, clip: AudioInput) -> tuple[Audio, Audio]:
        return self.run([clip])[0]

    def run(self, clips: Sequence[AudioInput]) -> list[tuple[Audio, Audio]]:
        """Separates a batch; the windows of all clips share batches of the network."""
        cuts = [[] if clip.main.silent else self._cuts(len(clip.main.samples)) for clip in clips]
        windows = _Windows([clip.main.samples for clip in clips], cuts, self._window)
        voices = iter(self._batches.run(self._predict, windows))
        results = []
        for clip, pieces in zip(clips, cuts, strict=True):
            mix = clip.main
            if pieces:
                speech = self._joined(mix.samples, pieces, voices)
                results.append((Audio(speech, mix.rate), Audio(mix.samples - speech, mix.rate)))
            else:
                results.append((Audio(np.zeros_like(mix.samples), mix.rate), mix))
        return results

    def _cuts(self, count: int) -> list[tuple[int, int]]:
        """Start and length of each window of a clip with ``count`` samples."""
        starts = range(0, count, max(1, int((1 - self.options.overlap) * self._window)))
        return [(at, min(self._window, count - at)) for at in starts]

    def _joined(
        self, samples: np.ndarray, pieces: list[tuple[int, int]], voices: Iterator[np.ndarray]
    ) -> np.ndarray:
        """The vocals by weighted overlap-add, as in ``demucs.apply`` without its random shifts."""
        ramp = np.minimum(np.arange(1, self._window + 1), np.arange(self._window, 0, -1))
        taper = (ramp / ramp.max()).astype(np.float32)
        total, weight = np.zeros((2, len(samples)), np.float32)
        for at, length in pieces:
            skipped = (self._window - length) // 2
            total[at : at + length] += taper[:length] * next(voices)[skipped : skipped + length]
            weight[at : at + length] += taper[:length]
        return (total / weight * _level(samples)[1]).astype(np.float32)

    def _predict(self, windows: list[np.ndarray]) -> np.ndarray:
        """Vocals ``[n, samples]`` of mono windows."""
        voices = self._voices(windows, self._kind)
        # Beyond the range of float16, windows are computed again, each alone: no result depends on others.
        for index in np.flatnonzero(~np.isfinite(voices).all(axis=1)).tolist():
            same = [windows[index]] * len(windows)
            voices[index] = self._voices(same, self._torch.float32)[0]
        return voices

    def _voices(self, windows: list[np.ndarray], kind: Any) -> np.ndarray:
        batch = self._torch.from_numpy(np.stack(windows).astype(np.float32)).to(self._device)
        channels = self._network.audio_channels
        with self._torch.inference_mode(), device.autocast(self._torch, kind, self._device):
            sources = self._network(batch[:, None].expand(-1, channels, -1).contiguous())
        return sources[:, self._voice].float().mean(dim=1).cpu().numpy()


class _Windows(Sequence[np.ndarray]):
    """The normalised windows of several clips, cut when they are asked for."""

    def __init__(self, signals: list[np.ndarray], cuts: list[list[tuple[int, int]]], window: int) -> None:
        self._signals, self._window = signals, window
        self._places = [(index, *piece) for index, pieces in enumerate(cuts) for piece in pieces]
        self._levels = [_level(samples) for samples in signals]

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return [self[index] for index in range(*at.indices(len(self)))]
        index, start, length = self._places[at]
        mean, scale = self._levels[index]
        # Normalised before it is padded: silence beyond the ends is zero.
        samples, first = self._signals[index], max(0, start - self._window)
        part = (samples[first : start + 2 * self._window] - mean) / scale
        return around(part.astype(np.float32), start - first, length, self._window)


def _level(samples: np.ndarray) -> tuple[Any, Any]:
    """Mean and scale by which a clip is normalised."""
    return samples.mean(), samples.std() + 1e-8


def around(samples: np.ndarray, at: int, length: int, window: int) -> np.ndarray:
    """A window of ``window`` samples, centred on the ``length`` samples from ``at`` on.

    Zeros pad the window beyond the ends of the clip.
    """
    start = at - (window - length) // 2
    left, right = max(0, -start), max(0, start + window - len(samples))
    return np.pad(samples[max(0, start) : start + window], (left, right))


def _check(path: Path) -> None:
    """Checks the class named in a file, since demucs imports any class.

    Raises:
        NotReadyError: The file is missing, or not a model of demucs.
    """
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(min(size, 1 << 24)))
        stated = header["__metadata__"]["klass"]
    except FileNotFoundError as error:
        raise NotReadyError(f"{path}: no such file", fix=f"paqa fetch {_DEFAULT}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise NotReadyError(
            f"{path}: not a .safetensors file of demucs", fix=f"paqa fetch {_DEFAULT}"
        ) from error
    if stated not in _NETWORKS or "structure" in header["__metadata__"]:
        raise NotReadyError(
            f"{path}: holds {stated!r}, not one of {', '.join(_NETWORKS)}", fix=f"paqa fetch {_DEFAULT}"
        )


def _weights(model: str) -> Path:
    if model in TABLE and TABLE[model].serves == "separate: demucs":
        return store.folder(model) / next(iter(TABLE[model].files))
    return Path(model)
