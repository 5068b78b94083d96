"""The manifest: all clips of a build in one file, from which parts read their own clips.

::

    WORK/clips.jsonl   {"format":1}
                       {"clips":[…]}      blocks of 256 rows: clip, problem, size, times, hashes, path
                       {"unlisted":[…]}   hashes of files that this listing leaves out
                       {"checksum":…}     see paqa_builder.files.checksum

No process holds the list of all clips: they are written as the source lists them, and a part reads its blocks
when it is processed. Without a work folder to write to, the blocks stay in memory, some 300 bytes a clip.
A file whose size and times of change are those of the earlier manifest is not read again.
"""

from __future__ import annotations

import hashlib
import json
import os
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import numpy as np

from paqa_builder import files
from paqa_builder.files import Fingerprint
from paqa_builder.files.checksum import seal, seal_line
from paqa_builder.files.earlier_manifest import (
    ABSOLUTE,
    BLOCK,
    FORMAT,
    NAME,
    OLD_NAME,
    PATH,
    PROBLEM,
    SHA256,
    STAMP,
    TRUTH,
    EarlierManifest,
    read_at,
)
from paqa_builder.files.exact import clip_of, number, row_of
from paqa_builder.records import NO_TRUTH, Clip, to_json

_BLOCKS_IN_MEMORY = 4
_TRUTH_VALUE = 7
_NO_TRUTH = files.digest(to_json(NO_TRUTH))
_encode = json.JSONEncoder(separators=(",", ":"), default=number).encode

Block = bytes | tuple[int, int]
"""The text of a block, or its offset and length in the file."""


