"""Rows of earlier builds, found by clip and content.

A corpus that grew, or another ``--limit``, is split into other parts. Rows of unchanged clips stay valid. An
index of 20 bytes a row says in which file and at which offset a clip's row is; the rows stay on the disk.
"""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Collection, Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from paqa_builder.files import Identity, row_identity, state

Row = dict[str, Any]


class KnownRows:
    """The rows in the intact parts of a stage's folder, except those of some files.

    Args:
        skip: Names of files without rows of interest.
    """

    def __init__(self, folder: Path, skip: Collection[str] = ()) -> None:
        self._folder = folder
        self._names = sorted(
            path.name for path in folder.glob("part-*.jsonl") if path.name not in skip and path.is_file()
        )

    def known(self, identities: Iterable[Identity]) -> list[bool]:
        """Whether each of the clips has a row."""
        return [place is not None for place in self._places(list(identities))]

    def rows(self, identities: Iterable[Identity]) -> dict[Identity, Row]:
        """The rows of those clips that have one. Of several rows, that of the last file counts."""
        if not self._names:
            return {}
        wanted = list(identities)
        found = {}
        for name, offsets in self._by_file(filter(None, self._places(wanted))).items():
            with open(self._folder / name, "rb") as file:
                for offset in offsets:
                    file.seek(offset)
                    row = json.loads(file.readline())
                    found[row_identity(row)] = row
        return {identity: found[identity] for identity in wanted if identity in found}

    @cached_property
    def _index(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Hashes of identities, sorted, with the numbers of their files and their offsets there."""
        hashes, numbers, offsets = array("Q"), array("I"), array("Q")
        for number, name in enumerate(self._names):
            content = state.content_of(self._folder / name)
            offset = 0
            for line in content[0].splitlines(keepends=True) if content else ():
                hashes.append(_hash(row_identity(json.loads(line))))
                numbers.append(number)
                offsets.append(offset)
                offset += len(line)
        columns = [np.array(column) for column in (hashes, numbers, offsets)]
        order = np.argsort(columns[0], kind="stable")
        return columns[0][order], columns[1][order], columns[2][order]

    def _places(self, identities: list[Identity]) -> list[tuple[int, int] | None]:
        """Number of the file and offset of the row of each clip; None without a row."""
        if not self._names:
            return [None] * len(identities)
        hashes, numbers, offsets = self._index
        wanted = np.array([_hash(identity) for identity in identities], np.uint64)
        last = np.searchsorted(hashes, wanted, "right").astype(np.int64) - 1
        return [
            (int(numbers[n]), int(offsets[n])) if n >= 0 and hashes[n] == value else None
            for n, value in zip(last, wanted, strict=True)
        ]

    def _by_file(self, places: Iterable[tuple[int, int]]) -> dict[str, list[int]]:
        files: dict[str, list[int]] = {}
        for number, offset in sorted(places):
            files.setdefault(self._names[number], []).append(offset)
        return files


def _hash(identity: Identity) -> int:
    text = "\0".join(identity).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")
