"""Shared and exclusive locks of a folder, by ``flock`` on files in it.

The operating system ends a lock with its process, also after a kill. Linux passes the locks on to the server
of an NFS folder, so that other machines see them; :func:`unseen_by_others` names mounts where they do not.
"""

from __future__ import annotations

import errno
import os
import time
from contextlib import suppress
from pathlib import Path

from paqa_builder.errors import NotReadyError

NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EINVAL)
"""Errors of file systems without locks."""
ONLY_HERE = "%s: locks are not seen on other machines (%s); start no other build there"
"""Message for the log: folder and result of :func:`unseen_by_others`."""
_BUSY = (errno.EWOULDBLOCK, errno.EACCES)
_POLL = 0.1
_LOCAL_ONLY = {
    "nfs": ("nolock", "local_lock=all", "local_lock=flock"),
    "nfs4": ("nolock", "local_lock=all", "local_lock=flock"),
    "lustre": ("localflock",),
    "cifs": ("nobrl",),
}
"""Options of mounts whose locks are not seen on other machines, by file system."""
_NEVER_SHARED = ("fuse.sshfs", "fuse.s3fs", "fuse.gcsfuse", "fuse.goofys", "fuse.rclone")


class FolderLock:
    """A lock on one file, which is created, and deleted by the last process that releases it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None

    @property
    def held(self) -> bool:
        """Whether this process has the lock."""
        return self._file is not None

    def acquire(self, *, shared: bool = False, wait: float = 0.0) -> bool:
        """Locks the file. Called again, it changes the kind of lock.

        Args:
            shared: Whether other processes may have the lock at the same time, shared too.
            wait: Seconds to try.

        Returns:
            Whether the lock was acquired. If not, this process has no lock.

        Raises:
            OSError: The file system has no locks (:data:`NO_LOCKS`), or the folder is not writable.
            NotReadyError: The operating system has no such locks.
        """
        try:
            import fcntl
        except ImportError:
            raise NotReadyError("shards need file locks, which this operating system does not have") from None
        kind = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB
        until = time.monotonic() + wait
        while True:
            if self._file is None:
                self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(self._file, kind)
            except OSError as error:
                self._close()
                if error.errno not in _BUSY:
                    raise
            else:
                if self._is_current():
                    return True
                self._close()  # deleted by its last holder meanwhile
                continue
            if time.monotonic() >= until:
                return False
            time.sleep(_POLL)

    def release(self) -> bool:
        """Unlocks, and deletes the file if no other process has the lock. Returns whether it did."""
        if self._file is None:
            return False
        last = False
        with suppress(OSError):
            last = self.acquire()
        if last:
            with suppress(OSError):
                self.path.unlink()
        self._close()
        return last

    def _is_current(self) -> bool:
        assert self._file is not None
        try:
            return os.path.samestat(os.fstat(self._file), os.stat(self.path))
        except OSError:
            return False

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def unseen_by_others(folder: Path, mounts: Path = Path("/proc/self/mountinfo")) -> str | None:
    """Why locks in a folder are not seen on other machines that share it; None if there is no sign of it."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    real, best, reason = os.path.realpath(folder), -1, None
    for line in lines:
        before, _, after = line.partition(" - ")
        fields, rest = before.split(" "), after.split(" ")
        if len(fields) < 6 or len(rest) < 3:
            continue
        place = fields[4].replace("\\040", " ")
        if len(place) <= best or not (real == place or real.startswith(place.rstrip("/") + "/")):
            continue
        best, options = len(place), {*fields[5].split(","), *rest[2].split(",")}
        found = [option for option in _LOCAL_ONLY.get(rest[0], ()) if option in options]
        reason = f"{rest[0]} with {found[0]}" if found else rest[0] if rest[0] in _NEVER_SHARED else None
    return reason
