"""Decoding of audio files: up to the end of the stream, whatever length a header states.

libsndfile decodes PCM files, FLAC and Ogg; PyAV (FFmpeg's libraries) decodes MP3, AAC and everything
in MP4, Matroska, AVI, ASF and other containers. PyAV also counts what libsndfile decoded: a header may
state less than there is, and a data set's users would then hear more than was analysed.

Only listed containers are opened, each by its own demuxer, from memory and without protocols: bytes
that make FFmpeg open files or sockets (playlists, ``ffconcat``, SDP) are not audio here.
"""

from __future__ import annotations

import hashlib
import io
import mmap
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from paqa_builder.audio import spool
from paqa_builder.audio.containers import Content, missing_bytes, sniff, without_id3
from paqa_builder.errors import AudioError, ClipTooLongError

MAX_SECONDS = 4 * 3600.0
"""Longer clips are refused; a few kilobytes of FLAC may hold days of silence."""

MIN_RATE, MAX_RATE = 1_000, 768_000
"""Sample rates in Hz outside of which a header counts as damaged."""

_LIBSNDFILE = ("wav", "aiff", "iff", "au", "w64", "caf", "voc", "flac", "ogg", None)
"""Containers that libsndfile decodes first; None: what :func:`containers.sniff` does not know."""

_BLOCK = 1 << 18
_RELEASED = 1 << 24
"""Bytes read from a memory map after which they are removed from memory."""

_LONGER = 0.1
"""Seconds that PyAV must decode more than libsndfile before its samples are taken: padding is less."""

_MOST_DAMAGED = 0.05
"""Share of packets that may be undecodable: tags between joined MP3 files are, but few."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """Samples ``float32 [n, channels]`` as the file holds them, and their rate in Hz.

    Samples of a long file are a memory map (see :mod:`paqa_builder.audio.spool`).
    """

    samples: np.ndarray
    rate: int

    @property
    def duration(self) -> float:
        return len(self.samples) / self.rate


def decode(
    data: Content,
    name: str,
    *,
    seconds: float | None = None,
    max_seconds: float = MAX_SECONDS,
    folder: Path | None = None,
    known: float | None = None,
) -> Decoded:
    """Decodes a file's bytes; its first ``seconds`` only, if given.

    Args:
        data: The file's bytes, in any container and codec that libsndfile or PyAV reads.
        name: The file's name, for messages.
        seconds: Decode no more than this. A file that ends earlier must be whole; the end of a longer one
            is not looked at.
        max_seconds: What is longer is an error.
        folder: Folder for the samples of a long file, which are not kept in memory.
        known: Duration of the same bytes, decoded whole before: libsndfile's samples are not compared with
            PyAV's again if they have this duration.

    Raises:
        AudioError: The file is empty, not audio, truncated, damaged, or too long.
        NotReadyError: The disk is full.
    """
    if not data:
        raise AudioError(f"{name}: the file is empty (0 bytes)")
    body = without_id3(data)
    kind = sniff(body)
    most = min(seconds, max_seconds) if seconds else max_seconds
    decoded = _decode(body, kind, name, most, folder, known)
    if not len(decoded.samples):
        raise AudioError(f"{name}: holds no samples")
    if seconds is not None and decoded.duration >= min(seconds, max_seconds):
        return Decoded(decoded.samples[: round(seconds * decoded.rate)], decoded.rate)
    if decoded.duration > max_seconds:
        raise ClipTooLongError(f"{name}: longer than {max_seconds:g} s, the most that a clip may have")
    if (kind and missing_bytes(body, kind)) or (kind == "flac" and _flac_short(body, decoded)):
        raise AudioError(f"{name}: truncated after {decoded.duration:.2f} s")
    return decoded


def _decode(
    data: Content, kind: str | None, name: str, most: float, folder: Path | None, known: float | None
) -> Decoded:
    decoded, refusal = None, ""
    if kind in _LIBSNDFILE:
        try:
            decoded = _with_libsndfile(data, most, folder)
        except (soundfile.SoundFileError, RuntimeError, ValueError) as error:
            refusal = str(error).partition(": ")[2] or "damaged or truncated"
    if kind is None:
        if decoded is None:
            raise AudioError(f"{name}: not a readable audio file ({refusal})")
        return decoded
    try:
        if decoded is None:
            return _with_av(data, kind, name, most, folder)
        if decoded.duration == known:
            return decoded
        if _seconds_by_av(data, kind, name, most) > decoded.duration + _LONGER:
            return _with_av(data, kind, name, most, folder)
    except AudioError:
        if decoded is None:
            if missing_bytes(data, kind):
                raise AudioError(f"{name}: truncated, and not readable up to there") from None
            raise
    return decoded


class _Memory(io.BytesIO):
    """Bytes in which a damaged header's negative offset leads to the beginning.

    An exception would be printed by libsndfile's binding, not raised.
    """

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return super().seek(max(0, offset) if whence == io.SEEK_SET else offset, whence)


class _Mapped(io.RawIOBase):
    """A stream over a memory map, which leaves little of it in memory; offsets as in :class:`_Memory`."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data, self._at, self._read = data, 0, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: len(self._data)}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, target: Any) -> int:
        piece = self._data[self._at : self._at + len(target)]
        target[: len(piece)] = piece
        self._at += len(piece)
        self._read += len(piece)
        if self._read >= _RELEASED:
            self._read = 0
            spool.release(self._data)
        return len(piece)


