"""Atomic writes, rows, fingerprints and parts."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from paqa_builder import files
from paqa_builder.errors import ConfigError, NotReadyError
from paqa_builder.records import Clip


def clip(path: Path) -> Clip:
    return Clip(path.stem, "folder", "train", str(path))


def test_a_full_disk_leaves_no_partial_file_and_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_bytes(b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NotReadyError, match="no space left"):
        files.write_atomic(tmp_path / "a", b"new")
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


def test_an_empty_folder_in_the_place_of_a_work_file_is_replaced(tmp_path: Path) -> None:
    for name in ("empty", "full", "shards"):
        (tmp_path / name).mkdir()
    (tmp_path / "full/notes.txt").touch()
    files.write_atomic(tmp_path / "empty", b"new")
    assert (tmp_path / "empty").read_bytes() == b"new"
    for name, setting in (("full", "--work"), ("shards", "--out")):
        with pytest.raises(NotReadyError, match="not writable"):
            files.write_atomic(tmp_path / name, b"new", setting=setting)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["empty", "full", "notes.txt", "shards"]


def test_rows_of_any_text_survive(tmp_path: Path) -> None:
    rows = [{"clip": "line\u2028separator", "text": 'quote " and \n newline \x85'}, {"clip": "ü"}]
    files.write_rows(tmp_path / "part.jsonl", rows)
    assert files.read_rows(tmp_path / "part.jsonl") == rows


def test_a_damaged_part_names_the_file_to_delete(tmp_path: Path) -> None:
    (tmp_path / "part.jsonl").write_text('{"clip": ')
    with pytest.raises(ConfigError, match="rm "):
        files.read_rows(tmp_path / "part.jsonl")


def test_only_temporary_files_of_ended_processes_are_removed(tmp_path: Path) -> None:
    import socket

    folder = tmp_path / "tag-0"
    folder.mkdir()
    mine = folder / f".part.jsonl.{socket.gethostname()}.{os.getpid()}.tmp"
    dead = folder / f".part.jsonl.{socket.gethostname()}.999999999.tmp"
    other_machine = folder / ".part.jsonl.elsewhere.999999999.tmp"
    for path in (mine, dead, other_machine):
        path.write_bytes(b"")
    files.remove_stale(tmp_path)
    assert sorted(folder.iterdir()) == sorted([mine, other_machine])


def test_a_parts_hash_covers_its_clips(tmp_path: Path) -> None:
    prints = [files.Fingerprint(clip(tmp_path / f"{n}.wav"), str(n)) for n in range(5)]
    parts = files.parts_of(prints, 2)
    assert [len(part.fingerprints) for part in parts] == [2, 2, 1]
    changed = files.parts_of([*prints[:4], files.Fingerprint(prints[4].clip, "other")], 2)
    assert [a.hash == b.hash for a, b in zip(parts, changed, strict=True)] == [True, True, False]


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a file system without folders by users")
def test_a_folder_that_cannot_be_created_is_reported() -> None:
    with pytest.raises(NotReadyError, match="cannot be created"):
        files.write_atomic(Path("/proc/x/y"), b"", setting="--out")
