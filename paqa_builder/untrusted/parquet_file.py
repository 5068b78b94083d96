"""Opening of Parquet files by others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from paqa_builder.errors import DamagedError

if TYPE_CHECKING:
    import pyarrow.parquet as pq


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


def open_table(path: Path, dictionaries: Sequence[str] = ()) -> pq.ParquetFile:
    """Opens a Parquet file.

    Args:
        dictionaries: Leaf columns whose repeated values are not unpacked.

    Raises:
        DamagedError: It is not Parquet.
    """
    import pyarrow.parquet as pq

    with damaged(path):
        return pq.ParquetFile(path, read_dictionary=list(dictionaries), buffer_size=1 << 20)
