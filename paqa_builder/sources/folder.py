"""``folder``: any tree of audio files, with an optional ``metadata.csv`` at its root.

Every file with one of :data:`paqa_builder.audio.SUFFIXES`, in any case, is a clip. Hidden files and folders
are skipped; links are followed. A broken link or an unreadable file is also a clip, and its failure is
reported by the build.

A clip's id is its path below the root, with ``/``, without the suffix, in Unicode's composed form
(NFC), so that the same tree has the same ids on every machine. Files that would share an id keep
their suffix. Clips are sorted by id.

``metadata.csv`` has a column ``file_name`` (path below the root) and any of ``license``,
``attribution``, ``source_url`` and ``split``; an empty cell, or a file without a row, takes the
source's options.
"""

from __future__ import annotations

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
from paqa_builder.sources import SPLITS, Source, SourceOptions, read_table

log = logging.getLogger(__name__)

METADATA = "metadata.csv"
COLUMNS = ("file_name", "license", "attribution", "source_url", "split")


class FolderOptions(SourceOptions):
    """Values for files without a value in ``metadata.csv``."""

    split: Literal["train", "validation", "test"] = "train"
    license: str = Field(UNKNOWN, description="SPDX identifier or URL, e.g. CC-BY-4.0.")
    attribution: str = Field("", description="Credit line of the files.")


class Folder(Source):
    """Any tree of audio files."""

    name: ClassVar[str] = "folder"
    Options = FolderOptions

    def clips(self) -> Iterator[Clip]:
        paths = list(_walk(self.root, ()))
        if not paths:
            raise SourceError(
                f"{self.root}: no audio files", fix=f"the folder needs files with {', '.join(SUFFIXES)}"
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
        """Rows of ``metadata.csv`` by composed file name; empty without that file."""
        path = self.root / METADATA
        if not path.exists():
            return {}
        rows: dict[str, dict[str, str]] = {}
        for where, row in read_table(path, COLUMNS[:1], fix=f"make its first line: {','.join(COLUMNS)}"):
            if not rows:
                for column in [name for name in row if name not in COLUMNS]:
                    log.warning("%s: column %r is not used.%s", path, column, suggest(column, COLUMNS))
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
    """Yields the audio files below ``folder``, without following links to a folder in ``above``."""
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
        except OSError:  # a broken or circular link: with an audio suffix, it is a clip that fails
            mode = stat.S_IFREG
        if stat.S_ISDIR(mode):
            yield from _walk(Path(entry.path), (*above, identity))
        elif stat.S_ISREG(mode) and entry.name.lower().endswith(SUFFIXES):
            yield Path(entry.path)


def _below(root: Path, path: Path) -> str:
    # Python decodes a name that is not UTF-8 to lone surrogates, which Parquet cannot store.
    return path.relative_to(root).as_posix().encode("utf-8", "backslashreplace").decode("utf-8")


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _ids(names: dict[str, Path]) -> dict[str, str]:
    """File names by id, which is the shortest form of the name that no other file has."""
    # The last form is the shortest; the first is always unique (two names can differ only in Unicode
    # form). A longer id can clash with another one, hence the loop.
    forms = {name: [name, _composed(name), os.path.splitext(_composed(name))[0]] for name in names}
    while True:
        count = Counter(form[-1] for form in forms.values())
        clashing = [form for form in forms.values() if count[form[-1]] > 1 and len(form) > 1]
        if not clashing:
            return {form[-1]: name for name, form in forms.items()}
        for form in clashing:
            form.pop()
