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
    return text + _line(name, text)


def unsealed(name: str, data: bytes) -> bytes | None:
    """The lines before the checksum; None if the checksum is missing or differs."""
    text = data[: data.rfind(b"\n", 0, -1) + 1]
    return text if data and data[len(text) :] == _line(name, text) else None


def _line(name: str, text: bytes) -> bytes:
    covered = name.encode("utf-8", "surrogateescape") + b"\n" + text
    return b'{"checksum":"%s"}\n' % hashlib.sha256(covered).hexdigest().encode()
