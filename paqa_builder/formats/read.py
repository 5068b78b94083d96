"""Reading of question files: JSON (a list, or an object with one) and JSON lines, both also gzipped, Parquet,
and folders of shards. :mod:`~paqa_builder.formats.known` parses the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from paqa_builder.errors import ConfigError, DamagedError
from paqa_builder.formats.item import Broken, Item
from paqa_builder.formats.known import FORMATS, Format, format_of
from paqa_builder.untrusted import json_files, tables
from paqa_builder.untrusted.json_files import NotJson

_UNUSED = ("audio", "evidence", "provenance", "attribution")
_SUFFIXES = ("", ".wav", ".flac", ".mp3", ".m4a", ".mp4", ".ogg")


@dataclass(frozen=True)
class Data:
    """A question file, which can be read several times.

    Attributes:
        format: Name of its format.
        rows: Reads all rows from the start, questions and broken rows.
    """

    path: Path
    format: str
    rows: Callable[[], Iterator[Item | Broken]]

    def items(self) -> Iterator[Item]:
        """The questions, without broken rows."""
        return (row for row in self.rows() if isinstance(row, Item))


def open_data(path: Path, name: str | None = None) -> Data:
    """Opens a question file or a folder of shards.

    Args:
        name: Format of a JSON file; None: recognised by the fields of its first row.

    Raises:
        ConfigError: The path does not exist, the file is empty or unreadable, or its format is unknown.
    """
    if not path.exists():
        raise ConfigError(f"{path}: no such file or folder", fix="check the path")
    if path.is_dir() or path.suffix == ".parquet":
        return _parquet(path)
    first = next((row for _, row in json_rows(path) if isinstance(row, dict)), None)
    if first is None:
        bad = next(json_rows(path), None)
        reason = "is empty" if bad is None else f"has no JSON object ({bad[0]}: {_why(bad[1])})"
        raise ConfigError(f"{path}: {reason}", fix="see docs/check.md for the formats")
    known = FORMATS[name] if name else _recognised(path, first)
    return Data(path, known.name, lambda: (known.parse(row, where) for where, row in json_rows(path)))


def _why(row: Any) -> str:
    return row.why if isinstance(row, NotJson) else f"a {type(row).__name__}"


def json_rows(path: Path) -> Iterator[tuple[str, Any]]:
    """The decoded rows of a JSON file, as :func:`paqa_builder.untrusted.json_files.rows` reads them.

    Of an object that is no question, the first list in it is read.
    """
    return json_files.rows(path, _inner)


def _inner(content: dict[str, Any]) -> Any:
    lists = (value for value in content.values() if isinstance(value, list))
    return [content] if format_of(content) else next(lists, [content])


def find_audio(root: Path, name: str) -> Path | None:
    """Finds the audio file of a row: the name itself, or the name or its last part below the root.

    Suffixes of audio and video files are tried as well. None if there is no such file.
    """
    for candidate in (Path(name), root / name, root / PurePosixPath(name).name):
        for suffix in _SUFFIXES if candidate.name else ():
            path = candidate.with_name(candidate.name + suffix)
            with suppress(OSError):  # of a name that is too long
                if path.is_file():
                    return path
    return None


def parquet_files(path: Path) -> list[Path]:
    """The Parquet files of a path: itself, or those in the folder or in its folder ``data``."""
    if not path.is_dir():
        return [path]
    return sorted((path / "data").glob("*.parquet")) or sorted(path.glob("*.parquet"))


def _recognised(path: Path, fields: Iterable[str]) -> Format:
    known = format_of(fields)
    if known is None:
        raise ConfigError(
            f"{path}: unknown format: the first row has {', '.join(sorted(map(str, fields))) or 'no fields'}",
            fix="rename the fields to question, choices and answer; docs/check.md lists the formats",
        )
    return known


def _parquet(path: Path) -> Data:
    files = parquet_files(path)
    if not files:
        raise ConfigError(
            f"{path}: no Parquet file in it or in its folder data", fix="see docs/check.md for the formats"
        )
    try:
        names = tables.open_table(files[0]).schema_arrow.names
    except DamagedError as error:
        raise ConfigError(f"{files[0]}: not Parquet ({error.message})") from error
    known = _recognised(files[0], names)
    columns = [column for column in names if column not in _UNUSED]

    def rows() -> Iterator[Item | Broken]:
        n = 0
        for file in files:
            split = file.name.partition("-")[0]
            for row in tables.rows(file, columns):
                n += 1
                yield known.parse({"split": split, **row}, f"row {n}")

    return Data(path, known.name, rows)
