"""The tables of official files: complete, unique, and such that a source reads what is fetched."""

from __future__ import annotations

import importlib
import io
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.archives_made import plain_zip, tar_gz
from helpers.file_server import Server, serving

from paqa_builder import registry
from paqa_builder.corpora import git_tree
from paqa_builder.corpora import plan as plans
from paqa_builder.corpora.fetch import fetch
from paqa_builder.corpora.locate import locate
from paqa_builder.errors import NotReadyError
from paqa_builder.sources import Source
from paqa_builder.sources.ami import Ami
from paqa_builder.sources.crema_d import CremaD
from paqa_builder.sources.downloads import ALL, Archive, Downloads, GitTree, RemoteFile
from paqa_builder.transfer.unpack import safe_path

CORPORA = sorted(plans.corpora())


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PAQA_DATA", str(tmp_path / "data"))
    monkeypatch.setattr("os.sync", lambda: None)
    return tmp_path / "data"


def test_the_corpora_that_can_be_fetched() -> None:
    wanted = (
        "ami audioset avqa clotho covost2 crema_d esc50 fsd50k librispeech meld musan ravdess urbansound8k"
    )
    assert set(CORPORA) == {*wanted.split(), "voxconverse"}


@pytest.mark.parametrize("name", CORPORA)
def test_a_table(name: str) -> None:
    downloads = plans.corpora()[name]
    archives = downloads.archives
    assert downloads.license
    assert downloads.page.startswith("https://")
    assert len({archive.name for archive in archives}) == len(archives)
    assert all(archive.bytes or archive.verified or name == "covost2" for archive in downloads.whole)
    for archive in archives:
        assert archive.files
        assert (archive.kind == "zip") or archive.kind == "files" or len(archive.files) == 1
        for file in archive.files:
            assert re.match(r"https://|datasets/[\w-]+/\w+:", file.source)
            assert re.fullmatch(r"(md5:[0-9a-f]{32}|sha256:[0-9a-f]{64})?", file.checksum)
            safe_path(file.path or file.name)
        for tree in archive.trees:
            assert re.fullmatch("[0-9a-f]{40}", tree.sha1)
    files = {file.source: file.name for archive in archives for file in archive.files}
    assert len(set(files.values())) == len(files)  # a mirror has them in one folder


def test_lists_of_files() -> None:
    recordings = CremaD.downloads.archives[1].files  # type: ignore[union-attr]
    assert len(recordings) == len({file.name for file in recordings}) == 7442
    meetings = [len(archive.files) for archive in Ami.downloads.archives[1:]]  # type: ignore[union-attr]
    assert meetings == [16, 18, 136]


def test_the_hash_of_a_folder_is_that_of_git(tmp_path: Path) -> None:
    """`git mktree` of two files; the second is a pointer of Git LFS in the repository."""
    (tmp_path / "a").write_bytes(b"hello\n")
    (tmp_path / "b").write_bytes(b"")
    paths = [tmp_path / "b", tmp_path / "a"]
    assert git_tree.of_files(paths) == "2f3f2bfbfdd99b445e3e70f6ce20c241282d900d"
    assert git_tree.of_files(paths, lfs=True) != git_tree.of_files(paths)


def member_names(root: Path, name: str, archive: Archive) -> list[str]:
    """Files of a tree, below the archive's folder, that are in an archive."""
    base = root / archive.into
    paths = sorted(path.relative_to(base).as_posix() for path in base.rglob("*") if path.is_file())
    if name == "librispeech":
        return [p for p in paths if archive.subset in p or p.count("/") == 1]
    if name == "clotho":
        return [p for p in paths if archive.subset in p.split("/")[0] and p.endswith(".wav")]
    return [p for p in paths if p.endswith(".rttm")] if archive.only else paths


def packed(root: Path, name: str, archive: Archive) -> dict[str, bytes]:
    """The content of an archive's files, by name."""
    if archive.kind == "files":
        paths = {file.name: root / archive.into / (file.path or file.name) for file in archive.files}
        return {file: path.read_bytes() for file, path in paths.items() if path.is_file()}
    names = member_names(root, name, archive)
    content = {
        f"{archive.strip}/{n}" if archive.strip else n: (root / archive.into / n).read_bytes() for n in names
    }
    if not content:
        return {}
    if archive.kind == "7z":
        py7zr = pytest.importorskip("py7zr")
        out = io.BytesIO()
        with py7zr.SevenZipFile(out, "w") as file:
            for path, data in content.items():
                file.writestr(data, path)
        return {archive.files[-1].name: out.getvalue()}
    return {archive.files[-1].name: plain_zip(content) if archive.kind == "zip" else tar_gz(content)}


def served(root: Path, name: str, downloads: Downloads, server: Server) -> Downloads:
    """Puts the archives of a tree on a server, and returns the table that fits them."""
    archives = []
    for archive in downloads.whole:
        contents = packed(root, name, archive)
        server.files |= {f"/{name}/{file}": data for file, data in contents.items()}
        files = tuple(
            RemoteFile(file.source, len(contents[file.name]), "", file.path)
            for file in archive.files
            if file.name in contents
        )
        trees = tuple(replace(tree, sha1=hash_of(root, archive, tree)) for tree in archive.trees if files)
        if files:
            known = replace(archive, files=files, trees=trees, unpacked=0, about_bytes=0, inner=(), small=ALL)
            archives.append(known)
    return replace(downloads, archives=tuple(archives))


