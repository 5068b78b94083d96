"""Shards that are damaged, of other types, or unpack to gigabytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fault_trials.hostile_case import Case, copied_set, lock_again
from fault_trials.site import Site


def shards(built: Site, folder: Path) -> Iterator[Case]:
    """Commands that read the questions or the scenes of a data set with one hostile shard."""
    clip = _first(built.out / "scenes", "clip_id")
    question = _first(built.out / "data", "id")
    for name, harm in HARMS.items():
        for where in ("data", "scenes"):
            out = copied_set(built, folder / f"{where}-{name.replace(' ', '-')}")
            harm(next(out.glob(f"{where}/*.parquet")))
            lock_again(out)
            yield Case(f"verify, {where}: {name}", ("verify", out), (2, 3))
            if where == "data":
                yield Case(f"check: {name}", ("check", out))
                yield Case(f"explain: {name}", ("explain", question, "--shards", out))
            else:
                yield Case(f"inspect: {name}", ("inspect", clip, "--shards", out))


def _first(folder: Path, column: str) -> str:
    return str(pq.read_table(next(folder.glob("*.parquet")), columns=[column])[column][0].as_py())


def _written(table: pa.Table, path: Path, **how: Any) -> None:
    pq.write_table(table, path, **{"compression": "zstd", "use_dictionary": True} | how)


def _repeated(path: Path, rows: int, name: str = "", text: str = "") -> pa.Table:
    """The first row of a shard many times, with one text in all of them, which is stored once."""
    table = pa.concat_tables([pq.read_table(path).slice(0, 1)] * rows)
    if not name:
        return table
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([text]))
    return table.set_column(table.schema.get_field_index(name), name, texts)


_AS_TEXT = {"store_schema": False, "dictionary_pagesize_limit": 1 << 30}


def _bomb_of_another_type(path: Path) -> None:
    """4,000 rows with a licence of 1 MB, in a column whose type is a dictionary."""
    _written(_repeated(path, 4000, "license", "x" * 1_000_000), path)


def _bomb(path: Path) -> None:
    """4,000 rows with a licence of 1 MB, which is stored once, in a column of the right type."""
    _written(_repeated(path, 4000, "license", "x" * 1_000_000), path, **_AS_TEXT)


def _bomb_of_ids(path: Path) -> None:
    """4,000 rows of a clip whose name has 1 MB."""
    _written(_repeated(path, 4000, "clip_id", "x" * 1_000_000), path, **_AS_TEXT)


def _bomb_of_additions(path: Path) -> None:
    """4,000 rows with a licence of 1 MB, each stored as an addition of nothing to the one before."""
    table = _repeated(path, 4000)
    table = table.set_column(
        table.schema.get_field_index("license"), "license", pa.array(["x" * 1_000_000] * len(table))
    )
    how = {"use_dictionary": ["audio.bytes"], "column_encoding": {"license": "DELTA_BYTE_ARRAY"}}
    _written(table, path, **_AS_TEXT, **how)


def _many_rows(path: Path) -> None:
    """40,000 equal rows in a few kilobytes."""
    _written(_repeated(path, 40_000), path, **_AS_TEXT)


def _bomb_of_records(path: Path) -> None:
    """Three million records in one cell."""
    table = pq.read_table(path)
    rows = table.to_pylist()
    name = "evidence" if "evidence" in table.schema.names else "failures"
    kind = table.schema.field(name).type.value_type
    rows[0][name] = [{field.name: None for field in kind}] * 3_000_000
    _written(pa.Table.from_pylist(rows, table.schema), path)


def _bomb_of_one_cell(path: Path) -> None:
    """One row with a licence of 1.5 GB of one character."""
    table = pq.read_table(path).slice(0, 1)
    text = pa.array(["x" * 1_500_000_000])
    _written(table.set_column(table.schema.get_field_index("license"), "license", text), path)


def _open_quotes(path: Path) -> None:
    """Questions and traces of 280 kB without an end to a quote."""
    table = pq.read_table(path)
    for name in {"question", "trace", "attribution"} & set(table.schema.names):
        texts = pa.array(["“" * 280_000] * len(table))
        table = table.set_column(table.schema.get_field_index(name), name, texts)
    _written(table, path)


def _numbers(path: Path) -> None:
    table = pq.read_table(path)
    at = table.schema.get_field_index("clip_id")
    _written(table.set_column(at, "clip_id", pa.array(range(len(table)), pa.int64())), path)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _false_footer(path: Path) -> None:
    path.write_bytes(b"PAR1" + b"\xff" * 1000 + b"\xff\xff\xff\x7fPAR1")


def _changed(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for at in range(len(data) // 3, len(data) - 20, len(data) // 40):
        data[at] ^= 0xFF
    path.write_bytes(data)


def _columns_missing(path: Path) -> None:
    table = pq.read_table(path)
    _written(table.drop_columns([table.schema.names[-1], table.schema.names[0]]), path)


def _no_columns(path: Path) -> None:
    _written(pa.table({}), path)


def _nulls(path: Path) -> None:
    table = pq.read_table(path)
    columns = [pa.nulls(len(table), field.type) for field in table.schema]
    _written(pa.Table.from_arrays(columns, names=table.schema.names), path)


HARMS: dict[str, Callable[[Path], None]] = {
    "cut": _cut,
    "a false footer": _false_footer,
    "changed bytes": _changed,
    "two columns missing": _columns_missing,
    "no columns": _no_columns,
    "null in every cell": _nulls,
    "clips that are numbers": _numbers,
    "open quotes, 280 kB": _open_quotes,
    "4 GB of text": _bomb,
    "4 GB of text, another type": _bomb_of_another_type,
    "4 GB of text, as additions": _bomb_of_additions,
    "4 GB of names": _bomb_of_ids,
    "40,000 equal rows": _many_rows,
    "3,000,000 records in a cell": _bomb_of_records,
    "a cell of 1.5 GB": _bomb_of_one_cell,
}
"""Kinds of hostile shards."""
