"""Reading, checking, resampling and writing audio.

Inside the package audio is mono ``float32`` in [-1, 1], shape ``[samples]``, together with its
rate in Hz. Clips of more than ten minutes are in a temporary file (:class:`LongAudio`). Nothing is
resampled silently: :func:`resample` is called where a model states the rate it needs, and results are
times in seconds, which no rate changes.
"""

from __future__ import annotations

import hashlib
import io
import mmap
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import soundfile
import soxr

from paqa_builder.audio import spool
from paqa_builder.audio.containers import Content
from paqa_builder.audio.decode import MAX_SECONDS, decode
from paqa_builder.audio.mixdown import mix_down
from paqa_builder.errors import AudioError
from paqa_builder.files.opening import opened
from paqa_builder.records import AudioInfo

MAX_STEM_RATE = 48_000
"""Stems keep the source's rate up to this one; no separation model uses more."""

SILENCE_RMS = 1e-4
"""-80 dBFS: below this RMS a signal counts as silent. 16-bit dither sits near -98 dBFS."""

_MAPPED_BYTES = 1 << 26
"""Files from this size on are mapped into memory, not read."""

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


@dataclass(frozen=True, slots=True)
class LongAudio(Audio):
    """Audio in a temporary file; ``samples`` is a read-only memory map (see :mod:`paqa_builder.audio.spool`).

    Code that uses all samples at once works, but takes as much memory as they have.

    Attributes:
        folder: Folder of the file, and of those that are made of it.
    """

    folder: Path | None = None

    @property
    def rms(self) -> float:
        squares = sum(
            float(np.sum(np.square(block, dtype=np.float64))) for block in spool.blocks(self.samples)
        )
        return float(np.sqrt(squares / max(1, len(self.samples))))


def read(
    path: str | os.PathLike[str],
    folder: Path | None = None,
    *,
    max_seconds: float = MAX_SECONDS,
    known: AudioInfo | None = None,
) -> tuple[Audio, AudioInfo]:
    """Decodes a file to mono, as :func:`decode.decode` and :func:`mixdown.mix_down` describe.

    Args:
        folder: Folder for the samples of a long file; by default that for temporary files.
        max_seconds: What is longer is an error.
        known: What an earlier call found; a file with the same bytes is decoded faster.

    Returns:
        The audio at the file's own rate, and what the decoder found (duration, rate, channels,
        SHA-256 of the file's bytes, how the channels became one).

    Raises:
        AudioError: The file is missing, empty, truncated, damaged, not audio, or its samples cannot be
            used (NaN or infinite, integers stored as float, channels that cancel each other).
        NotReadyError: The disk is full.
    """
    name = Path(path).name
    try:
        data = _content(Path(path))
    except OSError as error:
        raise AudioError(f"{name}: cannot be read ({error.strerror})") from error
    return read_bytes(data, name, folder, max_seconds=max_seconds, known=known)


def read_bytes(
    data: Content,
    name: str,
    folder: Path | None = None,
    *,
    max_seconds: float = MAX_SECONDS,
    known: AudioInfo | None = None,
) -> tuple[Audio, AudioInfo]:
    """Decodes the bytes of a file as :func:`read` does; ``name`` is for messages."""
    sha256 = _sha256(data)
    duration = known.duration if known is not None and known.sha256 == sha256 else None
    decoded = decode(data, name, folder=folder, max_seconds=max_seconds, known=duration)
    mixed = mix_down(decoded.samples, decoded.rate, name, folder)
    info = AudioInfo(
        len(mixed.samples) / decoded.rate,
        decoded.rate,
        decoded.samples.shape[1],
        sha256,
        mixed.how,
    )
    return _audio(mixed.samples, decoded.rate, folder), info


def _content(path: Path) -> Content:
    with opened(path) as file:
        if os.fstat(file.fileno()).st_size < _MAPPED_BYTES:
            return file.read()
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _sha256(data: Content) -> str:
    whole = hashlib.sha256()
    for at in range(0, len(data), _MAPPED_BYTES):
        whole.update(data[at : at + _MAPPED_BYTES])
        spool.release(data)
    return whole.hexdigest()


