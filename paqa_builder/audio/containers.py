"""Recognition of audio containers from their first bytes, and of files that were cut short.

The name of a file says nothing here. A file counts as cut short where its own structure says so: a
chunk that reaches behind the end of the file, an MPEG frame or an Ogg stream without its end.
"""

from __future__ import annotations

import mmap
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

Content = bytes | mmap.mmap
"""The bytes of a file; a large file is a memory map."""

_SIGNATURES: tuple[tuple[str, bytes], ...] = (
    ("wav", rb"(?:RIFF|RIFX|RF64|BW64)....WAVE"),
    ("avi", rb"RIFF....AVI[ \x19X]"),
    ("w64", rb"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"),
    ("aiff", rb"FORM....AIF[FC]"),
    ("iff", rb"FORM....(?:8SVX|16SV)"),
    ("caf", rb"caff\x00\x01"),
    ("au", rb"\.snd|dns\."),
    ("voc", rb"Creative Voice File\x1a"),
    ("flac", rb"fLaC"),
    ("ogg", rb"OggS"),
    ("mov", rb"....ftyp|....(?:moov|mdat|wide|free|skip)"),  # MP4, M4A, 3GP, QuickTime
    ("matroska", rb"\x1a\x45\xdf\xa3"),  # WebM too
    ("asf", rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),  # WMA
    ("amr", rb"#!AMR"),
    ("wv", rb"wvpk"),
    ("tta", rb"TTA1"),
    ("ac3", rb"\x0b\x77"),
    ("aac", rb"\xff[\xf0\xf1\xf8\xf9]"),  # ADTS; an MPEG audio header with the layer that does not exist
)
_PATTERNS = [(kind, re.compile(pattern, re.DOTALL)) for kind, pattern in _SIGNATURES]

_STREAMED = 0x7FFF0000
"""Writers to a pipe cannot know a chunk's length; a 32-bit length from this one on means *unknown*."""


def sniff(data: Content) -> str | None:
    """The container of a file that begins with ``data``, by FFmpeg's name for it; None if unknown."""
    for kind, pattern in _PATTERNS:
        if pattern.match(data):
            return kind
    return "mp3" if next(mpeg_frames(data[: 1 << 16]), None) else None


def without_id3(data: Content) -> Content:
    """``data`` without the ID3v2 tags at its beginning, which writers put before any container."""
    at = 0
    while data[at : at + 3] == b"ID3" and len(data) >= at + 10:
        size = 0
        for byte in data[at + 6 : at + 10]:  # seven bits each
            size = size << 7 | byte & 0x7F
        at += 10 + size + (10 if data[at + 5] & 0x10 else 0)
    return data[at:] if at else data


def missing_bytes(data: Content, kind: str) -> int:
    """Bytes that the file's structure promises beyond its end; 0 for a whole file or one that cannot say.

    Only chunks that hold samples count: a cut list of tags loses no audio.
    """
    if kind == "ogg":
        return 0 if ogg_complete(data) else 1
    if kind == "mp3":
        return _missing_mpeg(data)
    ends = [start + size for start, size in _CHUNKS[kind](data)] if kind in _CHUNKS else []
    return max([0, *(end - len(data) for end in ends)])


def _riff(
    data: Content, order: str = "<", sounds: tuple[bytes, ...] = (b"data",)
) -> Iterator[tuple[int, int]]:
    if data[:4] == b"RIFX":
        order = ">"
    at, long = 12, None
    while at + 8 <= len(data):
        name, (size,) = data[at : at + 4], struct.unpack_from(order + "I", data, at + 4)
        if name == b"ds64" and at + 24 <= len(data):
            long = struct.unpack_from("<Q", data, at + 16)[0]
        if name in sounds or (name == b"LIST" and data[at + 8 : at + 12] == b"movi"):
            if size == 0xFFFFFFFF and long is not None:
                size = long
            elif not 0 < size < _STREAMED:
                return
            yield at + 8, size
        at += 8 + size + size % 2


def _aiff(data: Content) -> Iterator[tuple[int, int]]:
    return _riff(data, ">", (b"SSND", b"BODY"))


def _w64(data: Content) -> Iterator[tuple[int, int]]:
    at = 40
    while at + 24 <= len(data):
        (size,) = struct.unpack_from("<Q", data, at + 16)  # with the chunk's own 24 bytes
        if size < 24:
            return
        if data[at : at + 4] == b"data" and size < 1 << 62:
            yield at, size
        at += size + -size % 8


def _caf(data: Content) -> Iterator[tuple[int, int]]:
    at = 8
    while at + 12 <= len(data):
        name, (size,) = data[at : at + 4], struct.unpack_from(">q", data, at + 4)
        if size < 0:  # up to the end of the file
            return
        if name == b"data":
            yield at + 12, size
        at += 12 + size


def _au(data: Content) -> Iterator[tuple[int, int]]:
    if len(data) >= 12:
        start, size = struct.unpack_from(">II" if data[:1] == b"." else "<II", data, 4)
        if size < _STREAMED:
            yield start, size