class Manifest:
    """The clips of a listing, in order.

    Attributes:
        count: Number of clips.
        size: Bytes of all audio files together.
        grouped: Whether a clip has groups.
        content: Hash of all that is known of the clips.
    """

    def __init__(
        self, blocks: list[Block], file: IO[bytes] | None, count: int, size: int, grouped: bool, content: str
    ) -> None:
        self.count = count
        self.size = size
        self.grouped = grouped
        self.content = content
        self._blocks = blocks
        self._file = file  # stays readable when a later build replaces the path
        self._block = lru_cache(_BLOCKS_IN_MEMORY)(self._read)

    def items(self, start: int, count: int) -> list[Fingerprint]:
        """The clips at ``count`` positions from ``start``, with the hashes of their annotation."""
        found: list[Fingerprint] = []
        for place in range(start // BLOCK, -(-(start + count) // BLOCK)):
            first = place * BLOCK
            found += self._block(place)[max(0, start - first) : start + count - first]
        return found

    def __iter__(self) -> Iterator[Fingerprint]:
        for place in range(len(self._blocks)):
            yield from self._read(place)

    def repeated_id(self, hashes: array[int]) -> str | None:
        """The first id that several clips have.

        Args:
            hashes: The :func:`hash` of each id.
        """
        values, counts = np.unique(np.frombuffer(hashes, np.int64), return_counts=True)
        if len(values) == self.count:
            return None
        suspects = set(values[counts > 1].tolist())
        ids = Counter(item.clip.id for item in self if hash(item.clip.id) in suspects)
        return next((clip_id for clip_id, times in ids.items() if times > 1), None)

    def _read(self, place: int) -> list[Fingerprint]:
        block = self._blocks[place]
        if not isinstance(block, bytes):
            assert self._file is not None
            block = read_at(self._file, *block)
        rows = json.loads(block)["clips"]
        return [
            Fingerprint(clip_of(row), "" if row[PROBLEM] else row[SHA256], row[TRUTH], row[PROBLEM])
            for row in rows
        ]


def write(clips: Iterable[tuple[Clip, str]], work: Path, *, save: bool = True) -> tuple[Manifest, str | None]:
    """Hashes the bytes of every clip and makes the manifest; an equal one in the work folder is kept.

    Args:
        clips: Clips, each with its problem (empty if there is none).
        save: Whether to write into the work folder.

    Returns:
        The manifest, and an id that several clips have.
    """
    with ExitStack() as stack:
        writer = _Writer(work, stack if save else None)
        for clip, problem in clips:
            writer.add(clip, problem)
        writer.finish()
    manifest = writer.manifest()
    return manifest, manifest.repeated_id(writer.ids)


def forget(work: Path, paths: Iterable[str]) -> None:
    """Removes the hashes of files, so that the next build reads them again."""
    wanted = set(map(os.path.abspath, paths))
    earlier = EarlierManifest(work)
    if not wanted or not earlier.blocks:
        return
    with files.atomic_file(work / NAME) as out:
        covered = seal(NAME)
        for line in earlier.lines():
            content = json.loads(line)
            for row in content.get("clips", ()):
                if (row[ABSOLUTE] or row[PATH]) in wanted:
                    row[STAMP] = [-1, 0, 0]
            if "unlisted" in content:
                content["unlisted"] = [row for row in content["unlisted"] if row[0] not in wanted]
            line = _encode(content).encode() + b"\n"
            covered.update(line)
            out.write(line)
        out.write(seal_line(covered))


def _absolute(path: str) -> str:
    if path.startswith("/") and "//" not in path and "/." not in path:  # most are absolute already
        return path
    return os.path.abspath(path)


def _equal(clip: Clip, problem: str, stamp: list[int], row: list[Any]) -> bool:
    """Whether the row of a clip without annotation, groups and questions is as before."""
    return (
        clip.truth is NO_TRUTH
        and not clip.groups
        and not clip.questions
        and row[PROBLEM] == problem
        and row[STAMP] == stamp
        and row[:_TRUTH_VALUE]
        == [
            clip.id, clip.source, clip.split, clip.path, clip.license, clip.attribution, clip.source_url,
        ]
        and not any(row[_TRUTH_VALUE:PROBLEM])
    )  # fmt: skip


class _Writer:
    """Writes a manifest from the first block on that differs from the earlier one.

    Args:
        stack: Closes the file; None where the manifest is not saved.
    """

    def __init__(self, work: Path, stack: ExitStack | None) -> None:
        self.ids: array[int] = array("q")
        self._path = work / NAME
        self._stack = stack
        self._earlier = EarlierManifest(work)
        self._rows: list[list[Any]] = []
        self._blocks: list[Block] = []
        self._size = 0
        self._grouped = False
        self._changed = False
        self._content = hashlib.sha256()
        self._out: IO[bytes] | None = None
        self._covered = seal(NAME)

    def add(self, clip: Clip, problem: str) -> None:
        """Adds one clip."""
        path = _absolute(os.fspath(clip.path))
        earlier = self._earlier.row(path)
        stamp, sha256 = [0, 0, 0], ""
        try:
            status = os.stat(path)
            stamp = [status.st_size, status.st_mtime_ns, status.st_ctime_ns]
            if earlier is not None and earlier[STAMP] == stamp and earlier[SHA256]:
                sha256 = earlier[SHA256]
            else:
                known = self._earlier.sha256(path, stamp) if earlier is None else ""
                sha256 = known or files.file_sha256(path)
        except OSError:
            stamp = [0, 0, 0]  # the stage `read` reports the error
        self.ids.append(hash(clip.id))
        self._size += stamp[0]
        if earlier is not None and earlier[SHA256] and _equal(clip, problem, stamp, earlier):
            self._rows.append(earlier)
        else:
            self._changed = True
            self._grouped |= bool(clip.groups)
            row = row_of(clip)
            truth = self._truth_hash(clip, row, earlier)
            self._rows.append([*row, problem, *stamp, sha256, truth, 0 if path == row[PATH] else path])
        if len(self._rows) == BLOCK:
            self._flush()

    def finish(self) -> None:
        """Writes what is left."""
        if self._rows:
            self._flush()
        if self._stack is None or not self.ids:
            return
        if self._out is None and len(self._blocks) == len(self._earlier.blocks):
            return
        for rows in self._earlier.others():
            self._write(_encode({"unlisted": rows}).encode() + b"\n")
        self._file().write(seal_line(self._covered))
        self._earlier.close()

    def manifest(self) -> Manifest:
        """The manifest, after its file was closed."""
        file = self._earlier.file
        if self._out is not None:
            file = open(self._path, "rb")  # noqa: SIM115 - it is read as long as the plan is
            with suppress(OSError):
                self._path.with_name(OLD_NAME).unlink()
        return Manifest(
            self._blocks, file, len(self.ids), self._size, self._grouped, self._content.hexdigest()
        )

    @staticmethod
    def _truth_hash(clip: Clip, row: list[Any], earlier: list[Any] | None) -> str:
        if not row[_TRUTH_VALUE]:
            return _NO_TRUTH
        if earlier is not None and earlier[_TRUTH_VALUE] == row[_TRUTH_VALUE]:
            return str(earlier[TRUTH])
        return files.digest(to_json(clip.truth))

    def _flush(self) -> None:
        place = len(self._blocks)
        if self._changed or not self._earlier.at(place, len(self._rows)):
            text = _encode({"clips": self._rows}).encode() + b"\n"
        else:
            text = self._earlier.line(place)
        self._rows, self._changed = [], False
        self._content.update(text)
        if self._out is None and text == self._earlier.line(place):
            self._blocks.append(self._earlier.blocks[place])
        elif self._stack is None:
            self._blocks.append(text)
        else:
            self._file()
            self._blocks.append(self._write(text))

    def _file(self) -> IO[bytes]:
        """The new file, with the blocks that are as before."""
        if self._out is None:
            assert self._stack is not None
            self._out = self._stack.enter_context(files.atomic_file(self._path))
            self._write(FORMAT)
            self._blocks = [self._write(self._earlier.line(place)) for place in range(len(self._blocks))]
        return self._out

    def _write(self, line: bytes) -> tuple[int, int]:
        out = self._file()
        place = (out.tell(), len(line))
        out.write(line)
        self._covered.update(line)
        return place
