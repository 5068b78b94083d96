"""The files of one format while they are written."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Any, cast

# Line separators that JSON does not escape and that some readers of lines cut at.
_SEPARATORS = {ord(mark): f"\\u{ord(mark):04x}" for mark in "\u2028\u2029\x85"}


def as_line(row: Any) -> str:
    """A JSON value in one line of text."""
    return json.dumps(row, ensure_ascii=False, allow_nan=False).translate(_SEPARATORS)


class Output:
    """The folder of one format.

    Attributes:
        home: The folder at the end of the export. Files are written elsewhere first.
        rows: Number of rows by file; a text file has one.
        left_out: Reasons and numbers of what is not exported.
    """

    def __init__(self, home: Path, written: Path) -> None:
        self.home, self._written = home, written
        self.rows: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()
        self._lists: set[str] = set()
        self._open: dict[str, IO[bytes]] = {}
        self._stack = ExitStack()

    def row(self, name: str, row: Mapping[str, Any]) -> None:
        """Adds a row to a file of JSON lines (``.jsonl``, ``.jsonl.gz``) or to a JSON list (``.json``)."""
        if not name.endswith(".json"):
            self.line(name, row)
            return
        self._lists.add(name)
        self.stream(name).write(((",\n" if self.rows[name] else "[\n") + as_line(row)).encode())
        self.rows[name] += 1

    def line(self, name: str, row: Mapping[str, Any]) -> None:
        """Adds a line of JSON to a file of any name."""
        self.stream(name).write((as_line(row) + "\n").encode())
        self.rows[name] += 1

    def table(self, name: str, columns: list[str], cells: list[Any]) -> None:
        """Adds a row to a CSV file."""
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        if name not in self._open:
            table.writerow(columns)
        table.writerow(cells)
        self.stream(name).write(text.getvalue().encode())

    def text(self, name: str, text: str, *, rows: int = 1) -> None:
        """Writes a whole file.

        Args:
            rows: What it counts as; 0 for a file that describes others.
        """
        path = self._path(name)
        path.write_bytes(text.encode("utf-8", "replace"))
        self.rows[name] += rows

    def stream(self, name: str) -> IO[bytes]:
        """An open binary file, which is closed at the end of the export."""
        if name not in self._open:
            file: IO[bytes] = self._stack.enter_context(self._path(name).open("wb"))
            if name.endswith(".gz"):  # without a time, so that equal rows give equal bytes
                packed = self._stack.enter_context(gzip.GzipFile("", "wb", 6, file, mtime=0))
                file = cast("IO[bytes]", packed)
            self._open[name] = file
        return self._open[name]

    def leave_out(self, reason: str, number: int = 1) -> None:
        """Counts what is not exported."""
        self.left_out[reason] += number

    def relative(self, path: Path) -> str:
        """A file's path relative to the folder of the format, with ``/``."""
        return Path(os.path.relpath(path, self.home)).as_posix()

    def close(self) -> None:
        """Ends lists and closes all files."""
        for name in self._lists:
            self._open[name].write(b"\n]\n")
        self._stack.close()

    def discard(self) -> None:
        """Closes all files of an export that failed."""
        with suppress(OSError):  # of a full disk, which is reported already
            self._stack.close()

    def files(self) -> Iterator[tuple[str, Path]]:
        """Names, with ``/``, and paths of the files written."""
        for path in sorted(self._written.rglob("*")):
            if path.is_file():
                yield path.relative_to(self._written).as_posix(), path

    def _path(self, name: str) -> Path:
        path = self._written / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path
