"""A command on a hostile file, and what hostile files have in common."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from fault_trials.site import Site

ESCAPES = (
    "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x1b]8;;file:///etc/passwd\x1b\\link\x1b]8;;\x1b\\ \x9b2J \x08\r"
    "\u202e [bold red]x[/] [link=file:///etc/passwd]l[/link] [/]"
)
"""Terminal escapes (CSI, OSC, C1), control characters, a change of direction, markup of rich."""
FILE_NAME = "a\x1b[31mred\x07 \u202e[bold]x[-]\x9b2J\nb"
DEEP = 100_000
DIGITS = "9" * 5_000


@dataclass(frozen=True, slots=True)
class Case:
    """A command on a hostile file.

    Attributes:
        arguments: Of ``paqa``.
        codes: Exit codes that are right.
        kept: Files that the command must not change or remove.
    """

    name: str
    arguments: tuple[object, ...]
    codes: tuple[int, ...] = (0, 2, 3)
    kept: tuple[Path, ...] = ()


def copied_set(built: Site, folder: Path) -> Path:
    """A copy of a finished data set."""
    return Path(shutil.copytree(built.out, folder / "out"))


def lock_again(out: Path) -> None:
    """Writes the sizes and hashes of changed shards into the lock, as an attacker would."""
    path = out / "paqa.lock.json"
    lock = json.loads(path.read_text())
    for file in lock["files"]:
        data = (out / file["path"]).read_bytes()
        file |= {"bytes": len(data), "sha256": sha256(data)}
    path.write_text(json.dumps(lock))


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
