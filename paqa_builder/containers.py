"""Audio inside containers that libsndfile does not read: MP4, M4A, WebM, Matroska and others.

pydub hands them to ffmpeg. Only files that begin like such a container get there: a damaged WAV file
or a text file with an audio name is not worth a process, and its own error says more.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from paqa_builder.errors import AudioError, NotReadyError

SUFFIXES = (
    ".3gp", ".aac", ".amr", ".avi", ".m4a", ".m4b", ".mka", ".mkv", ".mov", ".mp4", ".weba", ".webm", ".wma",
)  # fmt: skip
"""File name endings of what :func:`decode` reads."""

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
_SHORTFALL, _PADDING = 0.98, 0.1
"""A container promises its audio to within a frame, and an encoder's padding in seconds."""


def is_container(data: bytes) -> bool:
    """True if a file that begins with ``data`` is one that ffmpeg may read and libsndfile cannot."""
    return _BEGINNINGS.match(data) is not None


def decode(data: bytes, name: str) -> tuple[np.ndarray, int]:
    """Decodes the first audio stream.

    Args:
        data: The file's bytes.
        name: The clip's file name, for messages.

    Returns:
        Samples, ``float32 [n, channels]`` in [-1, 1], and their rate in Hz.

    Raises:
        NotReadyError: pydub or ffmpeg is missing.
        AudioError: The file holds no audio stream, or is damaged or truncated.
    """
    segment_class, decode_error, probe = _tools(name)
    with tempfile.TemporaryDirectory(prefix="paqa-") as folder:
        # By a name of ours: ffmpeg reads names like "concat:x" or "-y" as more than names.
        path = os.path.join(folder, "clip")
        Path(path).write_bytes(data)
        found = probe(path) or {}
        streams = [stream for stream in found.get("streams", ()) if stream.get("codec_type") == "audio"]
        if not streams:
            raise AudioError(f"{name}: holds no audio stream that ffmpeg can read")
        try:
            audio = segment_class.from_file(path)
        except (decode_error, IndexError, KeyError, ValueError) as error:
            raise AudioError(f"{name}: ffmpeg cannot decode it ({_last_line(error)})") from error
    whole = np.asarray(audio.get_array_of_samples()).reshape(-1, audio.channels)
    if not len(whole):
        raise AudioError(f"{name}: holds no samples")
    seconds, promised = len(whole) / audio.frame_rate, _promised(streams[0], found)
    if seconds < _SHORTFALL * promised - _PADDING:
        raise AudioError(f"{name}: truncated after {seconds:.2f} of {promised:.2f} s")
    samples = whole.astype(np.float32) / float(1 << (8 * audio.sample_width - 1))
    return samples, int(audio.frame_rate)


def _promised(stream: dict[str, Any], found: dict[str, Any]) -> float:
    """Seconds of audio that the container says it holds; 0 where it does not say.

    A video may run on after its sound, so the whole file's duration only counts where there is none.
    """
    if duration := stream.get("duration"):
        return float(duration)
    if tag := stream.get("tags", {}).get("DURATION"):  # Matroska's way: 00:00:03.007000000
        hours, minutes, seconds = tag.split(":")
        return 3600 * int(hours) + 60 * int(minutes) + float(seconds)
    if all(other.get("codec_type") == "audio" for other in found["streams"]):
        return float(found.get("format", {}).get("duration") or 0)
    return 0.0


def _tools(name: str) -> tuple[Any, Any, Any]:
    """pydub's segment class, its decoding error, and its probe."""
    absent = [tool for tool in ("ffmpeg", "ffprobe") if shutil.which(tool) is None]
    if absent:
        raise NotReadyError(
            f"{name}: only ffmpeg reads this container, and {' and '.join(absent)} is not on the PATH",
            fix="install ffmpeg (Debian: apt-get install ffmpeg; macOS: brew install ffmpeg)",
        )
    try:
        from pydub import AudioSegment
        from pydub.exceptions import CouldntDecodeError
        from pydub.utils import mediainfo_json
    except ImportError as error:
        raise NotReadyError(
            f"{name}: only pydub reads this container, and it does not import ({error})",
            fix="pip install 'paqa-builder[containers]'",
        ) from error
    return AudioSegment, CouldntDecodeError, mediainfo_json


def _last_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
