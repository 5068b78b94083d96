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
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from paqa_builder.errors import AudioError
from paqa_builder.records import AudioInfo

MAX_STEM_RATE = 48_000
"""Stems keep the source's rate up to this one; no separation model hears above it."""

SILENCE_RMS = 1e-4
"""-80 dBFS: below this RMS a signal counts as silent. 16-bit dither sits near -98 dBFS."""

SUFFIXES = (
    ".wav", ".flac", ".ogg", ".oga", ".mp3", ".opus", ".aif", ".aiff",
    ".3gp", ".aac", ".amr", ".avi", ".m4a", ".m4b", ".mka", ".mkv", ".mov", ".mp4", ".weba", ".webm", ".wma",
)  # fmt: skip
"""File name endings that the ``folder`` source collects."""

_BEGINNINGS = re.compile(
    rb"....ftyp"  # ISO base media: MP4, M4A, MOV, 3GP
    rb"|....(?:moov|mdat|wide)"  # QuickTime without a file type box
    rb"|\x1a\x45\xdf\xa3"  # EBML: Matroska, WebM
    rb"|\xff[\xf0\xf1\xf8\xf9]"  # ADTS: bare AAC
    rb"|RIFF....AVI "
    rb"|\x30\x26\xb2\x75\x8e\x66\xcf\x11"  # ASF: WMA
    rb"|#!AMR",
    re.DOTALL,
)
_OGG = b"OggS"
_PAGE_HEADER = struct.Struct("<4sBBqIIIB")
_LAST_PAGE = 0x04


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
        NotReadyError: PyAV lacks the codec, and pydub or ffmpeg, which decode it then, is missing.
    """
    name = Path(path).name
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise AudioError(f"{name}: cannot be read ({error.strerror})") from error
    if not data:
        raise AudioError(f"{name}: the file is empty (0 bytes)")
    decode = _decode_container if is_container(data[:64]) else _decode
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
    if data.startswith(_OGG) and not ogg_complete(data):
        raise AudioError(f"{name}: truncated (its last page is missing)")
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            promised, rate = file.frames, file.samplerate
            samples = file.read(dtype="float32", always_2d=True)
            log = file.extra_info
    except (soundfile.SoundFileError, RuntimeError) as error:
        if data.startswith(_OGG):
            return _decode_container(data, name)
        reason = str(error).partition(": ")[2] or "damaged or truncated"
        raise AudioError(f"{name}: not a readable audio file ({reason})") from error
    if not len(samples):
        raise AudioError(f"{name}: holds no samples")
    if _cut_short(log) or len(samples) < _SHORTFALL * promised:
        raise AudioError(f"{name}: truncated after {len(samples) / rate:.2f} s")
    return samples, rate


def is_container(data: bytes) -> bool:
    """True if a file that begins with ``data`` is a container that libsndfile does not read."""
    return _BEGINNINGS.match(data) is not None


def ogg_complete(data: bytes) -> bool:
    """True if the last Ogg page is whole and marked as the last (RFC 3533)."""
    at = data.rfind(_OGG)
    if at < 0 or len(data) < at + _PAGE_HEADER.size:
        return False
    *_, segments = _PAGE_HEADER.unpack_from(data, at)
    table = data[at + _PAGE_HEADER.size : at + _PAGE_HEADER.size + segments]
    whole = len(data) >= at + _PAGE_HEADER.size + segments + sum(table)
    return len(table) == segments and whole and bool(data[at + 5] & _LAST_PAGE)


def _decode_container(data: bytes, name: str) -> tuple[np.ndarray, int]:
    """Decodes the first audio stream with PyAV: samples ``float32 [n, channels]``, and their rate in Hz.

    Also reads Opus files that libsndfile refuses because a page's granule position is not the number
    of samples so far. Opus comes out at 48 kHz.
    """
    import av

    try:
        with av.open(io.BytesIO(data), "r") as container:
            if not container.streams.audio:
                raise AudioError(f"{name}: holds no audio stream")
            stream = container.streams.audio[0]
            rate, promised = stream.rate, _promised(container, stream)
            planes = av.AudioResampler(format="fltp", rate=rate)
            frames = [*container.decode(stream), None]
            pieces = [piece.to_ndarray() for frame in frames for piece in planes.resample(frame)]
    except av.error.DecoderNotFoundError:
        return _decode_pydub(data, name)
    except (av.FFmpegError, IndexError) as error:
        raise AudioError(f"{name}: not a readable audio file ({error})") from error
    if not pieces:
        raise AudioError(f"{name}: holds no samples")
    samples = np.concatenate(pieces, axis=1).T.astype(np.float32)
    if len(samples) / rate < _SHORTFALL * promised - _PADDING:
        raise AudioError(f"{name}: truncated after {len(samples) / rate:.2f} of {promised:.2f} s")
    return samples, rate


def _decode_pydub(data: bytes, name: str) -> tuple[np.ndarray, int]:
    """Decodes with pydub, whose ffmpeg may have codecs that PyAV was built without."""
    from paqa_builder.errors import NotReadyError

    try:
        from pydub import AudioSegment
        from pydub.exceptions import CouldntDecodeError

        audio = AudioSegment.from_file(io.BytesIO(data))
    except (ImportError, FileNotFoundError) as error:
        raise NotReadyError(
            f"{name}: PyAV lacks the codec, and pydub with ffmpeg cannot be used ({error})",
            fix="install ffmpeg (apt-get install ffmpeg; brew install ffmpeg), then: "
            "pip install 'paqa-builder[containers]'",
        ) from error
    except (CouldntDecodeError, IndexError, KeyError, ValueError) as error:
        raise AudioError(f"{name}: ffmpeg cannot decode it ({str(error).splitlines()[-1:]})") from error
    whole = np.asarray(audio.get_array_of_samples()).reshape(-1, audio.channels)
    return whole.astype(np.float32) / float(1 << (8 * audio.sample_width - 1)), int(audio.frame_rate)


def _promised(container: Any, stream: Any) -> float:
    """Seconds of audio that the container states; 0 where it does not state any.

    A video may be longer than its sound, so the file's duration counts only where all streams are audio.
    """
    if container.format.name in ("aac", "ogg"):  # an estimate from the bit rate; times that need not add up
        return 0.0
    if stream.duration:
        return float(stream.duration * stream.time_base)
    if tag := stream.metadata.get("DURATION"):  # Matroska: 00:00:03.007000000
        hours, minutes, seconds = tag.split(":")
        return 3600 * int(hours) + 60 * int(minutes) + float(seconds)
    if all(other.type == "audio" for other in container.streams):
        return (container.duration or 0) / 1e6
    return 0.0


_PADDING = 0.1
"""Seconds that a codec's padding may add to the duration that a container states."""

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
