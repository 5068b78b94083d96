"""What the columns of a Parquet file unpack to, found without unpacking them.

Sizes of columns are in the file's metadata. Texts that occur several times are stored once, in a dictionary;
their unpacked size is computed from the lengths in the dictionary where the metadata leave it open.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from paqa_builder.untrusted.parquet_file import open_table

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

BYTES = 256 << 20
"""Most bytes that a batch of rows may unpack to."""
SMALL = 16 << 20
RATIO = 100
"""A file may unpack to ``SMALL`` bytes or to this multiple of its size, whichever is more."""
TEXT = 16 << 20
"""Most bytes of one text."""

_ROWS = 64
_VALUES = 20_000_000  # of one column in one row group
_VALUE_BYTES = 32  # of a number or a reference in Python
_STRUCT_BYTES = 128
_LARGEST = (1 << 31) + (1 << 28)  # the largest cell, and its page
_UNSHARED = frozenset({"PLAIN", "RLE", "BIT_PACKED", "DELTA_LENGTH_BYTE_ARRAY"})


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A leaf column in a row group: its path, and the sizes that the metadata state."""

    path: str
    bytes: int
    packed: int
    values: int
    text: bool
    repeated: bool
    shared: bool
    chained: bool

    @property
    def binary(self) -> bool:
        """Whether its values are byte strings that no list holds."""
        return not self.text and not self.repeated

    @property
    def plain(self) -> int:
        """Bytes of its values, where each is stored once."""
        return self.bytes + self.values * _VALUE_BYTES

    def most(self, rows: int) -> int:
        """Most bytes of ``rows`` rows."""
        values = self.values if self.repeated else min(self.values, rows)
        return self.bytes + values * _VALUE_BYTES + (self.bytes * values if self.shared else 0)


def _leaves(file: pq.ParquetFile, group: int, columns: tuple[str, ...]) -> Iterator[_Leaf]:
    meta = file.metadata.row_group(group)
    for n in range(meta.num_columns):
        chunk, leaf = meta.column(n), file.schema.column(n)
        if chunk.path_in_schema.partition(".")[0] not in columns:
            continue
        yield _Leaf(
            chunk.path_in_schema,
            chunk.total_uncompressed_size,
            max(1, chunk.total_compressed_size),
            chunk.num_values,
            text=leaf.logical_type.type == "STRING" or leaf.physical_type != "BYTE_ARRAY",
            repeated=leaf.max_repetition_level > 0,
            shared=leaf.physical_type == "BYTE_ARRAY" and not _UNSHARED.issuperset(chunk.encodings),
            chained="DELTA_BYTE_ARRAY" in chunk.encodings,
        )


def check_sizes(file: pq.ParquetFile, columns: tuple[str, ...]) -> None:
    """Checks the sizes that the metadata of columns state.

    Raises:
        ValueError: A column unpacks to more than the limits.
    """
    for group in range(file.num_row_groups):
        for leaf in _leaves(file, group, columns):
            grown = leaf.bytes > BYTES and leaf.bytes > RATIO * leaf.packed
            if leaf.values > _VALUES or leaf.bytes > _LARGEST or grown:
                raise ValueError(
                    f"column {leaf.path} unpacks to {leaf.values} values of {leaf.bytes >> 20} MB"
                )


def check(path: Path, file: pq.ParquetFile, columns: tuple[str, ...]) -> None:
    """Checks what columns unpack to in all row groups.

    Raises:
        ValueError: They unpack to more than the limits.
    """
    status = path.stat()
    if problem := _problem(path, status.st_size, status.st_mtime_ns, columns):
        raise ValueError(problem)


@lru_cache(maxsize=4096)
def _problem(path: Path, size: int, mtime: int, columns: tuple[str, ...]) -> str:
    """The message of :func:`check`; empty if the columns are within the limits."""
    try:
        _check(path, size, columns)
    except ValueError as error:
        return str(error)
    return ""


def _check(path: Path, size: int, columns: tuple[str, ...]) -> None:
    file = open_table(path)
    check_sizes(file, columns)
    allowed = max(SMALL, RATIO * size)
    leaves = [(group, leaf) for group in range(file.num_row_groups) for leaf in _leaves(file, group, columns)]
    leaves = [(group, leaf) for group, leaf in leaves if not leaf.binary]
    total = sum(leaf.plain for _, leaf in leaves)
    if total > allowed:
        largest = max(leaves, key=lambda pair: pair[1].plain)[1].path
        raise ValueError(f"column {largest} unpacks to most of {_times(total, size)}")
    most: dict[str, int] = defaultdict(int)
    chunks: dict[str, list[tuple[int, _Leaf]]] = defaultdict(list)
    for group, leaf in leaves:
        if leaf.shared or leaf.bytes > TEXT:
            most[leaf.path] += leaf.most(leaf.values)
            chunks[leaf.path].append((group, leaf))
    left = sum(most.values())
    for leaf_path in sorted(most, key=lambda name: (-most[name], name)):
        if total + left <= min(allowed, TEXT):
            break
        left -= most[leaf_path]
        for length in _measured(path, leaf_path, chunks[leaf_path]):
            total += length
            if total > allowed:
                raise ValueError(f"column {leaf_path} unpacks to {_times(total, size)}")


