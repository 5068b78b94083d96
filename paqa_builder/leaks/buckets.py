"""Numbers on the disk, divided by size into buckets that fit into memory."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from paqa_builder.files import disk_errors

_BUFFER = 1 << 16


class Buckets:
    """Collects ``uint64`` numbers in temporary files: one for each range of numbers.

    Args:
        bounds: Ascending smallest numbers of all buckets but the first.
        folder: Folder of the files.

    Raises:
        NotReadyError: The disk is full.
    """

    def __init__(self, bounds: np.ndarray, folder: Path) -> None:
        self._bounds = bounds.astype(np.uint64)
        self._folder = folder
        self._stack = ExitStack()
        self._files = [
            self._stack.enter_context(tempfile.TemporaryFile(dir=folder, buffering=_BUFFER))  # noqa: SIM115
            for _ in range(len(bounds) + 1)
        ]
        self._counts = [0] * len(self._files)

    def add(self, numbers: np.ndarray) -> None:
        """Adds numbers in any order."""
        numbers = np.sort(numbers)
        edges = [0, *np.searchsorted(numbers, self._bounds).tolist(), len(numbers)]
        with disk_errors(self._folder / "fingerprints", "--work"):
            for n, (first, last) in enumerate(itertools.pairwise(edges)):
                if last > first:
                    self._files[n].write(numbers[first:last].data)
                    self._counts[n] += last - first

    def sorted(self) -> Iterator[np.ndarray]:
        """Yields the numbers of one bucket after the other, sorted; the files are gone afterwards."""
        with self._stack:
            for file, count in zip(self._files, self._counts, strict=True):
                file.seek(0)
                numbers = np.frombuffer(bytearray(file.read()), np.uint64)
                assert len(numbers) == count
                file.truncate(0)
                numbers.sort()
                yield numbers
