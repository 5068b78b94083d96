"""The fetched corpus that a build without ``--root`` reads."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paqa_builder.corpora import record
from paqa_builder.corpora.plan import root_of
from paqa_builder.errors import NotReadyError
from paqa_builder.sources import Source
from paqa_builder.sources.downloads import ALL, Downloads

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A fetched corpus.

    Attributes:
        root: Root of its tree.
        options: Options of the source for the parts that are there; empty where all are there.
        partial: Whether clips of the corpus may be missing.
    """

    root: Path
    options: dict[str, Any]
    partial: bool


def locate(source: type[Source]) -> Fetched:
    """Finds a fetched corpus: all of it, else the parts that are complete, else the small cut.

    Raises:
        NotReadyError: Nothing of it is complete; names the command that fetches it, its size and licence.
    """
    downloads, name = source.downloads, source.name
    assert downloads is not None
    root = root_of(name)
    complete = _complete(root, downloads)
    if complete is not None:
        partial = complete != downloads.subsets
        if partial:
            log.warning("%s: only %s was fetched (%s)", name, ", ".join(complete), root)
        return Fetched(root, source.fetched_options(complete) if partial else {}, partial)
    small = root_of(name, small=True)
    if _has_small(small, downloads):
        log.warning("%s: a small cut, for trying (%s); all of it: paqa fetch %s", name, small, name)
        subsets = {archive.subset for archive in downloads.small() if archive.subset}
        ordered = [subset for subset in downloads.subsets if subset in subsets]
        return Fetched(small, source.fetched_options(ordered) if ordered else {}, True)
    state = "is not complete in" if root.is_dir() else "was not fetched: no --root is given, and there is no"
    raise NotReadyError(
        f"corpus {name!r} {state} {root}",
        fix=f"paqa fetch {name} ({summary(downloads)}), or add --root DIR",
    )


def summary(downloads: Downloads) -> str:
    """Size and licence of a corpus, in one line."""
    text = f"{human(downloads.bytes)} to download, licence {downloads.license}"
    return f"{text}; {downloads.note}" if downloads.note else text


def human(size: int) -> str:
    """A number of bytes as text.

    Example:
        >>> human(24_726_000_000)
        '24.7 GB'
    """
    if not size:
        return "unknown size"
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def _complete(root: Path, downloads: Downloads) -> tuple[str, ...] | None:
    """The parts that are complete, in order; None if the corpus cannot be used."""
    done = {
        archive.name
        for archive in downloads.whole
        if (known := record.read(root, archive.name)) and known.identity == record.identity(archive)
    }
    if any(not archive.subset and archive.name not in done for archive in downloads.whole):
        return None
    wanted = {
        subset: {archive.name for archive in downloads.whole if archive.subset == subset}
        for subset in downloads.subsets
    }
    complete = tuple(subset for subset, names in wanted.items() if names <= done)
    return complete if complete or not wanted else None


def _has_small(root: Path, downloads: Downloads) -> bool:
    archives = downloads.small()
    for archive in archives:
        known, cut = record.read(root, archive.name), 0 if archive.small == ALL else archive.small
        if known is None or known.small != cut or known.identity != record.identity(archive):
            return False
    return bool(archives)