def _times(unpacked: int, size: int) -> str:
    return f"{unpacked >> 20} MB or more, over {RATIO} times the file's size of {size >> 10} kB"


def _measured(path: Path, leaf_path: str, chunks: list[tuple[int, _Leaf]]) -> Iterator[int]:
    """The bytes of the texts of a leaf column, batch by batch, without unpacking repeated ones.

    Args:
        chunks: Row groups, and the column in them.

    Raises:
        ValueError: One text is longer than :data:`TEXT`.
    """
    # Arrow has no dictionaries of texts that are stored as additions to the text before.
    chained = any(leaf.chained for _, leaf in chunks)
    file = open_table(path, [] if chained else [leaf_path])
    for group, leaf in chunks:
        rows, row = max(1, min(_ROWS, BYTES // max(1, leaf.bytes))) if chained else _ROWS, 0
        for batch in file.iter_batches(rows, row_groups=[group], columns=[leaf_path]):
            yield _length_of_all(batch, f"row group {group}, column {leaf_path}", row)
            row += len(batch)


def _length_of_all(batch: pa.RecordBatch, where: str, row: int) -> int:
    import pyarrow.compute as pc

    sizes = lengths(_texts(batch.column(0)))
    longest = pc.max(sizes).as_py() or 0
    if longest > TEXT:
        place = pc.index(sizes, longest).as_py() if len(sizes) == len(batch) else 0
        raise ValueError(f"row {row + place + 1} of {where}: a text of {longest >> 20} MB")
    return pc.sum(sizes).as_py() or 0


def _texts(column: pa.Array) -> pa.Array:
    """The texts of a column that may be nested, with one leaf."""
    import pyarrow as pa

    while True:
        if pa.types.is_struct(column.type):
            column = column.flatten()[0]
        elif pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
            column = column.flatten()
        else:
            return column


def lengths(column: pa.Array) -> pa.Array:
    """The lengths of texts or byte strings; of a dictionary, without unpacking it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        return pc.binary_length(column.dictionary).cast(pa.int64()).take(column.indices)
    return pc.binary_length(column).cast(pa.int64())


def batch_rows(path: Path, file: pq.ParquetFile, group: int, columns: tuple[str, ...]) -> int:
    """The number of rows of a row group to unpack at once, so that they take at most :data:`BYTES`.

    Raises:
        ValueError: A single row takes more.
    """
    leaves = list(_leaves(file, group, columns))
    binary = sum(leaf.bytes for leaf in leaves if leaf.binary)
    size = max(1, min(_ROWS, BYTES // max(1, binary)))
    others = [leaf for leaf in leaves if not leaf.binary]
    if sum(leaf.most(size) for leaf in others) > BYTES:
        status = path.stat()
        if any(leaf.chained for leaf in others):
            return 1
        names = tuple(leaf.path for leaf in others)
        return _smaller(path, status.st_size, status.st_mtime_ns, group, names, size)
    return size


@lru_cache(maxsize=4096)
def _smaller(path: Path, size: int, mtime: int, group: int, leaves: tuple[str, ...], rows: int) -> int:
    """The number of rows, at most ``rows``, of which no batch takes more than :data:`BYTES`."""
    for batch_size in dict.fromkeys((rows, max(1, rows // 8), 1)):
        file = open_table(path, leaves)
        batches = file.iter_batches(batch_size, row_groups=[group], columns=list(leaves))
        too_large = ((n, size) for n, size in enumerate(map(_bytes_of_batch, batches), 1) if size > BYTES)
        row, unpacked = next(too_large, (0, 0))
        if not row:
            return batch_size
    raise ValueError(f"row {row} of row group {group} unpacks to {unpacked >> 20} MB")


def _bytes_of_batch(batch: pa.RecordBatch) -> int:
    return sum(map(_bytes_of, batch.columns))


def _bytes_of(column: pa.Array) -> int:
    import pyarrow as pa
    import pyarrow.compute as pc

    size = len(column) * _VALUE_BYTES
    if pa.types.is_struct(column.type):
        fields = (column.field(n) for n in range(column.type.num_fields))
        return len(column) * _STRUCT_BYTES + sum(map(_bytes_of, fields))
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        return size + _bytes_of(column.flatten())
    if pa.types.is_dictionary(column.type) or _is_text(column.type):
        return size + (pc.sum(lengths(column)).as_py() or 0)
    return size


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return any(
        test(kind)
        for test in (
            pa.types.is_string,
            pa.types.is_binary,
            pa.types.is_large_string,
            pa.types.is_large_binary,
        )
    )
