"""Kills a process before its nth change of a file."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

CHANGES = frozenset(["os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink"])
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def stop_before(last: int, folder: Path, count_file: Path | None = None) -> None:
    """Installs an audit hook in this process, which cannot be removed.

    A change is a file opened for writing, a rename, a new folder or a removal below ``folder``.

    Args:
        last: Number of the change before which the process gets SIGKILL; 0: none.
        count_file: File that gets a byte per change.
    """
    process, place, count = os.getpid(), str(folder), 0
    counter = os.open(count_file, os.O_CREAT | os.O_WRONLY) if count_file else None

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count
        if event == "open":
            changes = isinstance(arguments[2], int) and bool(arguments[2] & WRITES)
        else:
            changes = event in CHANGES
        if changes and os.getpid() == process and str(arguments[0]).startswith(place):
            count += 1
            if counter is not None:
                os.write(counter, b".")
            if count == last:
                os.kill(process, signal.SIGKILL)

    sys.addaudithook(watch)
