"""Reading, checking, resampling and writing audio.

Inside the package audio is mono ``float32`` in [-1, 1], shape ``[samples]``, together with its
rate in Hz. Nothing is resampled silently: :func:`resample` is called where a model states the rate
it needs, and results are times in seconds, which no rate changes.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from paqa_builder import containers, ogg
from paqa_builder.errors import AudioError
from paqa_builder.records import AudioInfo

MAX_STEM_RATE = 48_000
"""Stems keep the source's rate up to this one; no separation model hears above it."""

SILENCE_RMS = 1e-4
"""-80 dBFS: below this RMS a signal counts as silent. 16-bit dither sits near -98 dBFS."""

SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".mp3", ".opus", ".aif", ".aiff", *containers.SUFFIXES)
"""File name endings that the ``folder`` source collects: what libsndfile decodes, or ffmpeg does."""


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
    """Decodes a file to mono, with its constant (DC) offset removed.

    Channels are averaged. A DC offset is inaudible, but it upsets energy measures and networks.

    Returns:
        The audio at the file's own rate, and what the decoder found (duration, rate, channels,
        SHA-256 of the file's bytes).

    Raises:
        AudioError: The file is missing, empty, truncated, not audio, or holds NaN or infinite
            samples.
        NotReadyError: The file is a container (MP4, WebM, …) and ffmpeg or pydub is missing.
    """
    name = Path(path).name
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise AudioError(f"{name}: cannot be read ({error.strerror})") from error
    if not data:
        raise AudioError(f"{name}: the file is empty (0 bytes)")
    decode = containers.decode if containers.is_container(data[:64]) else _decode
    samples, rate = decode(data, name)
    if not np.isfinite(samples).all():
        raise AudioError(f"{name}: holds NaN or infinite samples")
    channels = samples.shape[1]
    info = AudioInfo(len(samples) / rate, rate, channels, hashlib.sha256(data).hexdigest())
    mono = samples.mean(axis=1, dtype=np.float64)
    mono -= mono.mean()
    return Audio(mono.astype(np.float32), rate), info


def _decode(data: bytes, name: str) -> tuple[np.ndarray, int]:
    """Decodes with libsndfile: samples ``float32 [n, channels]``, and their rate in Hz."""
    # libsndfile takes what there is of an Ogg file; only its last page says that it was all.
    if data.startswith(ogg.MAGIC) and not ogg.complete(data):
        raise AudioError(f"{name}: truncated (its last page is missing)")
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            promised, rate = file.frames, file.samplerate
            samples = file.read(dtype="float32", always_2d=True)
            log = file.extra_info
    except (soundfile.SoundFileError, RuntimeError) as error:
        if data.startswith(ogg.MAGIC):
            return ogg.decode(data, name)
        reason = str(error).partition(": ")[2] or "damaged or truncated"
        raise AudioError(f"{name}: not a readable audio file ({reason})") from error
    if not len(samples):
        raise AudioError(f"{name}: holds no samples")
    if _cut_short(log) or len(samples) < _SHORTFALL * promised:
        raise AudioError(f"{name}: truncated after {len(samples) / rate:.2f} s")
    return samples, rate


_SHORTFALL = 0.98
"""An MP3's header may promise a frame or two more than there are; a cut file lacks much more."""

_STREAMED = 0x7FFF0000
"""Writers to a pipe cannot know the length; from about this size on, it is none."""


def _cut_short(log: str) -> bool:
    """True if libsndfile found less data in a WAV or AIFF file than its header promises."""
    found = re.search(r"^ ?(?:data|SSND) : (\d+) \(should be (\d+)\)", log, re.MULTILINE)
    return found is not None and int(found[2]) < int(found[1]) < _STREAMED


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

    A little of the mixture hides the separator's artefacts, which recognisers mind more than noise.
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
