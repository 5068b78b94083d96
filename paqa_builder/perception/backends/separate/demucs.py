"""Hybrid Transformer Demucs as a two-stem separator: vocals are speech, the rest is background.

Rouard, Massa and Défossez, "Hybrid transformers for music source separation", ICASSP 2023. It was
trained on songs, to tell a voice from instruments; speech over noise and events is further from that.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from paqa_builder.audio import Audio
from paqa_builder.errors import NotReadyError
from paqa_builder.perception.backends.base import AudioInput, DeviceOptions, Separator
from paqa_builder.runtime import device
from paqa_builder.weights import store
from paqa_builder.weights.table import TABLE

RATE = 44_100
VOICE = "vocals"
_DEFAULT = "htdemucs-vocals"
_NETWORKS = ("demucs.htdemucs.HTDemucs", "demucs.hdemucs.HDemucs", "demucs.demucs.Demucs")


class DemucsOptions(DeviceOptions):
    """Settings of Demucs."""

    model: str = Field(
        _DEFAULT,
        description="htdemucs or htdemucs-vocals (bring them with `paqa fetch`), or a .safetensors file.",
    )
    overlap: float = Field(0.25, ge=0, lt=1, description="Share of a window that the next one hears again.")
    batch_seconds: float = Field(60.0, gt=0, description="Most audio heard at once on a GPU.")


class Demucs(Separator):
    """Speech is what the network calls vocals; background is the mixture less that, sample by sample."""

    sample_rate = RATE
    needs = ("torch", "demucs")
    extra = "gpu"
    Options = DemucsOptions

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self.revision = f"{_revision(self.options.model)}+1"

    def load(self) -> None:
        self._torch, self._device = device.torch_on(self.options.device)
        path = _weights(self.options.model)
        _check(path)
        try:
            from demucs.hf import load_safetensors_model
        except (ImportError, OSError) as error:
            raise NotReadyError(
                f"demucs does not import ({error})", fix="pip install 'paqa-builder[gpu]'"
            ) from error
        try:
            network = load_safetensors_model(path)
        except Exception as error:  # a file of another version fails in many ways
            raise NotReadyError(
                f"{path}: does not load into demucs ({error})", fix=f"paqa fetch {_DEFAULT}"
            ) from error
        if VOICE not in network.sources or network.samplerate != RATE:
            raise NotReadyError(
                f"{path}: makes {', '.join(network.sources)} at {network.samplerate} Hz, "
                f"not {VOICE} at {RATE} Hz",
                fix=f"paqa fetch {_DEFAULT}",
            )
        self._network = network.float().eval().to(self._device)
        # The Transformer was trained on windows of one length, and hears no other.
        self._window = int(float(network.segment) * RATE)
        self._voice = network.sources.index(VOICE)
        self._batches = device.Batches(
            "demucs", self._window / RATE, self.options.batch_seconds, self._device
        )

    def separate(self, heard: AudioInput) -> tuple[Audio, Audio]:
        mix = heard.main
        if mix.silent:
            return Audio(np.zeros_like(mix.samples), mix.rate), mix
        speech = self._speech(mix.samples)
        return Audio(speech, mix.rate), Audio(mix.samples - speech, mix.rate)

    def _speech(self, samples: np.ndarray) -> np.ndarray:
        """Overlapping windows, each weighted towards its middle: what ``demucs.apply`` makes of a clip
        without its random shifts, which would give other bytes each time."""
        mean, scale = samples.mean(), samples.std() + 1e-8
        scaled = ((samples - mean) / scale).astype(np.float32)
        starts = range(0, len(samples), max(1, int((1 - self.options.overlap) * self._window)))
        pieces = [(at, min(self._window, len(samples) - at)) for at in starts]
        windows = [around(scaled, at, length, self._window) for at, length in pieces]
        ramp = np.minimum(np.arange(1, self._window + 1), np.arange(self._window, 0, -1))
        taper = (ramp / ramp.max()).astype(np.float32)
        total, weight = np.zeros((2, len(samples)), np.float32)
        for (at, length), voice in zip(pieces, self._batches.run(self._hear, windows), strict=True):
            skipped = (self._window - length) // 2
            total[at : at + length] += taper[:length] * voice[skipped : skipped + length]
            weight[at : at + length] += taper[:length]
        return (total / weight * scale).astype(np.float32)

    def _hear(self, windows: list[np.ndarray]) -> np.ndarray:
        """Windows ``[n][samples]`` to their voices ``[n, samples]``: both channels hear the same."""
        batch = self._torch.from_numpy(np.stack(windows).astype(np.float32)).to(self._device)
        channels = self._network.audio_channels
        with self._torch.inference_mode():
            found = self._network(batch[:, None].expand(-1, channels, -1).contiguous())
        return found[:, self._voice].mean(dim=1).float().cpu().numpy()


def around(samples: np.ndarray, at: int, length: int, window: int) -> np.ndarray:
    """``window`` samples with those from ``at`` on, ``length`` of them, in the middle.

    What is short of a window is filled with what the clip has around it, and with zeros beyond its ends.
    """
    start = at - (window - length) // 2
    left, right = max(0, -start), max(0, start + window - len(samples))
    return np.pad(samples[max(0, start) : start + window], (left, right))


def _check(path: Path) -> None:
    """Refuses a file that does not say it holds a Demucs: the package would import any class it names.

    Raises:
        NotReadyError: There is no such file, or it is not one of demucs's.
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


def _revision(model: str) -> str:
    if model in TABLE:
        return store.revision(model)
    path = Path(model)
    return f"{path.name}-{path.stat().st_size if path.is_file() else 0}"
