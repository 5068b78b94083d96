"""Fingerprints of many clips in one file, as memory maps: five bytes a frame on the disk, few in memory."""

from __future__ import annotations

import hashlib
import mmap
import tempfile
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from paqa_builder.files import disk_errors
from paqa_builder.leaks.fingerprint import AcousticFingerprint

BLOCK = 1 << 19
"""Frames that are looked at together; a longer clip is a block of its own."""

_BUFFER = 1 << 20


class Prints:
    """Fingerprints in two temporary files, which have no names and are gone when they are closed.

    Attributes:
        starts: ``int64 [clips + 1]``: the first frame of each clip, and the number of frames.
        sounding: ``int64 [clips]``: number of active frames of each clip.
        pcm: ``uint64 [clips]``: hash of the decoded samples; 0 for silence.
        bits: ``uint32 [frames]``.
        active: ``bool [frames]``.

    Args:
        clips: The fingerprints; an iterator is read once.
        folder: Folder of the files; the system's folder for temporary files by default.

    Raises:
        NotReadyError: The disk is full.
    """

    def __init__(self, clips: Iterable[AcousticFingerprint], folder: Path | None = None) -> None:
        self._folder = folder or Path(tempfile.gettempdir())
        starts, sounding, pcm = array("q", [0]), array("q"), array("Q")
        with disk_errors(self._folder / "fingerprints", "--work"):
            # The memory maps keep the files open.
            bits = tempfile.TemporaryFile(dir=self._folder, buffering=_BUFFER)  # noqa: SIM115
            active = tempfile.TemporaryFile(dir=self._folder, buffering=_BUFFER)  # noqa: SIM115
            for clip in clips:
                bits.write(np.ascontiguousarray(clip.bits, np.uint32).data)
                active.write(np.ascontiguousarray(clip.active, bool).data)
                starts.append(starts[-1] + len(clip.bits))
                sounding.append(int(clip.active.sum()))
                pcm.append(_hash(clip.pcm))
            bits.flush()
            active.flush()
        self.starts, self.sounding, self.pcm = (_numbers(column) for column in (starts, sounding, pcm))
        self.bits = _mapped(bits, np.dtype(np.uint32), starts[-1])
        self.active = _mapped(active, np.dtype(bool), starts[-1])

    def __len__(self) -> int:
        return len(self.pcm)

    @property
    def folder(self) -> Path:
        """Folder for further temporary files."""
        return self._folder

    def blocks(self) -> Iterator[tuple[int, int]]:
        """Yields ranges [first, last) of clips with about :data:`BLOCK` frames."""
        first = 0
        while first < len(self):
            last = int(np.searchsorted(self.starts, self.starts[first] + BLOCK, "right")) - 1
            last = max(last, first + 1)
            yield first, last
            self.release()
            first = last

    def owners(self, frames: np.ndarray) -> np.ndarray:
        """The clip of each of some frames."""
        return np.searchsorted(self.starts, frames, "right") - 1

    def release(self) -> None:
        """Gives back the memory of frames that were read."""
        for column in (self.bits, self.active):
            mapping = getattr(column, "_mmap", None)
            if mapping is not None and hasattr(mmap, "MADV_DONTNEED"):
                mapping.madvise(mmap.MADV_DONTNEED)


def _mapped(file: object, kind: np.dtype, count: int) -> np.ndarray:
    if not count:  # an empty file cannot be mapped
        return np.zeros(0, kind)
    return np.memmap(file, kind, "r", shape=(count,))  # type: ignore[call-overload]


def _numbers(column: array) -> np.ndarray:
    return np.frombuffer(column, column.typecode) if len(column) else np.zeros(0, column.typecode)


def _hash(pcm: str) -> int:
    if not pcm:
        return 0
    return int.from_bytes(hashlib.blake2b(pcm.encode(), digest_size=8).digest(), "little") or 1
