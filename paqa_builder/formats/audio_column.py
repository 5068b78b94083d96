"""Rows of Parquet files without audio, mostly found without reading the audio."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from paqa_builder.untrusted import tables

_BYTES = "audio.bytes"


def has_audio(parquet: Any) -> bool:
    """True if a ``pyarrow.parquet.ParquetFile`` has a column ``audio`` with a field ``bytes``."""
    return _BYTES in (parquet.schema.column(n).path for n in range(len(parquet.schema)))


def rows_without_audio(path: Path, parquet: Any, group: int) -> list[int]:
    """The rows of a row group whose audio is null or has no bytes.

    The audio is read only where the statistics of the column do not exclude such rows.

    Args:
        parquet: The opened file ``path``.

    Raises:
        DamagedError: The audio cannot be read.
    """
    metadata = parquet.metadata.row_group(group)
    columns = (metadata.column(n) for n in range(metadata.num_columns))
    column = next((column for column in columns if column.path_in_schema == _BYTES), None)
    if column is None:
        return list(range(metadata.num_rows))
    known = column.statistics if column.is_stats_set else None
    # The smallest of byte strings is the empty one. A long smallest one is not in the statistics.
    if known is not None and known.has_null_count and not known.null_count and not _has_empty(known):
        return []
    return [n for n, length in enumerate(tables.lengths(path, _BYTES, group)) if not length]


def _has_empty(known: Any) -> bool:
    return bool(known.has_min_max) and known.min in (b"", None)
