"""The manifest of an earlier build: hashes of files that need not be read again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cached_property, lru_cache
from pathlib import Path
from typing import IO, Any

import numpy as np

from paqa_builder.files.checksum import seal, seal_line, unsealed

NAME = "clips.jsonl"
FORMAT = b'{"format":1}\n'
OLD_NAME = "fingerprints.json"
"""The hashes of earlier versions of this package."""
BLOCK = 256
"""Rows of a block."""

Stamp = list[int]
"""Size in bytes, times of the last change of content and of status in nanoseconds."""
PATH, PROBLEM, STAMP, SHA256, TRUTH, ABSOLUTE = 3, 10, slice(11, 14), 14, 15, 16
"""Places in a row; see :mod:`paqa_builder.files.manifest`."""

_ENTRY = np.dtype(
    [("path", "i8"), ("size", "i8"), ("mtime", "i8"), ("ctime", "i8"), ("sha256", "V32"), ("at", "i8")]
)


class EarlierManifest:
    """The manifest in a work folder; empty if it is missing or damaged.

    Attributes:
        file: The open file; None without one.
        blocks: Offset and length of each block of clips.
    """

    def __init__(self, work: Path) -> None:
        self.file: IO[bytes] | None = None
        self.blocks: list[tuple[int, int]] = []
        self._unlisted: list[tuple[int, int]] = []
        self._old: dict[str, list[Any]] = {}
        self._block = lru_cache(4)(self._parsed)
        self._cursor = 0
        self._number = -1
        self._rows: list[list[Any]] = []
        if not self._open(work / NAME):
            self.blocks, self._unlisted = [], []
            self._old = _old_hashes(work / OLD_NAME)

    def line(self, number: int) -> bytes:
        """A block as it is stored; empty if there is none."""
        return self._bytes(*self.blocks[number]) if number < len(self.blocks) else b""

    def at(self, number: int, count: int) -> bool:
        """Whether the last rows of :meth:`row` were all ``count`` rows of a block."""
        return number == self._number and len(self._rows) == count and self._cursor == number * BLOCK + count

    def close(self) -> None:
        """Closes the file; some systems replace no open files."""
        if self.file is not None:
            self.file.close()

    def lines(self) -> Iterator[bytes]:
        """All lines but the checksum."""
        yield FORMAT
        for place in (*self.blocks, *self._unlisted):
            yield self._bytes(*place)

    def row(self, path: str) -> list[Any] | None:
        """The row of a file if it comes next in the order of the earlier listing; goes one further."""
        cursor = self._cursor
        if cursor // BLOCK != self._number:
            self._number = cursor // BLOCK
            self._rows = self._block(self._number) if self._number < len(self.blocks) else []
        place = cursor % BLOCK
        if place >= len(self._rows):
            return None
        row = self._rows[place]
        if (row[ABSOLUTE] or row[PATH]) != path:
            return None
        self._marks[cursor] = 1
        self._cursor = cursor + 1
        return row

    def sha256(self, path: str, stamp: Stamp) -> str:
        """The hash of a file at any place of the earlier listing, or left out by it; empty if unknown.

        The next call of :meth:`row` looks behind it.
        """
        if self._old:
            known = self._old.get(path)
            return known[3] if known and known[:3] == stamp else ""
        table = self._table
        at = int(np.searchsorted(table["path"], hash(path)))
        if at == len(table) or table["path"][at] != hash(path):
            return ""
        entry = table[at]
        if entry["at"] >= 0:
            self._marks[int(entry["at"])] = 1
            self._cursor = int(entry["at"]) + 1
        same = [int(entry[name]) for name in ("size", "mtime", "ctime")] == stamp
        return entry["sha256"].tobytes().hex() if same else ""

    def others(self) -> Iterator[list[list[Any]]]:
        """Blocks of ``[path, size, times, hash]`` of the files that were not asked for."""
        left: list[list[Any]] = []
        for entry in self._unseen():
            left.append(entry)
            if len(left) == BLOCK:
                yield left
                left = []
        if left:
            yield left

    def _unseen(self) -> Iterator[list[Any]]:
        if self._old:
            yield from ([path, *known] for path, known in sorted(self._old.items()))
        for number in range(len(self.blocks)):
            for place, row in enumerate(self._block(number)):
                if row[SHA256] and not self._marks[number * BLOCK + place]:
                    yield [row[ABSOLUTE] or row[PATH], *row[STAMP], row[SHA256]]
        yield from self._unlisted_rows()

    @cached_property
    def _marks(self) -> bytearray:
        return bytearray(len(self.blocks) * BLOCK)

    @cached_property
    def _table(self) -> np.ndarray:
        """All files, sorted by the hash of their paths: 72 bytes each."""
        entries = []
        for number in range(len(self.blocks)):
            for place, row in enumerate(self._block(number)):
                if row[SHA256]:
                    path = row[ABSOLUTE] or row[PATH]
                    entries.append(
                        (hash(path), *row[STAMP], bytes.fromhex(row[SHA256]), number * BLOCK + place)
                    )
        for path, *stamp, sha256 in self._unlisted_rows():
            entries.append((hash(path), *stamp, bytes.fromhex(sha256), -1))
        table = np.array(entries, _ENTRY)
        return table[np.argsort(table["path"], kind="stable")]

    def _unlisted_rows(self) -> Iterator[list[Any]]:
        for place in self._unlisted:
            yield from json.loads(self._bytes(*place))["unlisted"]

    def _parsed(self, number: int) -> list[list[Any]]:
        rows: list[list[Any]] = json.loads(self.line(number))["clips"]
        return rows

    def _bytes(self, offset: int, length: int) -> bytes:
        assert self.file is not None
        return read_at(self.file, offset, length)

    def _open(self, path: Path) -> bool:
        """Finds the blocks of an undamaged file."""
        covered, offset, last = seal(NAME), 0, b""
        try:
            file = open(path, "rb")  # noqa: SIM115 - it is read as long as the plan is
            for line in file:
                covered.update(last)
                for start, places in ((b'{"clips":', self.blocks), (b'{"unlisted":', self._unlisted)):
                    if line.startswith(start):
                        places.append((offset, len(line)))
                offset += len(line)
                last = line
        except OSError:
            return False
        self.file = file
        return last == seal_line(covered) and read_at(file, 0, len(FORMAT)) == FORMAT


def read_at(file: IO[bytes], offset: int, length: int) -> bytes:
    """Some bytes of a file."""
    file.seek(offset)
    return file.read(length)


def _old_hashes(path: Path) -> dict[str, list[Any]]:
    try:
        text = unsealed(path.name, path.read_bytes())
    except OSError:
        text = None
    return json.loads(text) if text else {}
