"""State files: what was damaged counts as missing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from fault_trials import damage

from paqa_builder.errors import ConfigError
from paqa_builder.files import state
from paqa_builder.files.known_rows import KnownRows
from paqa_builder.files.ledger import Ledger

ROWS = [{"clip": "line\u2028separator", "n": 1}, {"clip": "ü", "n": 2}]


DAMAGES: dict[str, Callable[[Path], object]] = {
    **damage.DAMAGES,
    "another digit": lambda path: path.write_bytes(path.read_bytes().replace(b"1", b"7", 1)),
    "30 bytes less": lambda path: path.write_bytes(path.read_bytes()[:-30]),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_file_counts_as_missing_and_can_be_written_again(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "tag-0/part-0.jsonl"
    state.write_rows(path, ROWS)
    assert state.intact(path)
    assert state.read_rows(path) == ROWS
    DAMAGES[kind](path)
    assert not state.intact(path)
    assert state.read(path) is None
    assert state.failed_rows(path) == []
    assert KnownRows(path.parent).rows([("ü", "", "")]) == {}
    assert Ledger(path.parent).entry(path.name) is None
    with pytest.raises(ConfigError, match="run the same command again"):
        state.read_rows(path)
    state.write_rows(path, ROWS)
    assert state.read_rows(path) == ROWS


@pytest.mark.parametrize("name", ["tag-0/part-1.jsonl", "tag-1/part-0.jsonl"])
def test_another_files_content_counts_as_damage(tmp_path: Path, name: str) -> None:
    state.write_rows(tmp_path / "tag-0/part-0.jsonl", ROWS)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    shutil.copy(tmp_path / "tag-0/part-0.jsonl", tmp_path / name)
    assert not state.intact(tmp_path / name)


def test_a_copied_work_folder_stays_valid(tmp_path: Path) -> None:
    state.write_rows(tmp_path / "work/tag-0/part-0.jsonl", ROWS)
    (tmp_path / "work").rename(tmp_path / "other")
    assert state.read_rows(tmp_path / "other/tag-0/part-0.jsonl") == ROWS


def test_no_rows_are_rows(tmp_path: Path) -> None:
    state.write_rows(tmp_path / "part.jsonl", [])
    assert state.intact(tmp_path / "part.jsonl")
    assert state.read_rows(tmp_path / "part.jsonl") == []
