"""Ogg files that libsndfile finds malformed and the rest of the world plays.

libsndfile insists that a page's granule position is the number of samples so far. ffmpeg, which
wrote most of the Opus files there are, keeps the times of what it was given instead, so that a few
per cent of them fail part-way through. PyAV decodes those.
"""

from __future__ import annotations

import io
import struct

import numpy as np

from paqa_builder.errors import AudioError, NotReadyError

MAGIC = b"OggS"
_HEADER = struct.Struct("<4sBBqIIIB")
_LAST_PAGE = 0x04


def decode(data: bytes, name: str) -> tuple[np.ndarray, int]:
    """Decodes the first audio stream: samples ``float32 [n, channels]``, and their rate in Hz.

    Opus comes out at 48 kHz, the rate at which it always works.

    Raises:
        AudioError: The file is damaged for PyAV, too.
        NotReadyError: PyAV is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise NotReadyError(f"{name}: needs PyAV ({error})", fix="pip install av") from error
    try:
        with av.open(io.BytesIO(data), "r") as container:
            rate = container.streams.audio[0].rate
            planes = av.AudioResampler(format="fltp", rate=rate)
            frames = [*container.decode(audio=0), None]
            pieces = [piece.to_ndarray() for frame in frames for piece in planes.resample(frame)]
    except (av.FFmpegError, IndexError) as error:
        raise AudioError(f"{name}: not a readable audio file ({error})") from error
    if not pieces:
        raise AudioError(f"{name}: holds no samples")
    return np.concatenate(pieces, axis=1).T.astype(np.float32), rate


def complete(data: bytes) -> bool:
    """True if the last page is whole and marked as the last (RFC 3533)."""
    at = data.rfind(MAGIC)
    if at < 0 or len(data) < at + _HEADER.size:
        return False
    *_, segments = _HEADER.unpack_from(data, at)
    flags = data[at + 5]
    table = data[at + _HEADER.size : at + _HEADER.size + segments]
    whole = len(data) >= at + _HEADER.size + segments + sum(table)
    return len(table) == segments and whole and bool(flags & _LAST_PAGE)
