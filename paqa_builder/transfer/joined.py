"""Files joined end to end, and multi-part ZIP archives as one file.

A multi-part archive (``z01``, ``z02``, …, ``zip``) places its members by the number of a part and an offset
inside it, which :mod:`zipfile` does not read; stream-unzip reads no parts either. :func:`joined_zip` joins
the parts without copying them, and rewrites the table of contents in memory with offsets from the
beginning of the first part. :mod:`zipfile` then reads the archive as one file, with all its checks.

Layout: PKWARE, ".ZIP File Format Specification" 6.3.10, sections 4.3.12 to 4.3.16 and 4.5.3.
"""

from __future__ import annotations

import io
import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import IO, Any
from zipfile import BadZipFile

from paqa_builder.transfer.seekable import SeekableFile

_END, _END64, _LOCATOR, _ENTRY = b"PK\5\6", b"PK\6\6", b"PK\6\7", b"PK\1\2"
_LONGEST_COMMENT = 0xFFFF
_CONTENTS_BYTES = 512 << 20
_FULL2, _FULL4 = 0xFFFF, 0xFFFFFFFF
_ZIP64 = 0x0001


class Joined(SeekableFile):
    """Seekable files, or the beginnings of files, read as one."""

    def __init__(self, parts: Sequence[tuple[IO[bytes], int]]) -> None:
        """Joins parts.

        Args:
            parts: Each file with the number of its bytes that count.
        """
        self._parts = parts
        self.starts = [0, *accumulate(size for _, size in parts)]
        self.size = self.starts[-1]

    def readinto(self, buffer: Any) -> int:
        if self._place >= self.size:
            return 0
        index = bisect_right(self.starts, self._place) - 1
        file, _ = self._parts[index]
        file.seek(self._place - self.starts[index])
        data = file.read(min(len(buffer), self.starts[index + 1] - self._place))
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)


@dataclass(frozen=True, slots=True)
class _End:
    """The end of a table of contents: numbers of parts, and the place of the table."""

    part: int
    table_part: int
    entries: int
    table_bytes: int
    table_offset: int


def joined_zip(parts: Sequence[tuple[IO[bytes], int]]) -> IO[bytes]:
    """A file that :class:`zipfile.ZipFile` opens, from all parts of a ZIP archive in order.

    Args:
        parts: Seekable files with their sizes; the last one is the ``.zip``.

    Raises:
        BadZipFile: The table of contents is missing or malformed, or the number of parts differs.
    """
    whole = Joined(parts)
    if len(parts) == 1:
        return io.BufferedReader(whole, 1 << 16)
    end = _read_end(whole)
    if end.part != len(parts) - 1:
        raise BadZipFile(f"the archive has {end.part + 1} parts, not {len(parts)}")
    if end.table_bytes > _CONTENTS_BYTES or end.table_part > end.part:
        raise BadZipFile("the table of contents is malformed")
    start = whole.starts[end.table_part] + end.table_offset
    table = b"".join(_rewritten(_read(whole, start, end.table_bytes), whole.starts[:-1], end.entries))
    tail = io.BytesIO(table + _new_end(end.entries, len(table), start))
    kept = [(file, min(size, start - at)) for (file, size), at in zip(parts, whole.starts, strict=False)]
    kept = [(file, size) for file, size in kept if size > 0]
    return io.BufferedReader(Joined([*kept, (tail, len(tail.getvalue()))]), 1 << 16)


def _read(file: Joined, start: int, size: int) -> bytes:
    file.seek(start)
    data = io.BufferedReader(file, 1 << 16)
    try:
        content = data.read(size)
    finally:
        data.detach()
    if len(content) < size:
        raise BadZipFile("the archive is cut")
    return content


def _read_end(whole: Joined) -> _End:
    begin = max(0, whole.size - 22 - _LONGEST_COMMENT)
    tail = _read(whole, begin, whole.size - begin)
    place = tail.rfind(_END)
    if place < 0 or place + 22 > len(tail):
        raise BadZipFile("the last part has no end of a table of contents")
    part, table_part, _, entries, table_bytes, offset = struct.unpack_from("<4H2L", tail, place + 4)
    locator = tail[max(0, place - 20) : place]
    if not locator.startswith(_LOCATOR):
        return _End(part, table_part, entries, table_bytes, offset)
    end_part, end_offset, _ = struct.unpack_from("<LQL", locator, 4)
    if end_part >= len(whole.starts) - 1:
        raise BadZipFile("the table of contents is malformed")
    record = _read(whole, whole.starts[end_part] + end_offset, 56)
    if not record.startswith(_END64):
        raise BadZipFile("the table of contents is malformed")
    part, table_part, _, entries, table_bytes, offset = struct.unpack_from("<2L4Q", record, 16)
    return _End(part, table_part, entries, table_bytes, offset)


def _rewritten(table: bytes, starts: Sequence[int], entries: int) -> Iterator[bytes]:
    """The entries of a table of contents, with places from the beginning of the first part."""
    place = 0
    for _ in range(entries):
        if table[place : place + 4] != _ENTRY or place + 46 > len(table):
            raise BadZipFile("the table of contents is malformed")
        packed, size, name_bytes, extra_bytes, comment_bytes, part = struct.unpack_from(
            "<2L4H", table, place + 20
        )
        (offset,) = struct.unpack_from("<L", table, place + 42)
        rest = place + 46
        name = table[rest : rest + name_bytes]
        extra = table[rest + name_bytes : rest + name_bytes + extra_bytes]
        comment = table[rest + name_bytes + extra_bytes : rest + name_bytes + extra_bytes + comment_bytes]
        others, large = _without_zip64(extra)
        try:
            size, packed, offset = (
                large.pop(0) if value == _FULL4 else value for value in (size, packed, offset)
            )
            part = large.pop(0) & _FULL4 if part == _FULL2 else part
            absolute = starts[part] + offset
        except IndexError:
            raise BadZipFile("the table of contents is malformed") from None
        extra = struct.pack("<2H3Q", _ZIP64, 24, size, packed, absolute) + others
        if len(extra) > _FULL2:
            raise BadZipFile("the table of contents is malformed")
        yield b"".join(
            (
                table[place : place + 20],
                struct.pack("<2L4H", _FULL4, _FULL4, name_bytes, len(extra), comment_bytes, 0),
                table[place + 36 : place + 42], struct.pack("<L", _FULL4), name, extra, comment,
            )
        )  # fmt: skip
        place = rest + name_bytes + extra_bytes + comment_bytes


def _without_zip64(extra: bytes) -> tuple[bytes, list[int]]:
    """The extra fields of an entry other than ZIP64, and the numbers of the ZIP64 field."""
    others, numbers, place = b"", [], 0
    while place + 4 <= len(extra):
        kind, size = struct.unpack_from("<2H", extra, place)
        field = extra[place + 4 : place + 4 + size]
        if kind == _ZIP64:
            numbers = [int.from_bytes(field[at : at + 8], "little") for at in range(0, len(field), 8)]
        else:
            others += extra[place : place + 4] + field
        place += 4 + size
    return others, numbers


def _new_end(entries: int, table_bytes: int, start: int) -> bytes:
    """The end of the rewritten table, in the form for large archives of one part."""
    end64 = struct.pack("<4sQ2H2L4Q", _END64, 44, 45, 45, 0, 0, entries, entries, table_bytes, start)
    locator = struct.pack("<4sLQL", _LOCATOR, 0, start + table_bytes, 1)
    end = struct.pack("<4s4H2LH", _END, 0, 0, _FULL2, _FULL2, _FULL4, _FULL4, 0)
    return end64 + locator + end