def _with_libsndfile(data: Content, most: float, folder: Path | None) -> Decoded:
    """Decodes in blocks up to the end, as encodings without seeking (GSM 6.10, G.721) need."""
    stream = _Mapped(data) if isinstance(data, mmap.mmap) else _Memory(data)
    with soundfile.SoundFile(stream) as file:
        rate, blocks, count, tape = file.samplerate, [], 0, None
        while count <= most * rate:
            block = file.read(_BLOCK, dtype="float32", always_2d=True)
            blocks.append(block)
            count += len(block)
            if count > spool.LONG_SECONDS * rate:
                tape = _to(tape, blocks, folder)
            if len(block) < _BLOCK:
                break
        if tape is not None:
            return Decoded(tape.array(), rate)
        return Decoded(blocks[0] if len(blocks) == 1 else np.concatenate(blocks), rate)


def _to(tape: spool.Spool | None, blocks: list[np.ndarray], folder: Path | None) -> spool.Spool:
    """Moves the blocks to a temporary file."""
    tape = tape or spool.Spool(folder)
    for block in blocks:
        tape.write(block)
    blocks.clear()
    return tape


def _seconds_by_av(data: Content, kind: str, name: str, most: float) -> float:
    """Seconds that PyAV decodes."""
    total = 0.0
    for frame in _frames(data, kind, name):
        total += frame.samples / frame.rate
        if total > most:
            break
    return total


def _with_av(data: Content, kind: str, name: str, most: float, folder: Path | None) -> Decoded:
    """Decodes with PyAV; where a stream changes its rate, the first one holds.

    Where it changes its layout, the largest number of channels holds, in long files that of the beginning.

    Opus comes out at 48 kHz.
    """
    import av

    pieces: list[np.ndarray] = []
    rate = channels = 0
    seconds, setup, planes, tape = 0.0, None, None, None
    try:
        for frame in _frames(data, kind, name):
            if not MIN_RATE <= frame.rate <= MAX_RATE:
                raise AudioError(f"{name}: a sample rate of {frame.rate} Hz")
            rate = rate or frame.rate
            if setup != (setup := (frame.format.name, frame.layout.name, frame.rate)):
                pieces += _flush(planes)
                planes = av.AudioResampler(format="fltp", layout=frame.layout, rate=rate)
            assert planes is not None
            pieces += [piece.to_ndarray() for piece in planes.resample(frame)]
            seconds += frame.samples / frame.rate
            if seconds > spool.LONG_SECONDS and pieces:
                channels = channels or max(map(len, pieces))
                tape = _to(tape, [_spread(piece, channels).T for piece in pieces], folder)
                pieces.clear()
            if seconds > most:
                break
        pieces += _flush(planes)
        if tape is not None:
            tape = _to(tape, [_spread(piece, channels).T for piece in pieces], folder)
            return Decoded(tape.array(), rate)
    except av.error.DecoderNotFoundError:
        return _with_pydub(data, kind, name)
    except (av.FFmpegError, ValueError) as error:
        raise AudioError(f"{name}: not a readable audio file ({error})") from error
    if not pieces:
        return Decoded(np.zeros((0, 1), np.float32), rate or 1)
    channels = max(map(len, pieces))
    pieces = [_spread(piece, channels) for piece in pieces]
    return Decoded(np.concatenate(pieces, axis=1).T.astype(np.float32, copy=False), rate)


