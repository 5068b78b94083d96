"""Size and times of change of a file, by which it is recognised as unchanged."""

from __future__ import annotations

import os
import time

Stamp = tuple[int, int, int]
"""Size in bytes, times of the last change of content and of status in nanoseconds.

A program that sets the time of the last change of content cannot set the other."""

_FINE, _COARSE = 0.1, 2.0
"""Seconds after a change in which a second change may get the same time: where times are finer than a
millisecond (kernels advance them every 10 ms), and elsewhere (FAT: 2 s)."""


def stamp_of(path: str | os.PathLike[str]) -> Stamp:
    """The stamp of a file.

    Raises:
        OSError: There is none.
    """
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def settled(stamp: Stamp) -> bool:
    """Whether any later change gives another stamp. Only then does an equal stamp mean an unchanged file."""
    fine = any(nanoseconds % 1_000_000 for nanoseconds in stamp[1:])
    return max(stamp[1:]) < (time.time() - (_FINE if fine else _COARSE)) * 1e9


def wait() -> None:
    """Waits until files that were just written are settled, on a file system with fine times."""
    time.sleep(1.5 * _FINE)
