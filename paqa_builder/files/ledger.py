"""Ledger of a stage's folder: which of its files were found to be undamaged, and what they hold.

::

    WORK/<stage>-<key>/ledger.json   for every checked file: size, times of change, checksum, counts

A file is read and its checksum compared once. As long as its size and its times of change stay the same, the
entry of the ledger is used in its place, so that a finished build is not read again. A file without a fitting
entry is read. The ledger carries a checksum itself; without it, all files are read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from paqa_builder import files
from paqa_builder.errors import NotReadyError
from paqa_builder.files import state
from paqa_builder.files.stamps import Stamp, settled, stamp_of

NAME = "ledger.json"


class Entry(NamedTuple):
    """An undamaged file.

    Attributes:
        stamp: Size and times of change.
        checksum: SHA-256 of its name and content, in hexadecimal.
        clips: Number of rows.
        failed: Number of rows with a failure.
        longest: Longest duration in seconds in the rows of the stage *read*; else 0.
    """

    stamp: Stamp
    checksum: str
    clips: int
    failed: int
    longest: float


class Ledger:
    """The checked files of one folder.

    Args:
        folder: A stage's folder; it need not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._changed = False
        content = state.read(folder / NAME) or {"files": {}, "distinct": None}
        self._entries = {name: Entry(tuple(row[0]), *row[1:]) for name, row in content["files"].items()}
        self._distinct: list[Any] | None = content["distinct"]

    def entry(self, name: str) -> Entry | None:
        """The entry of a file, which is read unless it is unchanged; None if it is missing or damaged."""
        try:
            stamp = stamp_of(self.folder / name)
        except OSError:
            return None
        known = self._entries.get(name)
        if known is not None and known.stamp == stamp:
            return known
        found = self._checked(name, stamp)
        if found is not None and settled(stamp):
            self._entries[name] = found
            self._changed = True
        elif known is not None:
            del self._entries[name]
            self._changed = True
        return found

    def intact(self, path: Path) -> bool:
        """Whether a file of the folder is there and undamaged."""
        return self.entry(path.name) is not None

    def checksums(self, parts: Iterable[files.Part]) -> list[str | None]:
        """The checksums of parts; None for those that are missing or damaged."""
        entries = (self.entry(part.name) for part in parts)
        return [entry.checksum if entry else None for entry in entries]

    def settle(self, parts: Iterable[files.Part]) -> int:
        """Checks the parts of a build, writes the ledger, and returns the number of failed clips."""
        names = [part.name for part in parts]
        failed = sum(entry.failed for name in names if (entry := self.entry(name)))
        self.clips(names)
        self.save()
        return failed

    def save(self) -> None:
        """Writes the ledger if a file was checked since it was read.

        Nothing depends on the ledger, so a full or read-only disk is no error.
        """
        if not self._changed:
            return
        try:
            content = {"files": self._entries, "distinct": self._distinct}
            state.write(self.folder / NAME, content, sort_keys=True)
        except NotReadyError:
            return
        self._changed = False

    def clips(self, own: Collection[str] | None = None) -> tuple[int, int, int]:
        """Numbers of different clips, of failed ones and of parts in the folder.

        Args:
            own: Names of parts that are known to have no clip in common, such as those of one build. With
                other parts in the folder, a clip may be in several, and their rows are compared.
        """
        entries = [(name, entry) for name in self.part_names() if (entry := self.entry(name))]
        key = files.digest([[name, entry.checksum] for name, entry in entries], 64)
        if self._distinct is None or self._distinct[0] != key:
            if own is not None and {name for name, _ in entries} <= set(own):
                counts = sum(e.clips for _, e in entries), sum(e.failed for _, e in entries)
            else:
                counts = self._compared(name for name, _ in entries)
            self._distinct = [key, *counts]
            self._changed = True
        return self._distinct[1], self._distinct[2], len(entries)

    def _compared(self, names: Iterable[str]) -> tuple[int, int]:
        failed: dict[int, bool] = {}
        for name in names:
            for row in state.read_rows(self.folder / name):
                failed[hash(row["clip"])] = "failure" in row
        return len(failed), sum(failed.values())

    def part_names(self) -> list[str]:
        """The names of all parts in the folder, sorted."""
        try:
            names = os.listdir(self.folder)
        except OSError:
            return []
        return sorted(name for name in names if name.startswith("part-") and name.endswith(".jsonl"))

    def _checked(self, name: str, stamp: Stamp) -> Entry | None:
        content = state.content_of(self.folder / name)
        if content is None:
            return None
        text, checksum = content
        rows = text.count(b"\n")
        if self.folder.name.startswith("read-"):
            failed, longest = _of_read(text)
        else:
            failed, longest = len(state.failures_in(text)), 0.0
        return Entry(stamp, checksum, rows, failed, longest)


def _of_read(text: bytes) -> tuple[int, float]:
    failed, longest = 0, 0.0
    for line in text.split(b"\n")[:-1]:
        row = json.loads(line)
        if "failure" in row:
            failed += 1
        else:
            longest = max([longest, *(record["duration"] for record in row["records"])])
    return failed, longest