def _audio(samples: np.ndarray, rate: int, folder: Path | None) -> Audio:
    return LongAudio(samples, rate, folder) if spool.mapped(samples) else Audio(samples, rate)


def resample(audio: Audio, rate: int) -> Audio:
    """Resamples with soxr at its high quality; keeps the duration to within one sample."""
    if audio.rate == rate:
        return audio
    if isinstance(audio, LongAudio):
        pieces = spool.resampled(audio.samples, audio.rate, rate)
        return LongAudio(spool.filed(pieces, audio.folder), rate, audio.folder)
    samples = soxr.resample(audio.samples, audio.rate, rate, quality="HQ")
    return Audio(fit(samples.astype(np.float32), round(len(audio.samples) * rate / audio.rate)), rate)


def fit(samples: np.ndarray, length: int) -> np.ndarray:
    """Cuts or zero-pads ``[n]`` samples to ``[length]``."""
    if len(samples) >= length:
        return samples[:length]
    return np.pad(samples, (0, length - len(samples)))


def combine(function: Callable[..., np.ndarray], first: Audio, *others: Audio) -> Audio:
    """Applies a function of samples to signals of one rate; the others get the length of the first."""
    if not isinstance(first, LongAudio):
        fitted = [fit(other.samples, len(first.samples)) for other in others]
        return Audio(function(first.samples, *fitted).astype(np.float32, copy=False), first.rate)
    made, at = spool.Spool(first.folder), 0
    for block in spool.blocks(first.samples):
        fitted = [fit(np.array(other.samples[at : at + len(block)]), len(block)) for other in others]
        made.write(function(block, *fitted))
        at += len(block)
        for other in others:
            spool.release(other.samples)
    return LongAudio(made.array(), first.rate, first.folder)


def blend(speech: Audio, mix: Audio, share: float) -> Audio:
    """``share`` of the speech stem and the rest of the mixture.

    A little of the mixture masks the separator's artefacts, which harm speech recognition more than
    noise does.
    """
    return combine(lambda kept, whole: share * kept + (1.0 - share) * whole, speech, mix)


def encode_flac(audio: Audio) -> bytes:
    """Encodes to 16-bit FLAC. Samples outside [-1, 1] are clipped."""
    buffer = io.BytesIO()
    write_flac(audio, buffer)
    return buffer.getvalue()


def write_flac(audio: Audio, file: IO[bytes]) -> None:
    """Writes 16-bit FLAC. Samples outside [-1, 1] are clipped.

    Raises:
        OSError: The file cannot be written.
    """
    target = spool.Target(file)
    with soundfile.SoundFile(target, "w", audio.rate, 1, subtype="PCM_16", format="FLAC") as flac:
        for block in spool.blocks(audio.samples):
            flac.write(np.clip(block, -1.0, 1.0))
            target.check()
    target.check()


def read_stem(file: str | os.PathLike[str] | IO[bytes], folder: Path | None = None, name: str = "") -> Audio:
    """Reads back a file that :func:`write_flac` made.

    Args:
        file: Its path, or the file itself.
        folder: Folder for the samples of a long file; by default that for temporary files.
        name: Its name for messages, if there is no path.

    Raises:
        AudioError: The stem is missing or damaged; redo the *separate* stage.
        NotReadyError: The disk is full.
    """
    try:
        with soundfile.SoundFile(file) as flac:
            rate = flac.samplerate
            if flac.frames > spool.LONG_SECONDS * rate:
                pieces = flac.blocks(spool.BLOCK, dtype="float32")
                return LongAudio(spool.filed(pieces, folder), rate, folder)
            samples = flac.read(dtype="float32")
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise AudioError(
            f"stem {name or Path(str(file)).name} cannot be read ({error})",
            fix="run the same command again with --retry-failed: the stems will be made again",
        ) from error
    return Audio(samples, rate)
