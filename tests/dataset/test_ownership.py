"""Only files of an earlier build are replaced; an error leaves the earlier data set whole."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.dataset import BUILD, clip_file, questions_of, scene_of

from paqa_builder.dataset import lock, ownership
from paqa_builder.dataset.write import claim, write_shards
from paqa_builder.errors import ConfigError, ExitCode, NotReadyError, PaqaError

SHARD = "data/train-00000-of-00001.parquet"
OTHER_SHARD = "data/train-00000-of-00002.parquet"


@pytest.fixture
def items(tmp_path: Path) -> list:
    scenes = [scene_of(clip_file(tmp_path / "audio", f"{name}.wav")) for name in "ab"]
    return [(scene, questions_of(scene)) for scene in scenes]


def contents(folder: Path) -> dict[str, bytes | str]:
    return {
        path.relative_to(folder).as_posix(): os.readlink(path) if path.is_symlink() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def put(path: Path, content: bytes = b"precious") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def refused(out: Path, items: list, name: str, exit_code: int = ExitCode.USAGE) -> None:
    """Builds into a folder, which has to be refused, and to stay as it is."""
    before = contents(out)
    with pytest.raises(PaqaError) as error:
        write_shards(out, items, BUILD)
    assert error.value.exit_code == exit_code
    assert name in str(error.value)
    assert error.value.fix
    assert contents(out) == before


@pytest.mark.parametrize("built", [False, True], ids=["in a new folder", "beside an earlier build"])
@pytest.mark.parametrize(
    "name", [OTHER_SHARD, "scenes/test-mine.parquet", "quarantine/train-00007-of-00009.parquet"]
)
def test_shards_of_others(items: list, tmp_path: Path, name: str, built: bool) -> None:
    out = tmp_path / "out"
    if built:
        write_shards(out, items[:1], BUILD)
    put(out / name)
    refused(out, items, name)


@pytest.mark.parametrize(
    "name", ["data", "scenes", "quarantine", "README.md", lock.LOCK, ownership.TEMPORARY, ownership.JOURNAL]
)
@pytest.mark.parametrize("kind", ["file", "folder", "link to a file", "link to a folder", "link to nothing"])
def test_anything_else_in_the_way(items: list, tmp_path: Path, name: str, kind: str) -> None:
    path, aside = tmp_path / "out" / name, tmp_path / "aside"
    if kind == "file":
        put(path)
    elif kind == "folder":
        put(path / OTHER_SHARD)
        if name in ownership.FOLDERS:
            path.rename(path.with_name("moved"))
            put(path / "train-00000-of-00002.parquet")
    else:
        path.parent.mkdir()
        if kind == "link to a file":
            put(aside)
        elif kind == "link to a folder":
            put(aside / "train-00000-of-00001.parquet")
        path.symlink_to(aside)
    refused(tmp_path / "out", items, name)
    assert kind == "link to nothing" or not aside.exists() or b"precious" in contents(tmp_path).values()


def test_through_a_link(items: list, tmp_path: Path) -> None:
    put(tmp_path / "theirs" / OTHER_SHARD)
    (tmp_path / "out").symlink_to(tmp_path / "theirs")
    refused(tmp_path / "out", items, OTHER_SHARD)
    (tmp_path / "ours").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "ours")
    for part in (items, items[:1]):
        write_shards(tmp_path / "link", part, BUILD)
        lock.verify(tmp_path / "ours")


def test_a_readme_that_mentions_paqa(items: list, tmp_path: Path) -> None:
    put(tmp_path / "out" / "README.md", b"---\ntags: [paqa-builder]\n---\n# My thesis\n")
    refused(tmp_path / "out", items, "README.md")


@pytest.mark.parametrize("damage", [lambda d: d[:-1], lambda d: d[:9] + b"!" + d[10:], lambda _: b""])
def test_a_listed_shard_with_other_bytes(items: list, tmp_path: Path, damage: Callable) -> None:
    out = tmp_path / "out"
    write_shards(out, items[:1], BUILD)
    put(out / SHARD, damage((out / SHARD).read_bytes()))
    assert not lock.up_to_date(out, BUILD)
    refused(out, items, SHARD)
    with pytest.raises(ConfigError, match="changed or damaged after the build") as error:
        write_shards(out, items[:1], BUILD)
    assert SHARD in error.value.message
    assert "delete these files" in str(error.value.fix)
    (out / SHARD).rename(tmp_path / "kept")
    write_shards(out, items[:1], BUILD)
    assert lock.up_to_date(out, BUILD)
    (out / SHARD).unlink()
    write_shards(out, items, BUILD)
    lock.verify(out)


def test_a_damaged_lock(items: list, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_shards(out, items[:1], BUILD)
    put(out / lock.LOCK, b"{}")
    refused(out, items, lock.LOCK)
    (out / lock.LOCK).unlink()
    refused(out, items, SHARD)


def test_a_deleted_or_edited_card_is_noticed(items: list, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_shards(out, items, BUILD)
    assert lock.up_to_date(out, BUILD)
    for n in range(2):
        put(out / "README.md", b"edited %d" % n)
        assert not lock.up_to_date(out, BUILD)
        write_shards(out, items, BUILD)
    assert (out / "README.old.md").read_bytes() == b"edited 0"
    assert (out / "README.old2.md").read_bytes() == b"edited 1"
    (out / "README.md").unlink()
    assert not lock.up_to_date(out, BUILD)


def test_leftovers_of_a_killed_build_are_removed_and_nothing_else(items: list, tmp_path: Path) -> None:
    out = tmp_path / "out"
    put(out / ownership.TEMPORARY / "data" / "train-00000.parquet")
    put(out / ownership.TEMPORARY / lock.LOCK)
    write_shards(out, items, BUILD)
    assert not (out / ownership.TEMPORARY).exists()
    host = os.uname().nodename
    kept = put(out / "notes" / f".mine.{host}.999999999.tmp")
    put(out / f".README.md.{host}.999999999.tmp")
    write_shards(out, items, BUILD)
    assert kept.exists()
    assert not list(out.glob(".*"))
    put(out / ownership.TEMPORARY / "data" / "mine.parquet")
    refused(out, items, "mine.parquet")


def test_leftovers_beside_a_finished_data_set_are_removed(items: list, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_shards(out, items, BUILD)
    put(out / ownership.TEMPORARY / "data" / "train-00000.parquet")
    with claim(out):
        assert not (out / ownership.TEMPORARY).exists()


@pytest.mark.parametrize(
    ("number", "says"),
    [(errno.ENOSPC, "no space left"), (errno.EROFS, "not writable"), (errno.EFBIG, "not writable")],
)
@pytest.mark.parametrize("place", ["open", "mkdir", "rename"])
def test_errors_of_the_disk_leave_the_earlier_data_set(
    items: list, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, says: str, place: str
) -> None:
    out = tmp_path / "out"
    write_shards(out, items[:1], BUILD)
    before = contents(out)

    def fails(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        if place == "open":
            patch.setattr("pyarrow.parquet.ParquetWriter", fails)
        elif place == "mkdir":
            patch.setattr("tempfile.TemporaryFile", fails)
        else:
            patch.setattr("paqa_builder.files.move_atomic", fails)
        with pytest.raises(NotReadyError, match=says) as error:
            write_shards(out, items, BUILD)
    assert "--out" in (error.value.fix or "")
    assert contents(out) == before
    write_shards(out, items, BUILD)
    lock.verify(out)


def test_an_output_folder_that_cannot_be_made(items: list, tmp_path: Path) -> None:
    put(tmp_path / "file")
    for out in (tmp_path / "file", tmp_path / "file" / "out"):
        with pytest.raises(ConfigError, match=r"file.*cannot be created"):
            write_shards(out, items, BUILD)
