"""Rows of Parquet files by others, read in bounded memory.

A Parquet file stores a repeated value once and compresses it, so a small file may unpack to gigabytes. Sizes
are therefore looked at before values are unpacked, and rows are unpacked in small batches.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paqa_builder.errors import DamagedError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

BYTES = 256 << 20
"""Most bytes that a batch of rows may unpack to, unless it is one row."""
_ROWS = 64
_VALUES = 20_000_000  # of one column in one row group
_VALUE_BYTES = 32  # of a number or a reference in Python
_RATIO = 100
_LARGEST = (1 << 31) + (1 << 28)  # the largest cell, and its page


@contextmanager
def damaged(path: Path) -> Iterator[None]:
    """Turns errors that come from the content of a file or folder into :class:`DamagedError`."""
    import pyarrow as pa

    try:
        yield
    except (FileNotFoundError, BrokenPipeError):
        raise
    except (
        pa.ArrowException, OSError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError,
        RecursionError, MemoryError,
    ) as error:  # fmt: skip
        text = f"{type(error).__name__}: {error}"
        raise DamagedError(
            f"{path}: damaged, or not written by paqa ({text if len(text) <= 200 else f'{text[:199]}…'})",
            fix="build again, or download the data set again",
        ) from error


def open_table(path: Path) -> pq.ParquetFile:
    """Opens a Parquet file.

    Raises:
        DamagedError: It is not Parquet.
    """
    import pyarrow.parquet as pq

    with damaged(path):
        return pq.ParquetFile(path, buffer_size=1 << 20)


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
        for group in range(file.num_row_groups) if groups is None else groups:
            if not all(_may_hold(file, group, *pair) for pair in (equal or {}).items()):
                continue
            size = _batch_rows(path, file, group, tuple(names))
            wanted = list(dict.fromkeys([*names, *(equal or ())]))
            for batch in file.iter_batches(size, row_groups=[group], columns=wanted):
                for name, values in (equal or {}).items():
                    batch = batch.filter(pc.is_in(batch.column(name), _set(batch.column(name), values)))
                yield from batch.select(names).to_pylist()


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


def _batch_rows(path: Path, file: pq.ParquetFile, group: int, names: tuple[str, ...]) -> int:
    """The number of rows to unpack at once.

    Raises:
        ValueError: A column unpacks to more than the limits.
    """
    meta = file.metadata.row_group(group)
    suspects: list[str] = []
    binary = doubtful = 0
    for n in range(meta.num_columns):
        chunk, leaf = meta.column(n), file.schema.column(n)
        if chunk.path_in_schema.partition(".")[0] not in names:
            continue
        size, values = chunk.total_uncompressed_size, chunk.num_values
        packed = max(1, chunk.total_compressed_size)
        if values > _VALUES or size > _LARGEST or (size > BYTES and size > _RATIO * packed):
            raise ValueError(f"column {chunk.path_in_schema} unpacks to {values} values of {size >> 20} MB")
        shared = any("DICTIONARY" in encoding for encoding in chunk.encodings)
        repeated = leaf.max_repetition_level > 0
        if not repeated and leaf.logical_type.type != "STRING":
            binary += size if leaf.physical_type == "BYTE_ARRAY" else 0
            continue
        most = size + (size * (values if repeated else min(values, _ROWS)) if shared else 0)
        most += values * _VALUE_BYTES
        doubtful += most
        if most > BYTES >> 4:
            suspects.append(chunk.path_in_schema)
    if doubtful > BYTES and suspects:
        status = path.stat()
        _measure(path, status.st_size, status.st_mtime_ns, group, tuple(suspects))
    return max(1, min(_ROWS, BYTES // max(1, binary)))


@lru_cache(maxsize=4096)
def _measure(path: Path, size: int, mtime: int, group: int, leaves: tuple[str, ...]) -> None:
    """Counts the bytes of every batch without unpacking repeated values.

    Raises:
        ValueError: A batch unpacks to more than :data:`BYTES`.
    """
    import pyarrow.parquet as pq

    file = pq.ParquetFile(path, read_dictionary=list(leaves), buffer_size=1 << 20)
    for leaf in leaves:
        for batch in file.iter_batches(_ROWS, row_groups=[group], columns=[leaf]):
            unpacked = sum(map(_bytes_of, batch.columns))
            if unpacked > BYTES:
                raise ValueError(f"column {leaf} unpacks to {unpacked >> 20} MB in {len(batch)} rows")


def _bytes_of(column: pa.Array) -> int:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_struct(column.type):
        return sum(_bytes_of(column.field(n)) for n in range(column.type.num_fields))
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        return len(column) * _VALUE_BYTES + _bytes_of(column.flatten())
    size = len(column) * _VALUE_BYTES
    if pa.types.is_dictionary(column.type):
        lengths = pc.binary_length(column.dictionary).cast(pa.int64())
        return size + (pc.sum(lengths.take(column.indices)).as_py() or 0)
    if pa.types.is_string(column.type) or pa.types.is_binary(column.type):
        return size + (pc.sum(pc.binary_length(column)).as_py() or 0)
    return size
