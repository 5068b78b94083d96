"""Runs ``paqa`` and kills it before its nth change of a file below a folder.

::

    python stop_at.py N FOLDER COUNT_FILE build --config build.yaml

A change is a file opened for writing, a rename or a removal, as Python's audit events report them. With N = 0
the command runs to its end, and the number of changes is written to COUNT_FILE.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

CHANGES = frozenset(
    ["os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate"]
)
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def main() -> None:
    """Installs the audit hook and runs the command."""
    last, folder, count_file = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    process, count = os.getpid(), 0

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count
        if event == "open":
            changes = isinstance(arguments[2], int) and bool(arguments[2] & WRITES)
        else:
            changes = event in CHANGES
        if changes and os.getpid() == process and str(arguments[0]).startswith(folder):
            count += 1
            if count == last:
                os.kill(process, signal.SIGKILL)

    sys.addaudithook(watch)
    sys.argv = ["paqa", *sys.argv[4:]]
    from paqa_builder.cli import main as paqa

    try:
        paqa()
    finally:
        if not last:
            with open(count_file, "w") as file:
                file.write(str(count))


if __name__ == "__main__":
    main()