def _spread(piece: np.ndarray, channels: int) -> np.ndarray:
    """A piece ``[c, n]`` with another number of channels: its mean in each of them."""
    return piece if len(piece) == channels else np.repeat(piece.mean(0, keepdims=True), channels, 0)


def _flush(planes: Any) -> list[np.ndarray]:
    return [piece.to_ndarray() for piece in planes.resample(None)] if planes else []


def _frames(data: Content, kind: str, name: str) -> Iterator[Any]:
    """Yields the decoded frames of the best audio stream, as FFmpeg's players choose it.

    Raises:
        AudioError: There is no audio stream, or too many packets cannot be decoded, or the last.
    """
    import av

    try:
        source = _Mapped(data) if isinstance(data, mmap.mmap) else io.BytesIO(data)
        with av.open(
            source, "r", format=kind, options={"protocol_whitelist": ""}, metadata_errors="ignore"
        ) as container:
            stream = container.streams.best("audio")
            if stream is None:
                raise AudioError(f"{name}: holds no audio stream")
            packets = bad = 0
            last_bad = False
            for packet in container.demux(stream):
                if packet.size:
                    packets += 1
                try:
                    yield from packet.decode()
                    last_bad = last_bad and not packet.size
                except av.error.InvalidDataError:
                    bad, last_bad = bad + 1, True
    except av.error.DecoderNotFoundError:
        raise
    except (av.FFmpegError, IndexError, ValueError, EOFError) as error:
        raise AudioError(f"{name}: not a readable audio file ({error})") from error
    if last_bad and kind != "mp3":  # MP3 may end in tags; its frames are counted by containers.py
        raise AudioError(f"{name}: truncated (its last packet is not whole)")
    if bad > max(1, _MOST_DAMAGED * packets):
        raise AudioError(f"{name}: damaged ({bad} of {packets} packets cannot be decoded)")


def _with_pydub(data: Content, kind: str, name: str) -> Decoded:
    """Decodes with the ffmpeg that pydub finds, which may have codecs that PyAV was built without.

    pydub itself would let ffprobe guess the format, which may be one that opens other files.
    """
    try:
        if shutil.which("ffmpeg") is None:
            raise FileNotFoundError("no ffmpeg on the PATH")
        from pydub import AudioSegment
        from pydub.exceptions import CouldntDecodeError
    except (ImportError, FileNotFoundError) as error:
        raise AudioError(
            f"{name}: PyAV lacks the codec, and pydub with ffmpeg cannot be used ({error})",
            fix="install ffmpeg (apt-get install ffmpeg; brew install ffmpeg), then: "
            "pip install 'paqa-builder[containers]'",
        ) from error
    command = [
        AudioSegment.converter, "-v", "error", "-protocol_whitelist", "pipe", "-f", kind, "-i", "pipe:0",
        "-vn", "-c:a", "pcm_s32le", "-f", "wav", "pipe:1",
    ]  # fmt: skip
    converted = subprocess.run(command, input=data, capture_output=True, check=False)
    try:
        if converted.returncode:
            raise ValueError(converted.stderr.decode("utf-8", "replace").strip() or "no reason given")
        audio = AudioSegment.from_wav(io.BytesIO(converted.stdout))
    except (CouldntDecodeError, IndexError, KeyError, ValueError) as error:
        raise AudioError(f"{name}: ffmpeg cannot decode it ({str(error).splitlines()[-1]})") from error
    whole = np.asarray(audio.get_array_of_samples()).reshape(-1, audio.channels)
    return Decoded(whole.astype(np.float32) / float(1 << 31), int(audio.frame_rate))


def _flac_short(data: Content, decoded: Decoded) -> bool:
    """True if a FLAC stream holds fewer samples than STREAMINFO states, and its MD5 says so too.

    The total may be wrong; the MD5 of the samples (RFC 9639, section 8.2) then still matches.
    """
    total = int.from_bytes(data[21:26], "big") & (1 << 36) - 1
    if len(decoded.samples) >= total:
        return False
    bits = ((data[20] & 1) << 4 | data[21] >> 4) + 1
    width = (bits + 7) // 8
    md5 = hashlib.md5(usedforsecurity=False)
    for block in spool.blocks(decoded.samples):
        whole = np.rint(block.astype(np.float64) * (1 << bits - 1)).astype("<i4")
        md5.update(np.ascontiguousarray(whole).view(np.uint8).reshape(-1, 4)[:, :width].tobytes())
    return md5.digest() != data[26:42]
