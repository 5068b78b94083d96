"""Reading, checking, resampling and writing audio.

Inside the package audio is mono ``float32`` in [-1, 1], shape ``[samples]``, together with its
rate in Hz. Nothing is resampled silently: :func:`resample` is called where a model states the rate
it needs, and results are times in seconds, which no rate changes.
"""

from __future__ import annotations

import hashlib
import io
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from paqa_builder.audio.decode import decode
from paqa_builder.audio.mixdown import mix_down
from paqa_builder.errors import AudioError
from paqa_builder.records import AudioInfo

MAX_STEM_RATE = 48_000
"""Stems keep the source's rate up to this one; no separation model uses more."""

SILENCE_RMS = 1e-4
"""-80 dBFS: below this RMS a signal counts as silent. 16-bit dither sits near -98 dBFS."""

SUFFIXES = (
    ".wav", ".wave", ".bwf", ".rf64", ".w64", ".flac", ".ogg", ".oga", ".spx", ".opus", ".mp3", ".mp2",
    ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".voc", ".wv", ".tta", ".ac3", ".eac3",
    ".3gp", ".aac", ".amr", ".avi", ".m4a", ".m4b", ".mka", ".mkv", ".mov", ".mp4", ".weba", ".webm", ".wma",
)  # fmt: skip
"""File name endings that the ``folder`` source collects."""


@dataclass(frozen=True, slots=True)
class Audio:
    """Mono samples, ``float32 [n]``, and their rate in Hz."""

    samples: np.ndarray
    rate: int

    @property
    def duration(self) -> float:
        return len(self.samples) / self.rate

    @property
    def rms(self) -> float:
        if not len(self.samples):
            return 0.0
        return float(np.sqrt(np.mean(np.square(self.samples, dtype=np.float64))))

    @property
    def silent(self) -> bool:
        return self.rms < SILENCE_RMS


def read(path: str | os.PathLike[str]) -> tuple[Audio, AudioInfo]:
    """Decodes a file to mono, as :func:`decode.decode` and :func:`mixdown.mix_down` describe.

    Returns:
        The audio at the file's own rate, and what the decoder found (duration, rate, channels,
        SHA-256 of the file's bytes, how the channels became one).

    Raises:
        AudioError: The file is missing, empty, truncated, damaged, not audio, or its samples cannot be
            used (NaN or infinite, integers stored as float, channels that cancel each other).
    """
    name = Path(path).name
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise AudioError(f"{name}: cannot be read ({error.strerror})") from error
    decoded = decode(data, name)
    mixed = mix_down(decoded.samples, decoded.rate, name)
    info = AudioInfo(
        len(mixed.samples) / decoded.rate,
        decoded.rate,
        decoded.samples.shape[1],
        hashlib.sha256(data).hexdigest(),
        mixed.how,
    )
    return Audio(mixed.samples, decoded.rate), info


def resample(audio: Audio, rate: int) -> Audio:
    """Resamples with soxr at its high quality; keeps the duration to within one sample."""
    if audio.rate == rate:
        return audio
    samples = soxr.resample(audio.samples, audio.rate, rate, quality="HQ")
    return Audio(fit(samples.astype(np.float32), round(len(audio.samples) * rate / audio.rate)), rate)


def fit(samples: np.ndarray, length: int) -> np.ndarray:
    """Cuts or zero-pads ``[n]`` samples to ``[length]``."""
    if len(samples) >= length:
        return samples[:length]
    return np.pad(samples, (0, length - len(samples)))


def blend(speech: Audio, mix: Audio, share: float) -> Audio:
    """``share`` of the speech stem and the rest of the mixture.

    A little of the mixture masks the separator's artefacts, which harm speech recognition more than
    noise does.
    """
    samples = share * speech.samples + (1.0 - share) * mix.samples
    return Audio(samples.astype(np.float32), mix.rate)


def encode_flac(audio: Audio) -> bytes:
    """Encodes to 16-bit FLAC. Samples outside [-1, 1] are clipped."""
    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(audio.samples, -1.0, 1.0), audio.rate, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def read_stem(path: str | os.PathLike[str]) -> Audio:
    """Reads back a file that :func:`encode_flac` made.

    Raises:
        AudioError: The stem is missing or damaged; redo the *separate* stage.
    """
    try:
        samples, rate = soundfile.read(path, dtype="float32")
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise AudioError(
            f"stem {Path(path).name} cannot be read ({error})",
            fix=f"rm -r '{Path(path).parent.parent}' and build again: the stems will be remade",
        ) from error
    return Audio(samples, rate)
