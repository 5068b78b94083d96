"""Corpora and data sets at URLs: an S3-compatible server, and the memory of this process."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from paqa_builder.config import Config
from paqa_builder.dataset import upload
from paqa_builder.dataset.lock import LOCK
from paqa_builder.dataset.ownership import JOURNAL
from paqa_builder.errors import ConfigError, NotReadyError, SourceError
from paqa_builder.files.opening import opened
from paqa_builder.pipeline import shards
from paqa_builder.pipeline.build import build
from paqa_builder.remote import files as remote_files
from paqa_builder.remote import open_folder, url_of

MakeConfig = Callable[..., Config]


@pytest.fixture
def memory(corpus: Path) -> Iterator[str]:
    """The corpus in this process's memory."""
    root = f"/{uuid.uuid4().hex}"
    fs = fsspec.filesystem("memory")
    fs.put(str(corpus), f"{root}/corpus", recursive=True)
    fs.pipe_file(f"{root}/corpus/README.txt", b"about the corpus\n")
    yield f"memory:/{root}"
    fs.rm(root, recursive=True)


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of a bucket of an S3-compatible server on this machine."""
    pytest.importorskip("s3fs")
    server = pytest.importorskip("moto.server").ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    names = {
        "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing-secret",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": f"http://{host}:{port}",
    }  # fmt: skip
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(names)
    fsspec.filesystem("s3").mkdir("bucket")
    yield "s3://bucket"
    server.stop()
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.*")}


def remote_contents(url: str) -> dict[str, bytes]:
    fs, root = fsspec.core.url_to_fs(url)
    fs.invalidate_cache()
    return {path.removeprefix(f"{root}/"): fs.cat_file(path) for path in fs.find(root)}


@pytest.mark.parametrize("executor", ["inline", "processes"])
def test_a_build_from_and_to_s3_has_the_bytes_of_a_local_one(
    s3: str, fake_config: MakeConfig, corpus: Path, tmp_path: Path, executor: str
) -> None:
    build(fake_config())
    at = f"{s3}/{uuid.uuid4().hex}"
    fsspec.filesystem("s3").put(str(corpus), f"{at}/corpus", recursive=True)
    config = fake_config(
        root=f"{at}/corpus", out=f"{at}/shards", work=tmp_path / "work", executor=executor, jobs=2
    )
    report = build(config)
    assert not report.unchanged
    assert remote_contents(f"{at}/shards") == contents(tmp_path / "shards")
    assert build(config).unchanged


def test_memory_serves_input_and_output(memory: str, fake_config: MakeConfig, tmp_path: Path) -> None:
    build(fake_config())
    config = fake_config(root=f"{memory}/corpus", out=f"{memory}/shards", work=tmp_path / "work")
    build(config)
    assert remote_contents(f"{memory}/shards") == contents(tmp_path / "shards")
    for n in (1, 2):
        shards.run(fake_config(root=f"{memory}/corpus", work=tmp_path / "other", shard=f"{n}/2"))


def test_a_folder_that_is_read_again_fetches_only_what_changed(
    memory: str, fake_config: MakeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = fake_config(root=f"{memory}/corpus", work=tmp_path / "work")
    first = build(config)
    fetched: list[Path] = []
    fetch = remote_files._fetch

    def counted(fs: Any, source: str, target: Path, *rest: Any, **more: Any) -> Any:
        fetched.append(target)
        return fetch(fs, source, target, *rest, **more)

    monkeypatch.setattr(remote_files, "_fetch", counted)
    assert build(config).unchanged
    assert not fetched
    fs, root = fsspec.core.url_to_fs(f"{memory}/corpus")
    fs.pipe_file(f"{root}/silence.wav", fs.cat_file(f"{root}/monologue.wav"))
    fs.rm_file(f"{root}/overlap.wav")
    second = build(config)
    assert sum(second.summary.clips.values()) == sum(first.summary.clips.values()) - 1
    assert len(fetched) == 1


def test_the_cache_is_bounded(memory: str, tmp_path: Path) -> None:
    size = 100_000
    fs, root = fsspec.core.url_to_fs(f"{memory}/many")
    for n in range(40):
        fs.pipe_file(f"{root}/{n}.wav", bytes([n]) * size)
    folder = remote_files.listed(f"{memory}/many", tmp_path, (".wav",), 10 * size)
    for n in (*range(40), 3):
        with opened(folder / f"{n}.wav") as file:
            assert file.read() == bytes([n]) * size
        cached = sum(path.stat().st_size for path in folder.parent.glob("cache/*/*"))
        assert cached <= 10 * size
    assert (folder / "3.wav").stat().st_size == size
    assert (folder / "3.wav").read_bytes().startswith(b"paqa-remote")
    assert not list(folder.parent.rglob("*.tmp"))


def test_names_that_lead_elsewhere_are_left_out(memory: str, tmp_path: Path) -> None:
    fs, root = fsspec.core.url_to_fs(f"{memory}/odd")
    fs.store[f"{root}/../../escaped.wav"] = fs.store[f"{root.rpartition('/')[0]}/corpus/README.txt"]
    fs.pipe_file(f"{root}/fine.wav", b"x" * 200)
    folder = remote_files.listed(f"{memory}/odd", tmp_path, (".wav",), 1e6)
    assert [path.name for path in folder.rglob("*") if path.is_file()] == ["fine.wav"]
    fs.store.pop(f"{root}/../../escaped.wav")


def test_a_file_that_changes_meanwhile_is_not_used(memory: str, tmp_path: Path) -> None:
    fs, root = fsspec.core.url_to_fs(f"{memory}/moving")
    fs.pipe_file(f"{root}/a.wav", b"x" * 200)
    folder = remote_files.listed(f"{memory}/moving", tmp_path, (".wav",), 1e6)
    fs.pipe_file(f"{root}/a.wav", b"x" * 300)
    with pytest.raises(NotReadyError, match="300 bytes instead of 200"):
        opened(folder / "a.wav")
    fs.rm_file(f"{root}/a.wav")
    with pytest.raises(FileNotFoundError):
        opened(folder / "a.wav")


def test_foreign_files_are_not_replaced(memory: str, fake_config: MakeConfig, tmp_path: Path) -> None:
    fs, root = fsspec.core.url_to_fs(f"{memory}/shards")
    fs.pipe_file(f"{root}/data/train-00000-of-00001.parquet", b"mine")
    fs.pipe_file(f"{root}/README.md", b"mine")
    fs.pipe_file(f"{root}/notes.txt", b"mine")
    config = fake_config(out=f"{memory}/shards", work=tmp_path / "work")
    with pytest.raises(ConfigError, match=r"in the way[\s\S]*README.md\n  data/train-00000"):
        build(config)
    assert not (tmp_path / "work").exists()
    for name in ("README.md", "data/train-00000-of-00001.parquet"):
        assert fs.cat_file(f"{root}/{name}") == b"mine"
        fs.rm_file(f"{root}/{name}")
    build(config)
    assert fs.cat_file(f"{root}/notes.txt") == b"mine"


@pytest.mark.parametrize("name", [LOCK, JOURNAL])
@pytest.mark.parametrize("content", [b"{", b"[" * 100_000, b"9" * 6000, b'"\xff"', b"[1]"])
def test_a_damaged_lock_at_a_url_is_an_error(memory: str, name: str, content: bytes) -> None:
    remote = upload.RemoteFolder.at(f"{memory}/shards")
    remote.write(name, content)
    with pytest.raises(ConfigError, match="is damaged"):
        upload.check(remote)


def test_the_lock_is_removed_first_and_written_last(
    memory: str, fake_config: MakeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = fake_config(out=f"{memory}/shards", work=tmp_path / "work")
    build(config)
    expected = remote_contents(f"{memory}/shards")
    fs, root = fsspec.core.url_to_fs(f"{memory}/shards")
    fs.pipe_file(f"{root}/README.md", b"edited")
    changed = fake_config(out=f"{memory}/shards", work=tmp_path / "work", seed=1)
    calls: list[str] = []
    put = upload.RemoteFolder.put

    def failing(self: upload.RemoteFolder, path: Path, name: str) -> None:
        calls.append(name)
        if len(calls) == 2:
            raise NotReadyError("no connection")
        put(self, path, name)

    monkeypatch.setattr(upload.RemoteFolder, "put", failing)
    with pytest.raises(NotReadyError, match="no connection"):
        build(changed)
    assert not fs.exists(f"{root}/paqa.lock.json")
    build(changed)
    assert calls[-1] == "paqa.lock.json"
    found = remote_contents(f"{memory}/shards")
    assert found.pop("README.old.md") == b"edited"
    assert set(found) == set(expected)
    assert json.loads(found["paqa.lock.json"])["build"]["questions"]["seed"] == 1
    build(config)
    assert remote_contents(f"{memory}/shards").items() >= expected.items()


def test_another_corpus_is_not_replaced(memory: str, fake_config: MakeConfig, tmp_path: Path) -> None:
    build(fake_config(out=f"{memory}/shards", work=tmp_path / "work"))
    other = fake_config(out=f"{memory}/shards", work=tmp_path / "work", source="mix")
    with pytest.raises(ConfigError, match=r"another corpus \(source 'folder'\)"):
        build(other)


@pytest.mark.parametrize("url", ["s3://key:secret-word@bucket/a", "https://host/a?sig=secret-word"])
def test_secrets_in_a_url_are_refused_and_not_shown(
    fake_config: MakeConfig, url: str, tmp_path: Path
) -> None:
    for changes in ({"root": url}, {"out": url}):
        with pytest.raises(ConfigError, match="must not hold credentials") as caught:
            build(fake_config(work=tmp_path / "work", **changes))
        assert "secret-word" not in str(caught.value)


def test_unknown_addresses_are_errors(memory: str, fake_config: MakeConfig, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no files at this address"):
        build(fake_config(root=f"{memory}/nowhere", work=tmp_path / "work"))
    with pytest.raises(ConfigError, match="nosuch"):
        open_folder("nosuch://bucket", "--root")


def test_the_work_folder_is_never_a_url(fake_config: MakeConfig) -> None:
    with pytest.raises(ConfigError, match="local or a shared disk"):
        fake_config(work="s3://bucket/work")
    assert fake_config(out="s3://bucket/a/shards").work_folder == Path("shards.work")


@pytest.mark.parametrize(
    ("path", "url"),
    [
        (Path("s3://bucket/a b"), "s3://bucket/a b"),
        ("hf://datasets/me/audio/", "hf://datasets/me/audio"),
        (Path("file:///data/x"), "file:///data/x"),
        (Path("/data/x"), None),
        (Path("C:/data"), None),
        (Path("a:b"), None),
        (None, None),
    ],
)
def test_urls_are_told_from_paths(path: Path | str | None, url: str | None) -> None:
    assert url_of(path) == url
