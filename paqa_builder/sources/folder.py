"""``folder``: any tree of audio files, with optional tables ``metadata.csv`` or ``metadata.jsonl``.

Every file with one of :data:`paqa_builder.audio.SUFFIXES`, in any case, is a clip. Hidden files and folders
are skipped; links are followed. A broken link or an unreadable file is also a clip, and its failure is
reported by the build. Other files that look like audio are counted in a warning.

A clip's id is its path below the root, with ``/``, without the suffix, in Unicode's composed form
(NFC), so that the same tree has the same ids on every machine. Files that would share an id keep
their suffix. Clips are sorted by id.

The tables (:mod:`paqa_builder.sources.metadata`) have a column ``file_name`` and any of ``license``,
``attribution``, ``source_url``, ``split`` and ``group``; an empty cell, or a file without a row, takes the
source's options. ``group`` names what a file shares with others, as ``kind:name``, several separated by
semicolons (``recording:12; speaker:anna``); a name without a kind is that of a recording. A file without a
split in a table takes it from the outermost folder with the name of a split, such as ``train``.
"""

from __future__ import annotations

import logging
import os
import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from operator import attrgetter
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from paqa_builder.audio import SUFFIXES
from paqa_builder.errors import SourceError
from paqa_builder.licenses import UNKNOWN, spdx
from paqa_builder.records import Clip
from paqa_builder.sources import Source, SourceOptions, metadata
from paqa_builder.sources.looks_like_audio import looks_like_audio
from paqa_builder.sources.metadata import composed, read_metadata

log = logging.getLogger(__name__)

SPLIT_FOLDERS = {
    "train": "train", "training": "train",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
    "test": "test", "testing": "test", "eval": "test", "evaluation": "test",
}  # fmt: skip
"""Splits by names of folders, as in the Hub's ``audiofolder``."""


class FolderOptions(SourceOptions):
    """Values for files whose folder and table state none."""

    split: Literal["train", "validation", "test"] = "train"
    license: str = Field(UNKNOWN, description="SPDX identifier or URL, e.g. CC-BY-4.0.")
    attribution: str = Field("", description="Credit line of the files.")


class Folder(Source):
    """Any tree of audio files."""

    name: ClassVar[str] = "folder"
    Options = FolderOptions

    def clips(self) -> Iterator[Clip]:
        names, other_paths, tables, skipped = list[str](), dict[str, str](), [], []
        for path in walk_paths(str(self.root)):
            file_name = path[path.rfind(os.sep) + 1 :]
            if file_name.lower().endswith(SUFFIXES):
                name = _below(self.root, path)
                names.append(name)
                if not path.isascii():  # and may not be UTF-8
                    other_paths[name] = str(Path(path))
            elif file_name in metadata.NAMES:
                tables.append(Path(path))
            elif looks_like_audio(Path(path)):
                skipped.append(Path(path))
        _report(self.root, skipped)
        if not names:
            raise SourceError(
                f"{self.root}: no audio files", fix=f"the folder needs files with {', '.join(SUFFIXES)}"
            )
        rows = read_metadata(self.root, tables, {composed(name) for name in names}) if tables else {}
        licence, root = spdx(self.options.license), _prefix(self.root).removeprefix(f".{os.sep}")
        options = self.options
        for clip_id, name in sorted(_ids(names).items()):
            path = other_paths.get(name) or root + (name if os.sep == "/" else name.replace("/", os.sep))
            if not rows:
                split = split_of(name) or options.split
                yield Clip(clip_id, self.name, split, path, licence, options.attribution)
                continue
            row = rows.get(composed(name), {})
            yield Clip(
                id=clip_id,
                source=self.name,
                split=row.get("split") or split_of(name) or self.options.split,
                path=path,
                license=spdx(row["license"]) if row.get("license") else licence,
                attribution=row.get("attribution") or self.options.attribution,
                source_url=row.get("source_url", ""),
                groups=groups_of(row.get("group", "")),
            )


def groups_of(cell: str) -> tuple[str, ...]:
    """The groups in a cell of a table.

    Example:
        >>> groups_of("tape 3; speaker:anna")
        ('recording:tape 3', 'speaker:anna')
    """
    names = filter(None, (name.strip() for name in cell.split(";")))
    return tuple(dict.fromkeys(name if _GROUP.fullmatch(name) else f"recording:{name}" for name in names))


_GROUP = re.compile(r"[A-Za-z_]\w*:\S.*")


def split_of(name: str) -> str | None:
    """The split of a file by the folders in its path below the root; None if none has a split's name.

    Example:
        >>> split_of("data/Train/bird/1.wav")
        'train'
    """
    folders, _, _ = name.rpartition("/")
    splits = (SPLIT_FOLDERS.get(folder.casefold()) for folder in folders.split("/")) if folders else ()
    return next(filter(None, splits), None)


def _report(root: Path, skipped: list[Path]) -> None:
    if skipped:
        kinds = Counter(path.suffix.lower() or "without a suffix" for path in skipped)
        counted = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        log.warning(
            "%s: skipped %d files that look like audio but are not read: %s (such as %s)",
            root,
            len(skipped),
            counted,
            _below(root, skipped[0]),
        )


def walk(folder: Path) -> Iterator[Path]:
    """Yields the files below ``folder`` in a fixed order; see :func:`walk_paths`."""
    return map(Path, walk_paths(str(folder)))


def walk_paths(folder: str, above: tuple[tuple[int, int], ...] = ()) -> Iterator[str]:
    """Yields the files below ``folder`` in a fixed order, without following links to a folder in ``above``.

    Raises:
        SourceError: A folder cannot be listed.
    """
    try:
        status = os.stat(folder)
        identity = (status.st_dev, status.st_ino)
        if identity in above:
            log.warning("%s: links to a folder above it, not followed", folder)
            return
        entries = sorted(os.scandir(folder), key=attrgetter("name"))
    except OSError as error:
        raise SourceError(f"{folder}: cannot be listed ({error.strerror})") from error
    for entry in entries:
        if entry.name.startswith("."):
            continue
        try:
            is_folder, is_file = entry.is_dir(), entry.is_file()
        except OSError:  # a circular link
            is_folder, is_file = False, True
        if is_folder:
            yield from walk_paths(entry.path, (*above, identity))
        # With an audio suffix, a broken link is a clip that fails.
        elif is_file or (entry.is_symlink() and not os.path.exists(entry.path)):
            yield entry.path


def _below(root: Path, path: str | Path) -> str:
    text = str(path).removeprefix(_prefix(root))
    if os.sep != "/":
        text = text.replace(os.sep, "/")
    # Python decodes a name that is not UTF-8 to lone surrogates, which Parquet cannot store.
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


@lru_cache(4)
def _prefix(root: Path) -> str:
    return os.path.join(root, "")


def _ids(names: list[str]) -> dict[str, str]:
    """File names by id, which is the shortest form of the name that no other file has."""
    ids = {os.path.splitext(composed(name))[0]: name for name in names}
    if len(ids) == len(names):
        return ids
    # The last form is the shortest; the first is always unique (two names can differ only in Unicode
    # form). A longer id can clash with another one, hence the loop.
    forms = {name: [name, composed(name), os.path.splitext(composed(name))[0]] for name in names}
    while True:
        count = Counter(form[-1] for form in forms.values())
        clashing = [form for form in forms.values() if count[form[-1]] > 1 and len(form) > 1]
        if not clashing:
            return {form[-1]: name for name, form in forms.items()}
        for form in clashing:
            form.pop()
