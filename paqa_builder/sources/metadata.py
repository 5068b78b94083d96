"""Tables that describe the files of a folder: ``metadata.csv`` and ``metadata.jsonl``.

They work as in the Hub's ``audiofolder``: a table may be in any folder, its ``file_name`` is a path below
that folder, and a file takes its row from the nearest table that has one.
"""

from __future__ import annotations

import csv
import logging
import posixpath
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from paqa_builder.errors import SourceError
from paqa_builder.sources import SPLITS, read_table
from paqa_builder.sources.header import columns_of
from paqa_builder.untrusted import json_files

log = logging.getLogger(__name__)

NAMES = ("metadata.csv", "metadata.jsonl")
COLUMNS = ("file_name", "license", "attribution", "source_url", "split", "group")

Row = dict[str, str]
"""Cells by column; empty cells are empty texts."""


def composed(name: str) -> str:
    """A file's name in Unicode's composed form (NFC), in which names are compared."""
    return unicodedata.normalize("NFC", name)


def read_metadata(root: Path, tables: Iterable[Path], known: Collection[str]) -> dict[str, Row]:
    """Rows by file.

    Args:
        tables: The tables below ``root``.
        known: Composed paths of the audio files below ``root``, with ``/``.

    Raises:
        SourceError: A table is malformed, two tables are in one folder, or a row names no audio file, a file
            that has a row already, or no split.
    """
    rows: dict[str, Row] = {}
    # Tables of inner folders come later and replace rows of outer ones.
    ordered = sorted(tables, key=lambda path: (len(path.parts), path))
    for one, other in pairwise(ordered):
        if one.parent == other.parent:
            raise SourceError(f"{one.parent}: has both {one.name} and {other.name}", fix="remove one")
    for path in ordered:
        if path.parent != root and path.suffix == ".csv" and COLUMNS[0] not in _header(path):
            log.warning("%s: not used, because it has no column %r", path, COLUMNS[0])
        else:
            rows |= _read(root, path, known)
    return rows


def _header(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return columns_of(next(csv.reader(file), []), COLUMNS, path)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{path}: cannot be read as CSV in UTF-8 ({error})") from error


def _read(root: Path, path: Path, known: Collection[str]) -> dict[str, Row]:
    folder = path.parent.relative_to(root).as_posix()
    rows: dict[str, Row] = {}
    for where, row in _json_lines(path) if path.suffix == ".jsonl" else _csv(path):
        name = composed(posixpath.normpath(posixpath.join(folder, row["file_name"])))
        if not row["file_name"] or name not in known:
            raise SourceError(
                f"{where}, column 'file_name': no audio file {row['file_name']!r} below {path.parent}"
            )
        if name in rows:
            raise SourceError(f"{where}, column 'file_name': {name!r} has a row already")
        if row.get("split") and row["split"] not in SPLITS:
            raise SourceError(f"{where}, column 'split': {row['split']!r} is none of {', '.join(SPLITS)}")
        rows[name] = row
    return rows


def _csv(path: Path) -> Iterator[tuple[str, Row]]:
    first = True
    fix = f"make its first line: {','.join(COLUMNS)}"
    for where, row in read_table(path, COLUMNS[:1], optional=COLUMNS[1:], fix=fix):
        if first:
            _warn_of_unused(path, row)
        first = False
        yield where, row


def _json_lines(path: Path) -> Iterator[tuple[str, Row]]:
    warned: set[str] = set()
    for where, data in json_files.objects(path, SourceError):
        names = columns_of(list(data), COLUMNS, where)
        if COLUMNS[0] not in names:
            raise SourceError(f"{where}: no {COLUMNS[0]!r}; it has {', '.join(names) or 'nothing'}")
        if not warned.issuperset(names):
            _warn_of_unused(path, set(names) - warned)
            warned.update(names)
        yield where, _cells(dict(zip(names, data.values(), strict=True)), where)


def _cells(row: dict[str, Any], where: str) -> Row:
    cells = {}
    for name in COLUMNS:
        value = row.get(name)
        if value is not None and not isinstance(value, str):
            raise SourceError(f"{where}, {name!r}: {value!r} is not text")
        cells[name] = (value or "").strip()
    return cells


def _warn_of_unused(path: Path, names: Iterable[str]) -> None:
    if unused := sorted(set(names) - set(COLUMNS)):
        log.warning("%s: columns that are not used: %s", path, ", ".join(unused))
