"""Long signals in a temporary file instead of memory.

The samples of two hours are gigabytes. Signals longer than :data:`LONG_SECONDS` are therefore written to
a temporary file, block by block, and used as a read-only memory map. The file has no name, or is deleted
when it is closed, so that nothing is left after a crash. Pages that were read count as memory of the
process until :func:`release` gives them back; :func:`blocks` does this after every block.
"""

from __future__ import annotations

import io
import mmap
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any

import numpy as np

from paqa_builder.files import disk_errors

LONG_SECONDS = 600.0
"""Signals of more seconds are in a file. Below, results do not depend on blocks."""

BLOCK = 1 << 20
"""Samples in a block."""


class Spool:
    """A temporary file of float32 samples ``[n]`` or ``[n, channels]``.

    Args:
        folder: Folder of the file; the system's folder for temporary files by default.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or Path(tempfile.gettempdir())
        self._count = 0
        self._shape: tuple[int, ...] = ()
        with self._disk():
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - the memory map keeps it

    def write(self, block: np.ndarray) -> None:
        """Appends samples.

        Raises:
            NotReadyError: The disk is full, or the folder is not writable.
        """
        self._count += len(block)
        self._shape = block.shape[1:]
        with self._disk():
            self._file.write(np.ascontiguousarray(block, dtype=np.float32).data)

    def array(self) -> np.ndarray:
        """The samples as a read-only memory map."""
        with self._disk():
            self._file.flush()
        return np.memmap(self._file, np.float32, "r", shape=(self._count, *self._shape))

    def _disk(self) -> AbstractContextManager[None]:
        return disk_errors(self._folder / "samples of a long clip", "--work")


def mapped(samples: Any) -> bool:
    """Whether samples are in a file."""
    return getattr(samples, "_mmap", None) is not None


def release(samples: Any) -> None:
    """Removes the pages of a memory map from memory; they are read again when they are needed."""
    mapping = samples if isinstance(samples, mmap.mmap) else getattr(samples, "_mmap", None)
    if mapping is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapping.madvise(mmap.MADV_DONTNEED)


def blocks(samples: np.ndarray) -> Iterator[np.ndarray]:
    """Yields samples in memory as they are, and those in a file block by block."""
    if not mapped(samples):
        yield samples
        return
    for at in range(0, len(samples), BLOCK):
        yield np.array(samples[at : at + BLOCK])
        release(samples)


def filed(pieces: Iterable[np.ndarray], folder: Path | None) -> np.ndarray:
    """Writes pieces of a signal to one temporary file; returns its memory map."""
    spool = Spool(folder)
    for piece in pieces:
        spool.write(piece)
    return spool.array()


def resampled(samples: np.ndarray, old: int, new: int) -> Iterator[np.ndarray]:
    """Yields blocks of a signal at another sample rate; their lengths sum to that of the whole, rounded."""
    import soxr

    stream = soxr.ResampleStream(old, new, 1, dtype="float32", quality="HQ")
    left = round(len(samples) * new / old)
    for block in blocks(samples):
        piece = stream.resample_chunk(block)[:left]
        left -= len(piece)
        yield piece
    piece = stream.resample_chunk(np.zeros(0, np.float32), last=True)[:left]
    yield np.pad(piece, (0, left - len(piece)))


class Target(io.RawIOBase):
    """A file that libsndfile writes to. It keeps an error until :meth:`check`.

    libsndfile's binding prints an exception of a stream and goes on, so the file would lack a part.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._error: OSError | None = None

    def check(self) -> None:
        """Raises the first error, if there was one."""
        if self._error is not None:
            raise self._error

    def write(self, data: Any) -> int:
        self._tried(lambda: self._file.write(data))
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._tried(lambda: self._file.seek(offset, whence))

    def tell(self) -> int:
        return self._tried(self._file.tell)

    def _tried(self, step: Callable[[], int]) -> int:
        if self._error is None:
            try:
                return step()
            except OSError as error:
                self._error = error
        return 0
