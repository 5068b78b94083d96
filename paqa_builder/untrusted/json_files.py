"""Rows of JSON files and of JSON lines, plain or gzipped: the one reader for files by others.

Lines end at a newline and nowhere else. The separators U+2028, U+2029 and U+0085, at which ``splitlines``
would cut, may stand inside a JSON text. A byte order mark and ``\\r`` before the newline are ignored.
:mod:`paqa_builder.untrusted` sets the bounds.
"""

from __future__ import annotations

import gzip
import itertools
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paqa_builder.errors import ConfigError, PaqaError
from paqa_builder.untrusted import byte_lines, loads, read_json, starts_with

_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class NotJson:
    """A line that could not be decoded.

    Attributes:
        why: The reason.
    """

    why: str


def decode(line: bytes) -> Any | NotJson:
    """The value of a line of JSON in UTF-8, or why it has none."""
    try:
        return loads(line)
    except json.JSONDecodeError as error:
        return NotJson(f"not JSON: {error.msg} in column {error.colno}")
    except UnicodeDecodeError as error:
        return NotJson(f"not text in UTF-8 ({error.reason} at byte {error.start + 1})")
    except ValueError as error:
        return NotJson(f"cannot be used: {error}")


def rows(
    path: Path, inner: Callable[[dict[str, Any]], Any] = lambda whole: [whole]
) -> Iterator[tuple[str, Any | NotJson]]:
    """The values of JSON lines, or the entries of a JSON list, each with its position in the file.

    Args:
        path: A file of JSON lines, or of one JSON value (recognised by ``.json`` and by the first line);
            either may be gzipped (``.gz``).
        inner: The entries of a file that is one JSON object; by default the object alone.

    Returns:
        Pairs of a position ("line 3", "entry 3"; from 1) and a value. A line that is not JSON is a
        :class:`NotJson`, and the lines after it are read.

    Raises:
        ConfigError: The file cannot be read, or is one JSON value and not JSON.
    """
    try:
        if not _is_whole(path):
            for number, line in byte_lines(path):
                if line != _MARK:
                    yield f"line {number}", decode(line)
            return
        content = read_json(path)
        if isinstance(content, dict):
            content = inner(content)
        for number, row in enumerate(content if isinstance(content, list) else [content], 1):
            yield f"entry {number}", row
    except json.JSONDecodeError as error:
        reason = f"line {error.lineno}, column {error.colno}: {error.msg}"
        raise ConfigError(f"{path}: not JSON: {reason}") from error
    except (UnicodeError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ConfigError(f"{path}: not text in UTF-8 ({error})") from error
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror or error})") from error


def objects(
    path: Path, error: type[PaqaError] = ConfigError, *, fix: str | None = None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows of a file in which every row must be a JSON object, each with "FILE, line N".

    Raises:
        PaqaError: The file cannot be read, or a row is no object. It is of the class ``error`` and names
            the row.
    """
    found = rows(path)
    while True:
        try:
            where, row = next(found)
        except StopIteration:
            return
        except ConfigError as unreadable:
            raise error(unreadable.message, fix=fix) from unreadable
        if not isinstance(row, dict):
            why = row.why if isinstance(row, NotJson) else f"a {type(row).__name__}, not a JSON object"
            raise error(f"{path}, {where}: {why}", fix=fix)
        yield f"{path}, {where}", row


def _is_whole(path: Path) -> bool:
    """True if a file is a single JSON value, not JSON lines."""
    if starts_with(path, "["):
        return True
    if not path.name.removesuffix(".gz").endswith(".json"):
        return False
    try:
        first = [line for _, line in itertools.islice(byte_lines(path), 2)]
    except ValueError:  # a line that is too long
        return True
    return len(first) < 2 or isinstance(decode(first[0]), NotJson)
