"""Checksums as text: ``"md5:…"`` or ``"sha256:…"``, with all digits or the first ones."""

from __future__ import annotations

import hashlib
from pathlib import Path

ALGORITHMS = ("md5", "sha256")
DEFAULT = "sha256"


def split(checksum: str) -> tuple[str, str]:
    """The algorithm and the digits of a checksum; SHA-256 without digits if it is empty.

    Raises:
        ValueError: The algorithm is unknown.

    Example:
        >>> split("md5:c480d119b8f7a7e32fdb58f3ea4d6c5a")
        ('md5', 'c480d119b8f7a7e32fdb58f3ea4d6c5a')
    """
    if not checksum:
        return DEFAULT, ""
    algorithm, _, digits = checksum.partition(":")
    if algorithm not in ALGORITHMS:
        raise ValueError(f"{checksum!r} is not one of {', '.join(f'{name}:…' for name in ALGORITHMS)}")
    return algorithm, digits


def of_file(path: Path, checksum: str = "") -> str:
    """The checksum of a file, by the algorithm of ``checksum``."""
    algorithm, _ = split(checksum)
    with path.open("rb") as file:
        return f"{algorithm}:{hashlib.file_digest(file, algorithm).hexdigest()}"