def _mov(data: Content) -> Iterator[tuple[int, int]]:
    at = 0
    while at + 8 <= len(data):
        size, name, head = struct.unpack_from(">I", data, at)[0], data[at + 4 : at + 8], 8
        if size == 1 and at + 16 <= len(data):
            size, head = struct.unpack_from(">Q", data, at + 8)[0], 16
        if size < head:  # 0: up to the end of the file
            return
        if name in (b"mdat", b"moov", b"moof"):
            yield at, size
        at += size


def _matroska(data: Content) -> Iterator[tuple[int, int]]:
    at = 0
    for element in (b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"):  # the EBML header, then the segment
        if data[at : at + 4] != element or at + 12 > len(data):
            return
        width = 9 - data[at + 4].bit_length()
        size = int.from_bytes(data[at + 4 : at + 4 + width], "big") & ((1 << 7 * width) - 1)
        if size == (1 << 7 * width) - 1:  # unknown: a live stream
            return
        at += 4 + width
        if element[0] == 0x18:
            yield at, size
        at += size


def _asf(data: Content) -> Iterator[tuple[int, int]]:
    at = 0
    while at + 24 <= len(data):
        (size,) = struct.unpack_from("<Q", data, at + 16)
        if size < 24:
            return
        if data[at : at + 4] == b"\x36\x26\xb2\x75" and size > 50:  # the data object; 50: written to a pipe
            yield at, size
        at += size


_CHUNKS = {
    "wav": _riff, "avi": _riff, "aiff": _aiff, "iff": _aiff, "w64": _w64, "caf": _caf, "au": _au,
    "mov": _mov, "matroska": _matroska, "asf": _asf,
}  # fmt: skip


_OGG_PAGE = struct.Struct("<4sBBqIIIB")
_LAST_PAGE = 0x04


def ogg_complete(data: Content) -> bool:
    """True if the last Ogg page is whole and marked as the last (RFC 3533)."""
    at = data.rfind(b"OggS")
    if at < 0 or len(data) < at + _OGG_PAGE.size:
        return False
    *_, segments = _OGG_PAGE.unpack_from(data, at)
    table = data[at + _OGG_PAGE.size : at + _OGG_PAGE.size + segments]
    whole = len(data) >= at + _OGG_PAGE.size + segments + sum(table)
    return len(table) == segments and whole and bool(data[at + 5] & _LAST_PAGE)


@dataclass(frozen=True, slots=True)
class MpegFrame:
    """One frame of MPEG audio, layers I to III (ISO 11172-3, 13818-3): where it begins, its bytes."""

    start: int
    size: int


_KBITS = {  # by (version 1?, layer): the bit rate index's meaning
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_RUN = 3
"""Frames that must follow each other before bytes count as MPEG audio."""


def _frame_size(data: Content, at: int) -> int:
    """Bytes of the frame whose header is at ``at``; 0 if there is none, or it is of free format."""
    if at + 4 > len(data) or data[at] != 0xFF or data[at + 1] & 0xE0 != 0xE0:
        return 0
    version, layer = data[at + 1] >> 3 & 3, 4 - (data[at + 1] >> 1 & 3)
    index, rate, padding = data[at + 2] >> 4, data[at + 2] >> 2 & 3, data[at + 2] >> 1 & 1
    if version == 1 or layer == 4 or rate == 3 or index in (0, 15):
        return 0
    first = version == 3
    bits, hertz = 1000 * _KBITS[first, layer][index - 1], _RATES[version][rate]
    if layer == 1:
        return (12 * bits // hertz + padding) * 4
    return (144 if first or layer == 2 else 72) * bits // hertz + padding


def mpeg_frames(data: Content) -> Iterator[MpegFrame]:
    """Yields the frames of an MPEG audio stream; tags and junk between them are skipped.

    The last frame may reach behind the end of ``data``.
    """
    at, run = 0, 0
    while 0 <= at < len(data):
        size = _frame_size(data, at)
        if size and (run >= _RUN or _begins_run(data, at)):
            yield MpegFrame(at, size)
            at, run = at + size, run + 1
        else:
            run = 0
            at = data.find(b"\xff", at + 1)


def _begins_run(data: Content, at: int) -> bool:
    for _ in range(_RUN):
        size = _frame_size(data, at)
        if not size:
            return False
        at += size
        if at == len(data):  # a file of fewer frames
            return True
    return True


def _missing_mpeg(data: Content) -> int:
    first = last = None
    for frame in mpeg_frames(data):
        first, last = first or frame, frame
    if first is None or last is None:
        return 0
    declared = _xing_bytes(data[first.start : first.start + first.size])
    # A tag's own count may be a frame off; a second file may have been appended.
    if declared and (short := declared - (len(data) - first.start)) > 0.02 * declared:
        return short
    return max(0, last.start + last.size - len(data))


def _xing_bytes(frame: bytes) -> int:
    """Bytes of the stream that its first frame states (a Xing, Info or VBRI tag); 0 if it does not."""
    if (at := max(frame.find(b"Xing", 0, 64), frame.find(b"Info", 0, 64))) >= 0 and len(frame) >= at + 16:
        flags = frame[at + 7]
        skipped = 4 if flags & 1 else 0
        return int.from_bytes(frame[at + 8 + skipped : at + 12 + skipped], "big") if flags & 2 else 0
    if frame[36:40] == b"VBRI" and len(frame) >= 50:
        return int.from_bytes(frame[46:50], "big")
    return 0
