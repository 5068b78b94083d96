"""What happens to a file on a disk: bytes change, its end is missing, its content is replaced."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path


def _edited(path: Path) -> None:
    """Another first decimal in every number of a text, other bits in the middle of anything else."""
    data = bytearray(path.read_bytes())
    digits = [] if b"\0" in data else [match.start() for match in re.finditer(rb"(?<=\d\.)\d", bytes(data))]
    for at in digits:
        data[at] = ord("0") + (data[at] - ord("0") + 5) % 10
    if data and not digits:
        data[len(data) // 2] ^= 0x55
    path.write_bytes(data)


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])


def _last_line_missing(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]))


def _lines_doubled(path: Path) -> None:
    path.write_bytes(path.read_bytes() * 2)


def _other_content(path: Path) -> None:
    """The content of another file of its kind, or nothing where there is none."""
    own = path.read_bytes()
    others = (other.read_bytes() for other in sorted(path.parent.parent.rglob(f"*{path.suffix}")))
    path.write_bytes(next((content for content in others if content != own), b""))


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _link_to_nothing(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def _content(data: bytes) -> Callable[[Path], None]:
    def replace(path: Path) -> None:
        path.write_bytes(data)

    return replace


DAMAGES: dict[str, Callable[[Path], None]] = {
    "edited": _edited,
    "emptied": _content(b""),
    "truncated": _truncated,
    "last line missing": _last_line_missing,
    "doubled": _lines_doubled,
    "content of another file": _other_content,
    "an empty object": _content(b"{}"),
    "a list": _content(b"[1, 2]\n"),
    "a number": _content(b"7\n"),
    "null": _content(b"null\n"),
    "not UTF-8": _content(b"\xff\xfe\x00{}"),
    "deep nesting": _content(b"[" * 100_000),
    "a number of 5,000 digits": _content(b'{"format": ' + b"9" * 5_000 + b"}"),
    "deleted": Path.unlink,
    "a folder": _folder,
    "a link to nothing": _link_to_nothing,
}
"""Kinds of damage to a file."""


def copy(source: Path, target: Path) -> Path:
    """Copies a folder that is to be damaged."""
    return Path(shutil.copytree(source, target, symlinks=True))
