"""Finds the folder of a corpus near a folder that is not it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

_MOST = 100
"""Folders below the given one that are looked at."""


def nearby(root: Path, layout: Sequence[str]) -> Path | None:
    """The folder of a corpus: up to two levels above ``root`` or below it.

    Args:
        layout: Patterns (:meth:`pathlib.Path.glob`) of what only the corpus's folder has.

    Returns:
        The folder; None if there is none, or ``root`` is it itself.
    """
    root = root.absolute()
    if not layout or _fits(root, layout):
        return None
    below = itertools.islice(_below(root), _MOST)
    return next(
        (f for f in itertools.chain([root.parent, root.parent.parent], below) if _fits(f, layout)), None
    )


def _fits(folder: Path, layout: Sequence[str]) -> bool:
    try:
        return any(next(folder.glob(pattern), None) is not None for pattern in layout)
    except OSError:
        return False


def _below(folder: Path) -> Iterator[Path]:
    children = _folders(folder)
    yield from children
    for child in children:
        yield from _folders(child)


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith((".", "__MACOSX")))
    except OSError:
        return []
