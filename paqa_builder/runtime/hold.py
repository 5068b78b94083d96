"""Reserves a folder for one build at a time, across processes and machines that share its disk.

::

    FOLDER/.paqa-incoming.lock     locked by the build that uses the folder
    FOLDER/.paqa-incoming.holder   its process, for the message to another build

The operating system unlocks the file when the process ends, also after a kill. Both files are deleted at the
end of a build.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from paqa_builder.errors import NotReadyError
from paqa_builder.files import disk_errors
from paqa_builder.runtime.folder_lock import NO_LOCKS, ONLY_HERE, unseen_by_others

log = logging.getLogger(__name__)

LOCK = ".paqa-incoming.lock"
HOLDER = ".paqa-incoming.holder"
WAIT = 1.0
"""Seconds to wait for a build that is about to end."""
_NOT_WRITABLE = (errno.EROFS, errno.EACCES, errno.EPERM)


@contextmanager
def hold(folder: Path, setting: str, *, to_read: bool = False) -> Iterator[bool]:
    """Reserves a folder, which is created, until the block ends. The same thread may reserve it again inside.

    Args:
        setting: The setting that chooses the folder, for error messages.
        to_read: Whether a folder that is not writable may be used without a reservation.

    Returns:
        Whether the folder is writable.

    Raises:
        NotReadyError: Another build uses the folder, or it is not writable.
    """
    real = Path(os.path.realpath(folder))
    lock = FileLock(real / LOCK, timeout=WAIT, is_singleton=True)
    if lock.is_locked:
        yield True
        return
    try:
        with disk_errors(folder, setting):
            real.mkdir(parents=True, exist_ok=True)
            locked = _acquire(lock, folder, setting)
    except NotReadyError as error:
        reason = error.__cause__
        if not (to_read and isinstance(reason, OSError) and reason.errno in _NOT_WRITABLE):
            raise
        yield False
        return
    try:
        with suppress(OSError):  # on a full disk, the lock works without this text
            (real / HOLDER).write_text(json.dumps(this_process()), encoding="utf-8")
        yield True
    finally:
        with suppress(OSError):
            (real / HOLDER).unlink()
        if locked:
            # A process that has opened the lock file meanwhile sees that it was deleted, and opens a new one.
            with suppress(OSError):
                (real / LOCK).unlink()
            lock.release()


def _acquire(lock: FileLock, folder: Path, setting: str) -> bool:
    """Locks, and returns whether it could; False where the file system has no locks."""
    try:
        lock.acquire()
    except Timeout:
        raise NotReadyError(
            f"{folder}: another build uses this folder{holder(folder)}",
            fix=f"wait until it ends, or choose another {setting}",
        ) from None
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in NO_LOCKS:
            raise
        log.warning("%s: the file system has no locks; run only one build at a time there", folder)
        return False
    if reason := unseen_by_others(folder):
        log.warning(ONLY_HERE, folder, reason)
    return True


def this_process() -> dict[str, str | int]:
    """Number, host and time of this process, for :data:`HOLDER`."""
    return {
        "process": os.getpid(),
        "host": socket.gethostname(),
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
    }


def holder(folder: Path) -> str:
    """The process that holds a folder, as text; empty if it is not known."""
    try:
        known = json.loads((folder / HOLDER).read_text(encoding="utf-8"))
        shard = f"shard {known['shard']!s}, " if "shard" in known else ""
        return f" ({shard}process {known['process']:d} on {known['host']!s}, since {known['since']!s})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
