"""Rows of Parquet files by others, read in bounded memory.

A Parquet file stores a repeated value once and compresses it, so a small file may unpack to gigabytes. What
the columns of a file unpack to is therefore compared with the file's size before any row is made, and rows
are made in batches of bounded size.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paqa_builder.untrusted import unpacked
from paqa_builder.untrusted.parquet_file import damaged, open_table

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq


def rows(
    path: Path,
    columns: Sequence[str] | None = None,
    groups: Sequence[int] | None = None,
    equal: Mapping[str, Collection[str]] | None = None,
) -> Iterator[dict[str, Any]]:
    """Reads the rows of a Parquet file.

    Args:
        columns: Names of the columns; None: all.
        groups: Row groups; None: all.
        equal: By column, values of which a row must have one; row groups without them are skipped.

    Raises:
        DamagedError: The file is damaged, or unpacks to more than the limits.
    """
    import pyarrow.compute as pc

    file = open_table(path)
    with damaged(path):
        names = file.schema_arrow.names if columns is None else list(columns)
        if missing := [name for name in (*names, *(equal or ())) if name not in file.schema_arrow.names]:
            raise KeyError(f"no column {missing[0]!r}")
        wanted = tuple(dict.fromkeys([*names, *(equal or ())]))
        unpacked.check(path, file, wanted)
        for group in range(file.num_row_groups) if groups is None else groups:
            if not all(_may_hold(file, group, *pair) for pair in (equal or {}).items()):
                continue
            size = unpacked.batch_rows(path, file, group, wanted)
            for batch in file.iter_batches(size, row_groups=[group], columns=list(wanted)):
                for name, values in (equal or {}).items():
                    batch = batch.filter(pc.is_in(batch.column(name), _set(batch.column(name), values)))
                yield from batch.select(names).to_pylist()


def check(path: Path, columns: Sequence[str] | None = None) -> None:
    """Looks at what a Parquet file unpacks to, without unpacking it.

    Args:
        columns: Names of the columns that will be read; None: all.

    Raises:
        DamagedError: It is not Parquet, or unpacks to more than the limits.
    """
    file = open_table(path)
    with damaged(path):
        unpacked.check(path, file, tuple(file.schema_arrow.names if columns is None else columns))


def values(path: Path, leaf: str, group: int) -> pa.ChunkedArray:
    """The byte strings of a leaf column in a row group, such as ``audio.bytes``; equal ones are stored once.

    Raises:
        DamagedError: The file is damaged.
    """
    import pyarrow.compute as pc

    file = open_table(path, [leaf])
    with damaged(path):
        unpacked.check_sizes(file, (leaf.partition(".")[0],))
        column, *fields = leaf.split(".")
        found = file.read_row_group(group, columns=[leaf]).column(column)
        for field in fields:
            found = pc.struct_field(found, field)  # null where the struct is null
        return found


def lengths(path: Path, leaf: str, group: int) -> list[int | None]:
    """The lengths of the byte strings of a leaf column in a row group; None for null.

    Raises:
        DamagedError: The file is damaged.
    """
    with damaged(path):
        chunks = values(path, leaf, group).chunks
        return [length for chunk in chunks for length in unpacked.lengths(chunk).to_pylist()]


def _set(column: pa.Array, values: Collection[str]) -> pa.Array:
    import pyarrow as pa

    return pa.array(sorted(values), pa.string()).cast(column.type)


def _may_hold(file: pq.ParquetFile, group: int, name: str, values: Collection[str]) -> bool:
    """False if a row group's statistics exclude all values."""
    meta = file.metadata.row_group(group)
    columns = [meta.column(n) for n in range(meta.num_columns)]
    stats = next((c.statistics for c in columns if c.path_in_schema == name), None)
    if stats is None or not stats.has_min_max or not isinstance(stats.min, str):
        return True
    return any(stats.min <= value <= stats.max for value in values)
