"""Opening anybody's multiple-choice audio questions: JSON (a list, or an object that holds one), JSON lines,
either with gzip, Parquet, and folders of it. :mod:`~paqa_builder.formats.known` reads the rows.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paqa_builder.errors import ConfigError
from paqa_builder.formats.item import Broken, Item
from paqa_builder.formats.known import Reader, reader_for

_WITHOUT = ("audio", "evidence", "provenance", "attribution")  # columns of no use here


@dataclass(frozen=True)
class Data:
    """A data set that can be read again and again.

    Attributes:
        rows: Reads it from the start: questions, and rows that are none.
    """

    path: Path
    format: str
    rows: Callable[[], Iterator[Item | Broken]]

    def items(self) -> Iterator[Item]:
        """The questions alone."""
        return (row for row in self.rows() if isinstance(row, Item))


def open_data(path: Path) -> Data:
    """Finds out what a file or folder holds.

    Raises:
        ConfigError: It is not there, it is empty, or it is in no format that is known here.
    """
    if not path.exists():
        raise ConfigError(f"{path}: no such file or folder", fix="check the path")
    if path.is_dir() or path.suffix == ".parquet":
        return _parquet(path)
    numbered = _json_rows(path)
    first = next((row for _, row in numbered() if isinstance(row, dict)), None)
    if first is None:
        bad = next((row for _, row in numbered()), None)
        reason = "is empty" if bad is None else "holds no JSON object"
        raise ConfigError(f"{path}: {reason}", fix="see docs/check.md for the formats")
    name, reader = _format(path, first)

    def rows() -> Iterator[Item | Broken]:
        for where, row in numbered():
            yield _read(reader, where, row)

    return Data(path, name, rows)


def _read(reader: Reader, where: str, row: Any) -> Item | Broken:
    if not isinstance(row, dict):
        return Broken(where, row if isinstance(row, str) else f"a {type(row).__name__}, not an object")
    try:
        return reader(row, where)
    except KeyError as error:
        return Broken(where, f"no {error.args[0]!r}")
    except (TypeError, ValueError, AttributeError, IndexError) as error:
        return Broken(where, str(error) or type(error).__name__)


def _format(path: Path, fields: Iterable[str]) -> tuple[str, Reader]:
    found = reader_for(fields)
    if found is None:
        raise ConfigError(
            f"{path}: unknown format: the first row has {', '.join(sorted(map(str, fields))) or 'no fields'}",
            fix="rename the fields to question, choices and answer; docs/check.md lists the formats",
        )
    return found


def _json_rows(path: Path) -> Callable[[], Iterator[tuple[str, Any]]]:
    """Rows with their places; a line that is not JSON comes as the text that says so."""

    def text() -> Any:
        try:
            if path.suffix == ".gz":
                return gzip.open(path, "rt", encoding="utf-8")
            return path.open(encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error

    def lines() -> Iterator[tuple[str, Any]]:
        with text() as file:
            for n, line in enumerate(file, 1):
                if line.strip():
                    try:
                        yield f"line {n}", json.loads(line)
                    except json.JSONDecodeError as error:
                        yield f"line {n}", f"not JSON: {error.msg} in column {error.colno}"

    def listed() -> Iterator[tuple[str, Any]]:
        try:
            with text() as file:
                content = json.load(file)
        except json.JSONDecodeError as error:
            raise ConfigError(
                f"{path}: not JSON: line {error.lineno}, column {error.colno}: {error.msg}"
            ) from error
        if isinstance(content, dict):
            content = next((value for value in content.values() if isinstance(value, list)), [content])
        for n, row in enumerate(content, 1):
            yield f"entry {n}", row

    def checked() -> Iterator[tuple[str, Any]]:
        try:
            yield from listed() if whole else lines()
        except (UnicodeDecodeError, EOFError, gzip.BadGzipFile) as error:
            raise ConfigError(f"{path}: not a text of UTF-8 ({error})") from error

    name = path.name.removesuffix(".gz")
    whole = name.endswith(".json") and _is_whole(text)
    return checked


def _is_whole(text: Callable[[], Any]) -> bool:
    """True if a ``.json`` file is one value, not one a line."""
    try:
        with text() as file:
            first = next((line for line in file if line.strip()), "")
            if first.lstrip().startswith("["):
                return True
            json.loads(first)
            return next((line for line in file if line.strip()), None) is None
    except (json.JSONDecodeError, UnicodeDecodeError, EOFError, gzip.BadGzipFile):
        return True


def _parquet(path: Path) -> Data:
    import pyarrow as pa
    import pyarrow.parquet as pq

    found = [path]
    if path.is_dir():
        found = sorted((path / "data").glob("*.parquet")) or sorted(path.glob("*.parquet"))
    if not found:
        raise ConfigError(
            f"{path}: no Parquet file in it or in its folder data", fix="see docs/check.md for the formats"
        )
    try:
        names = pq.read_schema(found[0]).names
    except (pa.ArrowException, OSError) as error:
        raise ConfigError(f"{found[0]}: not Parquet ({error})") from error
    name, reader = _format(found[0], names)
    columns = [column for column in names if column not in _WITHOUT]

    def rows() -> Iterator[Item | Broken]:
        n = 0
        for file in found:
            split = file.name.partition("-")[0]
            for batch in pq.ParquetFile(file).iter_batches(1000, columns=columns):
                for row in batch.to_pylist():
                    n += 1
                    yield _read(reader, f"row {n}", {"split": split, **row})

    return Data(path, name, rows)
