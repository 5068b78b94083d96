"""State files of the work folder: JSON lines that carry a checksum.

A file that was edited, cut, emptied or replaced counts as missing: the step that wrote it writes it again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from paqa_builder.errors import ConfigError
from paqa_builder.files import write_atomic
from paqa_builder.files.checksum import sealed, unsealed_with_checksum


def write_rows(path: Path, rows: Iterable[Any], *, sort_keys: bool = False) -> None:
    """Writes JSON lines with their checksum, atomically."""
    dump = json.JSONEncoder(
        ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=sort_keys
    ).encode
    text = "".join(dump(row) + "\n" for row in rows).encode()
    write_atomic(path, sealed(_name(path), text))


def read_rows(path: Path) -> list[Any]:
    """Reads the lines that :func:`write_rows` wrote.

    Raises:
        ConfigError: The file is missing or damaged. The same command makes it again.
    """
    text = _content(path)
    if text is None:
        raise ConfigError(f"{path}: missing or damaged", fix="run the same command again to make it again")
    # Not splitlines(): it also splits at U+2028, which JSON leaves as it is.
    return [json.loads(line) for line in text.decode().split("\n") if line]


def write(path: Path, value: Any, *, sort_keys: bool = False) -> None:
    """Writes one JSON value with its checksum, atomically."""
    write_rows(path, [value], sort_keys=sort_keys)


def read(path: Path) -> Any:
    """Reads the value that :func:`write` wrote; None if the file is missing or damaged."""
    text = _content(path)
    return None if text is None else json.loads(text)


def intact(path: Path) -> bool:
    """Whether the file is there and has its checksum."""
    return _content(path) is not None


def failed_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a part that hold a failure; none of a part that is missing or damaged."""
    return failures_in(_content(path) or b"")


def failures_in(text: bytes) -> list[dict[str, Any]]:
    """The rows among JSON lines that hold a failure."""
    if b'"failure":' not in text:  # most parts have no failure, and parsing takes longer than hashing
        return []
    return [row for line in text.decode().split("\n") if line and "failure" in (row := json.loads(line))]


def content_of(path: Path) -> tuple[bytes, str] | None:
    """The lines of a file and its checksum; None if it is missing or damaged."""
    try:
        return unsealed_with_checksum(_name(path), path.read_bytes())
    except OSError:
        return None


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _content(path: Path) -> bytes | None:
    found = content_of(path)
    return None if found is None else found[0]
