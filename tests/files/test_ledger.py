"""The ledger of checked files: it spares reading, and never hides a damage."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from fault_trials import damage

from paqa_builder.files import ledger, state
from paqa_builder.files.known_rows import KnownRows
from paqa_builder.files.ledger import Ledger
from paqa_builder.files.memo import Memo

FAILURE = {"stage": "tag", "error": "E", "message": "m"}


def rows(*clips: str, failed: str = "") -> list[dict[str, Any]]:
    return [
        {"clip": clip, "sha256": "0", **({"failure": FAILURE} if clip == failed else {"records": []})}
        for clip in clips
    ]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(ledger, "settled", lambda stamp: True)
    folder = tmp_path / "tag-0"
    state.write_rows(folder / "part-0.jsonl", rows("a", "b", "c", failed="b"))
    state.write_rows(folder / "part-1.jsonl", rows("d", "e"))
    return folder


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The state files that were read, ledgers apart."""
    read, original = [], state.content_of

    def counted(path: Path) -> Any:
        if path.name != ledger.NAME:
            read.append(path.name)
        return original(path)

    monkeypatch.setattr(state, "content_of", counted)
    return read


def test_files_are_read_once(folder: Path, reads: list[str]) -> None:
    book = Ledger(folder)
    assert book.clips() == (5, 1, 2)
    book.save()
    del reads[:]
    book = Ledger(folder)
    entry = book.entry("part-0.jsonl")
    assert entry is not None
    assert (entry.clips, entry.failed) == (3, 1)
    assert book.clips() == (5, 1, 2)
    assert reads == []


def test_clips_in_several_parts_count_once(folder: Path) -> None:
    state.write_rows(folder / "part-2.jsonl", rows("a", "e", "f"))
    assert Ledger(folder).clips(["part-0.jsonl"]) == (6, 1, 3)


def test_a_file_of_a_moment_ago_is_read_again(
    folder: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second change could have the same time."""
    monkeypatch.setattr(ledger, "settled", lambda stamp: False)
    for _ in range(2):
        book = Ledger(folder)
        assert book.entry("part-1.jsonl")
        book.save()
    assert reads == ["part-1.jsonl"] * 2


@pytest.mark.parametrize("kind", damage.DAMAGES)
def test_a_damaged_file_is_noticed(folder: Path, kind: str) -> None:
    book = Ledger(folder)
    book.clips()
    book.save()
    damage.DAMAGES[kind](folder / "part-0.jsonl")
    assert Ledger(folder).entry("part-0.jsonl") is None
    assert Ledger(folder).entry("part-1.jsonl") is not None


def test_an_edit_that_keeps_size_and_mtime_is_noticed(folder: Path) -> None:
    book = Ledger(folder)
    book.clips()
    book.save()
    file = folder / "part-0.jsonl"
    status = file.stat()
    file.write_bytes(file.read_bytes().replace(b'"a"', b'"x"'))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert Ledger(folder).entry("part-0.jsonl") is None


@pytest.mark.parametrize("kind", damage.DAMAGES)
def test_a_damaged_ledger_is_ignored(folder: Path, kind: str) -> None:
    book = Ledger(folder)
    book.clips()
    book.save()
    damage.DAMAGES[kind](folder / ledger.NAME)
    assert Ledger(folder).clips() == (5, 1, 2)


def test_rows_of_earlier_parts_are_found(folder: Path) -> None:
    state.write_rows(folder / "part-2.jsonl", [*rows("a"), {"clip": "t", "sha256": "0", "truth": "1"}])
    damage.DAMAGES["truncated"](folder / "part-1.jsonl")
    wanted = [("a", "0", ""), ("c", "0", ""), ("c", "1", ""), ("t", "0", "1"), ("t", "0", ""), ("d", "0", "")]
    earlier = KnownRows(folder)
    assert earlier.known(wanted) == [True, True, False, True, False, False]
    found = earlier.rows(wanted)
    assert sorted(clip for clip, _, _ in found) == ["a", "c", "t"]
    assert KnownRows(folder, skip=["part-2.jsonl"]).known(wanted) == [True, True, False, False, False, False]
    assert KnownRows(folder / "none").rows(wanted) == {}


def test_a_result_is_remembered_under_its_key_only(tmp_path: Path) -> None:
    memo = Memo(tmp_path / "x.json")
    assert memo.get([1]) is None
    memo.put([1, "a"], {"b": 2.5})
    assert Memo(tmp_path / "x.json").get([1, "a"]) == {"b": 2.5}
    assert memo.get([2]) is None
