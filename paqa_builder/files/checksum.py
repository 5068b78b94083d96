"""Checksums at the end of text files.

The last line of a sealed text is ``{"checksum": …}``: the SHA-256 of the file's name and of all lines before.
"""

from __future__ import annotations

import hashlib


def sealed(name: str, text: bytes) -> bytes:
    """Adds the checksum to the lines of a file.

    Args:
        name: Name of the file, so that the content of another file is not taken for this one's.
        text: Complete lines.
    """
    return text + seal_line(seal(name, text))


def unsealed(name: str, data: bytes) -> bytes | None:
    """The lines before the checksum; None if the checksum is missing or differs."""
    found = unsealed_with_checksum(name, data)
    return None if found is None else found[0]


def unsealed_with_checksum(name: str, data: bytes) -> tuple[bytes, str] | None:
    """The lines before the checksum, and the checksum; None if it is missing or differs."""
    text = data[: data.rfind(b"\n", 0, -1) + 1]
    covered = seal(name, text)
    return (text, covered.hexdigest()) if data and data[len(text) :] == seal_line(covered) else None


def seal(name: str, text: bytes = b"") -> hashlib._Hash:
    """The sum over the name and the first lines of a file; further lines can be added."""
    covered = hashlib.sha256(name.encode("utf-8", "surrogateescape") + b"\n")
    covered.update(text)
    return covered


def seal_line(covered: hashlib._Hash) -> bytes:
    """The last line of a file."""
    return b'{"checksum":"%s"}\n' % covered.hexdigest().encode()
