"""``folder``: any tree of audio files, with an optional ``metadata.csv`` at its root.

What becomes a clip: every file whose name ends in one of :data:`paqa_builder.audio.SUFFIXES`, in
any case; hidden files and folders are skipped, links are followed. A broken link or an unreadable
file is a clip too, which then fails by name rather than vanish.

A clip's id is its path below the root, with ``/``, without the suffix, in Unicode's composed form
(NFC), so that the same tree has the same ids on every machine. Files that would share an id keep
their suffix. Clips come in the order of their ids.

``metadata.csv`` has a column ``file_name`` (path below the root) and any of ``license``,
``attribution``, ``source_url`` and ``split``; an empty cell, or a file without a row, takes the
source's options.
"""

from __future__ import annotations

import csv
import logging
import os
import stat
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from paqa_builder.audio import SUFFIXES
from paqa_builder.errors import SourceError, suggest
from paqa_builder.licenses import UNKNOWN, spdx
from paqa_builder.records import Clip
from paqa_builder.sources import SPLITS, Source, SourceOptions

log = logging.getLogger(__name__)

METADATA = "metadata.csv"
COLUMNS = ("file_name", "license", "attribution", "source_url", "split")


class FolderOptions(SourceOptions):
    """What holds for every file that ``metadata.csv`` says nothing else about."""

    split: Literal["train", "validation", "test"] = "train"
    license: str = Field(UNKNOWN, description="SPDX identifier or URL, e.g. CC-BY-4.0.")
    attribution: str = Field("", description="Whom to credit.")


class Folder(Source):
    """Any tree of audio files."""

    name: ClassVar[str] = "folder"
    Options = FolderOptions

    def clips(self) -> Iterator[Clip]:
        paths = list(_walk(self.root, ()))
        if not paths:
            raise SourceError(
                f"{self.root}: no audio files in there", fix=f"the folder needs one of {', '.join(SUFFIXES)}"
            )
        files = {_below(self.root, path): path for path in paths}
        rows = self._metadata({_composed(name) for name in files})
        for clip_id, name in sorted(_ids(files).items()):
            row = rows.get(_composed(name), {})
            yield Clip(
                id=clip_id,
                source=self.name,
                split=row.get("split") or self.options.split,
                path=str(files[name]),
                license=spdx(row.get("license") or self.options.license),
                attribution=row.get("attribution") or self.options.attribution,
                source_url=row.get("source_url", ""),
            )

    def _metadata(self, known: set[str]) -> dict[str, dict[str, str]]:
        """Reads ``metadata.csv``: rows by composed file name; none where there is no such file."""
        path = self.root / METADATA
        if not path.exists():
            return {}
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                return self._rows(csv.DictReader(file, strict=True), path, known)
        except (csv.Error, UnicodeDecodeError, OSError) as error:
            raise SourceError(f"{path}: cannot be read as CSV in UTF-8 ({error})") from error

    @staticmethod
    def _rows(table: csv.DictReader, path: Path, known: set[str]) -> dict[str, dict[str, str]]:
        columns = list(table.fieldnames or [])
        if "file_name" not in columns:
            raise SourceError(
                f"{path}: no column 'file_name'; it has {', '.join(columns) or 'nothing'}",
                fix=f"make its first line: {','.join(COLUMNS)}",
            )
        for column in columns:
            if column not in COLUMNS:
                log.warning("%s: column %r is not used.%s", path, column, suggest(column, COLUMNS))
        rows: dict[str, dict[str, str]] = {}
        for row in table:
            where = f"{path}, row {table.line_num}"
            if None in row or None in row.values():
                raise SourceError(f"{where}: has not as many fields as the first line ({len(columns)})")
            row = {column: text.strip() for column, text in row.items() if column in COLUMNS}
            name = _composed(row["file_name"].removeprefix("./"))
            if name not in known:
                raise SourceError(f"{where}, column 'file_name': no audio file {name!r} below {path.parent}")
            if name in rows:
                raise SourceError(f"{where}, column 'file_name': {name!r} has a row already")
            if row.get("split") and row["split"] not in SPLITS:
                raise SourceError(f"{where}, column 'split': {row['split']!r} is none of {', '.join(SPLITS)}")
            rows[name] = row
        return rows


def _walk(folder: Path, above: tuple[tuple[int, int], ...]) -> Iterator[Path]:
    """Yields the audio files below ``folder``; a link back to a folder ``above`` is not followed."""
    try:
        status = folder.stat()
        identity = (status.st_dev, status.st_ino)
        if identity in above:
            log.warning("%s: links to a folder above it, not followed", folder)
            return
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise SourceError(f"{folder}: cannot be listed ({error.strerror})") from error
    for entry in entries:
        if entry.name.startswith("."):
            continue
        try:
            mode = entry.stat().st_mode
        except OSError:  # a broken or circular link: if it claims to be audio, reading it says so
            mode = stat.S_IFREG
        if stat.S_ISDIR(mode):
            yield from _walk(Path(entry.path), (*above, identity))
        elif stat.S_ISREG(mode) and entry.name.lower().endswith(SUFFIXES):
            yield Path(entry.path)


def _below(root: Path, path: Path) -> str:
    # A name that is not UTF-8 reaches Python as lone surrogates, which no Parquet file can hold.
    return path.relative_to(root).as_posix().encode("utf-8", "backslashreplace").decode("utf-8")


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _ids(names: dict[str, Path]) -> dict[str, str]:
    """Gives each file the shortest id that no other has: file names by id."""
    # From the shortest form to the one that is unique for sure: two names can differ in Unicode
    # form alone. Lengthening one id can make it clash with another, hence the loop.
    forms = {name: [name, _composed(name), os.path.splitext(_composed(name))[0]] for name in names}
    while True:
        count = Counter(form[-1] for form in forms.values())
        clashing = [form for form in forms.values() if count[form[-1]] > 1 and len(form) > 1]
        if not clashing:
            return {form[-1]: name for name, form in forms.items()}
        for form in clashing:
            form.pop()
