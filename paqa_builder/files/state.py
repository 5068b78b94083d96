"""State files of the work folder: JSON lines that carry a checksum.

A file that was edited, cut, emptied or replaced counts as missing: the step that wrote it writes it again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from paqa_builder.errors import ConfigError
from paqa_builder.files import Identity, row_identity, write_atomic
from paqa_builder.files.checksum import sealed, unsealed


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
    text = _content(path) or b""
    # Most parts have no failure, and parsing takes longer than hashing.
    return [row for row in read_rows(path) if "failure" in row] if b'"failure":' in text else []


def known_rows(folder: Path, wanted: set[Identity], skip: set[Path]) -> dict[Identity, dict[str, Any]]:
    """Finds the rows of ``wanted`` clips in the intact parts of earlier builds.

    A corpus that grew, or another ``--limit``, is split into other parts. Rows of unchanged clips stay valid.
    """
    rows = (
        row
        for path in sorted(folder.glob("part-*.jsonl"))
        if path not in skip and intact(path)
        for row in read_rows(path)
    )
    return {row_identity(row): row for row in rows if row_identity(row) in wanted}


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _content(path: Path) -> bytes | None:
    try:
        return unsealed(_name(path), path.read_bytes())
    except OSError:
        return None
