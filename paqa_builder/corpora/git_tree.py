"""Hash of a folder as git computes it, which verifies files of a repository without a list of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

_POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n"


def of_files(paths: Iterable[Path], *, lfs: bool = False) -> str:
    """The hash of a tree object with these files, which are not executable, and no folders.

    Args:
        lfs: Whether the repository holds pointers of Git LFS in place of the files.
    """
    entries = sorted((path.name.encode(), _blob(path, lfs)) for path in paths)
    body = b"".join(b"100644 " + name + b"\0" + sha1 for name, sha1 in entries)
    return hashlib.sha1(b"tree %d\0" % len(body) + body).hexdigest()


def _blob(path: Path, lfs: bool) -> bytes:
    size = path.stat().st_size
    with path.open("rb") as file:
        if lfs:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            pointer = _POINTER.format(sha256=sha256, size=size).encode()
            return hashlib.sha1(b"blob %d\0" % len(pointer) + pointer).digest()
        digest = hashlib.sha1(b"blob %d\0" % size)
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.digest()
