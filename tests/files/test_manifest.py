"""The manifest of the clips, its hashes, and selections of its clips."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import pytest
from fault_trials import damage

from paqa_builder import files
from paqa_builder.files import Part, manifest, part_hashes
from paqa_builder.files.checksum import sealed
from paqa_builder.files.earlier_manifest import BLOCK
from paqa_builder.files.selection import Selection
from paqa_builder.records import Clip, CorpusQuestion, Origin, Tag, Truth, Turn

ORIGIN = Origin("truth", "folder", "1")


def clip(path: Path, **values: Any) -> Clip:
    return Clip(values.pop("id", path.stem), "folder", "train", str(path), **values)


def corpus(folder: Path, count: int) -> list[tuple[Clip, str]]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{n:05}.wav" for n in range(count)]
    for n, path in enumerate(paths):
        path.write_bytes(b"%d" % n)
    return [(clip(path), "") for path in paths]


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files whose bytes were hashed."""
    read, original = [], files.file_sha256

    def counted(path: Any) -> str:
        read.append(Path(path).name)
        return original(path)

    monkeypatch.setattr(files, "file_sha256", counted)
    return read


def test_hashes_depend_on_content_only(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.wav", "b.wav")]
    for path in paths:
        path.write_bytes(b"same")
    listed = [(clip(path), "") for path in paths]
    one, other = manifest.write(listed, tmp_path / "work")[0]
    assert one.sha256 == other.sha256 != ""
    paths[0].write_bytes(b"else")
    again = list(manifest.write(listed, tmp_path / "work")[0])
    assert again[0].sha256 != one.sha256
    assert again[1] == other


def test_nothing_is_written_unless_it_is_to_be_saved(tmp_path: Path, reads: list[str]) -> None:
    listed = corpus(tmp_path / "corpus", 3)
    planned, _ = manifest.write(listed, tmp_path / "work", save=False)
    assert not (tmp_path / "work").exists()
    saved, _ = manifest.write(listed, tmp_path / "work")
    assert list(planned) == list(saved)
    assert len(reads) == 6
    before = (tmp_path / "work/clips.jsonl").stat()
    again, _ = manifest.write(listed, tmp_path / "work")
    assert list(again) == list(saved)
    assert again.content == saved.content == planned.content
    assert len(reads) == 6
    assert (tmp_path / "work/clips.jsonl").stat() == before


def test_a_file_of_equal_size_and_mtime_is_read_again(tmp_path: Path, reads: list[str]) -> None:
    listed = corpus(tmp_path / "corpus", 2)
    manifest.write(listed, tmp_path / "work")
    path = Path(listed[1][0].path)
    stat = path.stat()
    path.write_bytes(b"x")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    manifest.write(listed, tmp_path / "work")
    assert reads == ["00000.wav", "00001.wav", "00001.wav"]


def test_a_forgotten_file_is_read_again(tmp_path: Path, reads: list[str]) -> None:
    listed = corpus(tmp_path / "corpus", 3)
    manifest.write(listed, tmp_path / "work")
    manifest.forget(tmp_path / "work", [listed[1][0].path])
    manifest.write(listed, tmp_path / "work")
    assert reads[3:] == ["00001.wav"]


def test_a_missing_file_has_no_hash_and_is_no_error(tmp_path: Path) -> None:
    (found,) = manifest.write([(clip(tmp_path / "gone.wav"), "")], tmp_path / "work")[0]
    assert found.sha256 == ""


@pytest.mark.parametrize("order", ["one less", "one more", "reversed", "a few", "other names"])
def test_files_of_an_earlier_listing_are_not_read_again(tmp_path: Path, reads: list[str], order: str) -> None:
    listed = corpus(tmp_path / "corpus", 2 * BLOCK + 10)
    manifest.write(listed, tmp_path / "work")
    known = {item.clip.path: item.sha256 for item in manifest.write(listed, tmp_path / "work")[0]}
    del reads[:]
    if order == "one less":
        changed = listed[:100] + listed[101:]
    elif order == "one more":
        extra = tmp_path / "corpus/0005x.wav"
        extra.write_bytes(b"new")
        changed = [*listed[:50], (clip(extra), ""), *listed[50:]]
    elif order == "reversed":
        changed = listed[::-1]
    elif order == "a few":
        changed = listed[:3]
    else:
        changed = [(clip(Path(item.path), id=f"x{item.id}"), "") for item, _ in listed]
    found, _ = manifest.write(changed, tmp_path / "work")
    assert [item.clip for item in found] == [item for item, _ in changed]
    assert reads == (["0005x.wav"] if order == "one more" else [])
    assert all(item.sha256 == known.get(item.clip.path, item.sha256) for item in found)
    del reads[:]
    assert list(manifest.write(listed, tmp_path / "work")[0]) == list(
        manifest.write(listed, tmp_path / "other")[0]
    )
    assert len(reads) == len(listed)  # for the other work folder only


@pytest.mark.parametrize("kind", damage.DAMAGES)
def test_a_damaged_manifest_is_made_again(tmp_path: Path, kind: str) -> None:
    listed = corpus(tmp_path / "corpus", BLOCK + 3)
    before = list(manifest.write(listed, tmp_path / "work")[0])
    file = tmp_path / "work/clips.jsonl"
    kept = file.read_bytes()
    damage.DAMAGES[kind](file)
    assert list(manifest.write(listed, tmp_path / "work")[0]) == before
    assert file.read_bytes() == kept


def test_hashes_of_earlier_versions_are_used(tmp_path: Path, reads: list[str]) -> None:
    ((item, _),) = listed = corpus(tmp_path / "corpus", 1)
    status, old = os.stat(item.path), tmp_path / "work/fingerprints.json"
    stamp = f"[{status.st_size},{status.st_mtime_ns},{status.st_ctime_ns}"
    old.parent.mkdir()
    old.write_bytes(sealed(old.name, f'{{"{item.path}":{stamp},"{"ab" * 32}"]}}\n'.encode()))
    (found,) = manifest.write(listed, tmp_path / "work")[0]
    assert found.sha256 == "ab" * 32
    assert reads == []
    assert not old.exists()


def test_clips_are_read_as_they_were_listed(tmp_path: Path) -> None:
    path = tmp_path / "caf\udce9.wav"
    path.write_bytes(b"1")
    truth = Truth(
        turns=(Turn(0.1234567891, 2, "S1", 1.0, ORIGIN),),
        tags=(Tag(0.0, 0.0, "Dög", 1.0, "clip", False, ORIGIN),),
        captions=("a\u2028b",),
    )
    asked = (CorpusQuestion("q", "What?", ("a", "b"), 1),)
    listed = clip(path, id="ü", truth=truth, groups=("speaker:anna",), questions=asked)
    problem = clip(path, id="other")
    found = list(manifest.write([(listed, ""), (problem, "no name")], tmp_path / "work")[0])
    assert [item.clip for item in found] == [listed, problem]
    assert [(bool(item.sha256), item.problem) for item in found] == [(True, ""), (False, "no name")]


def test_repeated_ids_are_found(tmp_path: Path) -> None:
    listed = corpus(tmp_path / "corpus", 5)
    assert manifest.write(listed, tmp_path / "work")[1] is None
    listed += [listed[3], listed[2]]
    assert manifest.write(listed, tmp_path / "work")[1] == "00002"


def test_a_part_that_is_sent_carries_its_own_clips(tmp_path: Path) -> None:
    listing, _ = manifest.write(corpus(tmp_path / "corpus", BLOCK + 20), tmp_path / "work")
    items = listing.items(BLOCK - 5, 10)
    part = Part(7, BLOCK - 5, 10, part_hashes(items), listing)
    sent = pickle.loads(pickle.dumps(part))
    for wanted in (False, True):
        one, other = part.with_truth(wanted), sent.with_truth(wanted)
        assert (one.hash, one.index, one.fingerprints) == (other.hash, other.index, other.fingerprints)
    assert [item.clip.id for item in sent.fingerprints] == [f"{n:05}" for n in range(BLOCK - 5, BLOCK + 5)]
    assert len(pickle.dumps(part)) < 10_000


def test_a_selection_leaves_out_and_changes_clips(tmp_path: Path) -> None:
    listing, _ = manifest.write(corpus(tmp_path / "corpus", 600), tmp_path / "work")
    left_out = [0, 1, 300, 599]
    chosen = Selection(listing, left_out, {2: ("test", ("speaker:anna",))})
    ids = [f"{n:05}" for n in range(600) if n not in left_out]
    assert [item.clip.id for item in chosen] == ids
    assert chosen.count == len(ids) == 596
    for start, count in ((0, 5), (290, 20), (590, 100)):
        assert [item.clip.id for item in chosen.items(start, count)] == ids[start : start + count]
    assert (chosen.items(0, 1)[0].clip.split, chosen.items(0, 1)[0].clip.groups) == (
        "test",
        ("speaker:anna",),
    )
    assert chosen.content != listing.content