def hash_of(root: Path, archive: Archive, tree: GitTree) -> str:
    folder = root / tree.folder
    names = {file.path or file.name for file in archive.files}
    paths = [path for path in folder.iterdir() if path.name in names or archive.kind != "files"]
    return git_tree.of_files([path for path in paths if path.is_file()], lfs=tree.lfs)


TREES = {
    "audioset": "audioset:tree", "avqa": "avqa:tree", "clotho": "clotho:tree",
    "crema_d": "emotional_speech:crema_d", "esc50": "esc50:tree", "librispeech": "librispeech:tree",
    "meld": "meld:tree", "musan": "musan:tree", "ravdess": "emotional_speech:ravdess",
    "voxconverse": "meetings:voxconverse",
}  # fmt: skip


@pytest.mark.parametrize("name", TREES)
def test_what_is_fetched_is_what_the_source_reads(
    name: str, tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, _, function = TREES[name].partition(":")
    root = tmp_path / "tree"
    if name not in ("audioset", "avqa", "clotho"):  # these make it themselves
        root.mkdir()
    made = getattr(importlib.import_module(f"sources.test_{module}"), function)(root)
    if (made / "audio").is_dir() and name == "voxconverse":
        (made / "audio").rename(made / "voxconverse_dev_wav")
    source: type[Source] = registry.get("source", name)
    downloads = source.downloads
    assert downloads is not None
    monkeypatch.setattr(source, "downloads", served(made, name, downloads, server))
    place = fetch(plans.plan(name), mirror=server.url)
    fetched = locate(source)
    assert (fetched.root, fetched.partial) == (place, False)
    if downloads.note and " only: put the audio" in downloads.note:
        shutil.copytree(made, place, dirs_exist_ok=True)
    clips = list(source(place).clips())
    assert clips
    assert [clip.id for clip in clips] == [clip.id for clip in source(made).clips()]
    assert plans.plan(name).missing == ()


def test_files_that_are_not_those_of_the_release(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    (tmp_path / "tree/dev").mkdir(parents=True)
    (tmp_path / "tree/dev/a.rttm").write_bytes(b"SPEAKER")
    (tmp_path / "tree/test").mkdir()
    source = registry.get("source", "voxconverse")
    table = served(tmp_path / "tree", "voxconverse", source.downloads, server)
    wrong = replace(table, archives=(replace(table.archives[0], trees=(GitTree("dev", "0" * 40),)),))
    monkeypatch.setattr(source, "downloads", wrong)
    with pytest.raises(NotReadyError, match="are not those of the release") as error:
        fetch(plans.plan("voxconverse"), mirror=server.url)
    assert "rm -r" in str(error.value.fix)
    assert len(plans.plan("voxconverse").missing) == 1


def test_archives_in_an_archive(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    inner = tar_gz({"train_splits/dia0_utt0.mp4": b"video", "train_sent_emo.csv": b"table"})
    outer = tar_gz({"MELD.Raw/train.tar.gz": inner, "MELD.Raw/dev_sent_emo.csv": b"table"})
    server.files["/meld/MELD.Raw.tar.gz"] = outer
    source = registry.get("source", "meld")
    archive = replace(
        source.downloads.archives[0],
        files=(RemoteFile(source.downloads.archives[0].files[0].source, len(outer)),),
        inner=("train.tar.gz",),
    )
    monkeypatch.setattr(source, "downloads", replace(source.downloads, archives=(archive,)))
    place = fetch(plans.plan("meld"), mirror=server.url)
    names = sorted(path.relative_to(place).as_posix() for path in place.rglob("*.*") if path.is_file())
    assert [n for n in names if not n.startswith(".paqa")] == [
        "dev_sent_emo.csv", "train_sent_emo.csv", "train_splits/dia0_utt0.mp4",
    ]  # fmt: skip
    assert plans.plan("meld").missing == ()


def test_a_file_on_the_hub(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    outer = tar_gz({"MELD.Raw/dev_sent_emo.csv": b"table"})
    path = "/datasets/declare-lab/MELD/resolve/main/MELD.Raw.tar.gz"
    server.files[path] = outer
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    source = registry.get("source", "meld")
    first = source.downloads.archives[0]
    archive = replace(first, files=(RemoteFile(first.files[0].source, len(outer)),), inner=(), unpacked=0)
    monkeypatch.setattr(source, "downloads", replace(source.downloads, archives=(archive,)))
    assert (fetch(plans.plan("meld")) / "dev_sent_emo.csv").read_bytes() == b"table"


def test_a_small_cut_ends_with_a_folder(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    names = [
        f"LibriSpeech/dev-clean/1/{chapter}/1-{chapter}-{n}.flac" for chapter in (10, 11) for n in range(4)
    ]
    content = {"LibriSpeech/SPEAKERS.TXT": b"; none"} | dict.fromkeys(names, b"f" * 10)
    server.files["/librispeech/dev-clean.tar.gz"] = tar_gz(content)
    source = registry.get("source", "librispeech")
    first = replace(source.downloads.archives[0], small=2)
    monkeypatch.setattr(source, "downloads", replace(source.downloads, archives=(first,)))
    place = fetch(plans.plan("librispeech", small=True), mirror=server.url)
    assert sorted(path.stem for path in place.rglob("*.flac")) == [f"1-10-{n}" for n in range(4)]
    assert (place / "LibriSpeech/SPEAKERS.TXT").is_file()
