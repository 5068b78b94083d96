"""Parquet files that unpack to gigabytes or are damaged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from paqa_builder.errors import DamagedError
from paqa_builder.untrusted import tables, unpacked


@pytest.fixture(autouse=True)
def _small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacked, "BYTES", 4 << 20)
    monkeypatch.setattr(unpacked, "SMALL", 4 << 20)
    monkeypatch.setattr(unpacked, "TEXT", 1 << 20)


def _written(path: Path, rows: list[dict[str, object]]) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), path, compression="zstd", store_schema=False)
    return path


def test_rows_by_values_and_groups(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    rows = [{"id": f"q{n:03}", "n": n, "words": [{"text": str(n)}] * (n % 3)} for n in range(500)]
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=100)
    assert list(tables.rows(path)) == rows
    assert list(tables.rows(path, ["n"], [4])) == [{"n": n} for n in range(400, 500)]
    found = list(tables.rows(path, ["n"], equal={"id": {"q007", "q499", "none"}}))
    assert found == [{"n": 7}, {"n": 499}]


@pytest.mark.parametrize(
    "row",
    [
        {"text": "x" * 300_000},
        {"words": [{"text": "x" * 3000}] * 100},
        {"words": [[{"a": ["x" * 300] * 10}] * 10] * 10},
        {"numbers": [1.0] * 5000},
    ],
)
def test_a_file_that_unpacks_to_much_is_refused(tmp_path: Path, row: dict[str, object]) -> None:
    path = _written(tmp_path / "x.parquet", [row] * 1000)
    assert path.stat().st_size < 100_000
    with pytest.raises(DamagedError, match="unpacks to"):
        list(tables.rows(path))


@pytest.mark.parametrize(
    "how",
    [
        {"dictionary_pagesize_limit": 1 << 30},
        {"dictionary_pagesize_limit": 1 << 30, "row_group_size": 1},
        {"use_dictionary": False, "column_encoding": {"text": "DELTA_BYTE_ARRAY"}},
    ],
)
def test_a_text_that_is_stored_once_is_counted_in_every_row(tmp_path: Path, how: dict[str, Any]) -> None:
    path = tmp_path / "x.parquet"
    table = pa.Table.from_pylist([{"id": str(n), "text": "x" * 100_000} for n in range(400)])
    pq.write_table(table, path, compression="zstd", store_schema=False, **how)
    assert path.stat().st_size < 300_000
    for _ in range(2):
        with pytest.raises(DamagedError, match="column text unpacks to"):
            next(tables.rows(path, groups=[0]))
    with pytest.raises(DamagedError, match="column text unpacks to"):
        tables.check(path)
    assert len(list(tables.rows(path, ["id"]))) == 400


def test_a_long_text_is_named_with_its_row(tmp_path: Path) -> None:
    rows = [{"text": "x"}] * 70 + [{"text": "y" * (2 << 20)}]
    with pytest.raises(DamagedError, match="row 71 of row group 0, column text: a text of 2 MB"):
        list(tables.rows(_written(tmp_path / "x.parquet", rows)))


def test_rows_of_many_values_are_read_one_at_a_time(tmp_path: Path) -> None:
    rows = [{"words": [{"at": i / 7 + n, "text": f"{n} {i}"} for i in range(4000)]} for n in range(70)]
    path = _written(tmp_path / "x.parquet", rows)
    assert unpacked.batch_rows(path, tables.open_table(path), 0, ("words",)) < 10
    assert list(tables.rows(path)) == rows


def test_byte_strings_are_stored_once(tmp_path: Path) -> None:
    audio = [{"bytes": b"a" * 1_000_000}, None, {"bytes": b""}, {"bytes": b"a" * 1_000_000}, {"bytes": None}]
    path = tmp_path / "x.parquet"
    pq.write_table(pa.Table.from_pylist([{"audio": row} for row in audio]), path)
    found = tables.values(path, "audio.bytes", 0)
    assert found.to_pylist() == [row and row["bytes"] for row in audio]
    assert found.nbytes < 1_100_000
    assert tables.lengths(path, "audio.bytes", 0) == [1_000_000, None, 0, 1_000_000, None]


def test_a_page_that_unpacks_to_much_is_refused(tmp_path: Path) -> None:
    path = _written(tmp_path / "x.parquet", [{"bytes": b"\0" * (5 << 20)}])
    with pytest.raises(DamagedError, match="unpacks to"):
        list(tables.rows(path))


def test_large_values_are_read_in_small_batches(tmp_path: Path) -> None:
    rows = [{"bytes": bytes([n]) + b"x" * 200_000, "words": [{"text": f"{n}"}] * 50} for n in range(40)]
    path = tmp_path / "x.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path, compression="none", use_dictionary=["words"])
    assert list(tables.rows(path)) == rows


@pytest.mark.parametrize("harm", ["cut", "footer", "pages", "text", "empty"])
def test_a_damaged_file_is_named(tmp_path: Path, harm: str) -> None:
    path = _written(tmp_path / "x.parquet", [{"id": f"q{n}"} for n in range(1000)])
    data = bytearray(path.read_bytes())
    if harm == "pages":
        for at in range(4, len(data) // 2, 7):
            data[at] ^= 0xFF
    harmed = {"cut": data[:-50], "footer": b"PAR1" + b"\xff" * 99 + b"PAR1", "text": b"x", "empty": b""}
    path.write_bytes(harmed.get(harm, data))
    with pytest.raises(DamagedError, match=r"x\.parquet: damaged"):
        list(tables.rows(path))


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = _written(tmp_path / "x.parquet", [{"id": "q"}])
    with pytest.raises(DamagedError, match="no column 'answer'"):
        list(tables.rows(path, ["id", "answer"]))
