"""Content and verification of the lock file."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from helpers.dataset import BUILD, clip_file, failed_scene, questions_of, scene_of

from paqa_builder.dataset import lock
from paqa_builder.dataset.write import write_shards
from paqa_builder.errors import DamagedError, PaqaError


@pytest.fixture
def items(tmp_path: Path) -> list:
    """Three clips with questions, in two splits, and one that failed."""
    scenes = [
        scene_of(clip_file(tmp_path / "audio", f"{name}.wav"), split=split)
        for name, split in (("a", "train"), ("b", "train"), ("c", "test"))
    ]
    return [*((scene, questions_of(scene)) for scene in scenes), (failed_scene(), [])]


class TestLock:
    def test_it_names_versions_options_and_files(self, items: list, tmp_path: Path) -> None:
        write_shards(tmp_path / "out", items, BUILD)
        content = json.loads((tmp_path / "out" / lock.LOCK).read_text())
        assert content["build"] == BUILD
        assert content["software"]["python"] == ".".join(map(str, sys.version_info[:3]))
        assert {f["path"]: f["rows"] for f in content["files"]} == {
            "data/test-00000-of-00001.parquet": 3,
            "data/train-00000-of-00001.parquet": 6,
            "scenes/test-00000-of-00001.parquet": 1,
            "scenes/train-00000-of-00001.parquet": 3,
        }

    def test_verify_finds_a_changed_and_a_missing_file(self, items: list, tmp_path: Path) -> None:
        out = tmp_path / "out"
        write_shards(out, items, BUILD)
        lock.verify(out)
        shard = out / "data" / "train-00000-of-00001.parquet"
        data = bytearray(shard.read_bytes())
        data[1000] ^= 1
        shard.write_bytes(data)
        with pytest.raises(PaqaError, match="SHA-256 differs"):
            lock.verify(out)
        shard.unlink()
        with pytest.raises(PaqaError, match="missing"):
            lock.verify(out)

    def test_up_to_date_sees_another_build_and_a_lost_file(self, items: list, tmp_path: Path) -> None:
        out = tmp_path / "out"
        assert not lock.up_to_date(out, BUILD)
        write_shards(out, items, BUILD)
        assert lock.up_to_date(out, BUILD)
        assert not lock.up_to_date(out, {**BUILD, "seed": 1})
        (out / "scenes" / "test-00000-of-00001.parquet").unlink()
        assert not lock.up_to_date(out, BUILD)

    def test_a_damaged_lock_is_named(self, tmp_path: Path) -> None:
        (tmp_path / lock.LOCK).write_text("{")
        with pytest.raises(PaqaError, match="damaged"):
            lock.verify(tmp_path)

    @pytest.mark.parametrize(
        "change",
        [
            {"path": "/etc/passwd"}, {"path": "../x.parquet"}, {"path": "data/../../x.parquet"}, {"path": ""},
            {"path": "..\\x"}, {"path": "data/\0"}, {"path": 7}, {"bytes": "9"}, {"rows": True}, {"other": 1},
            {"path": "data/train-00000-of-00001.parquet\n"},
        ],
    )  # fmt: skip
    def test_a_lock_that_names_other_files_is_refused(
        self, items: list, tmp_path: Path, change: dict[str, object]
    ) -> None:
        out = tmp_path / "out"
        write_shards(out, items, BUILD)
        content = json.loads((out / lock.LOCK).read_text())
        content["files"][0] |= change
        (out / lock.LOCK).write_text(json.dumps(content))
        with pytest.raises(DamagedError, match="damaged") as caught:
            lock.verify(out)
        assert caught.value.fix == f"rm {out / lock.LOCK} and build again"

    @pytest.mark.parametrize(
        "text",
        [
            b"[" * 100_000, b'{"format": ' + b"9" * 5000 + b"}", b"\xff", b"[]", b"null", b'{"format": 1}',
            b'{"format": 1, "files": null}', b'{"format": 1, "files": [null]}',
            b'{"format": 1, "files": [], "build": null, "software": {}, "card_sha256": ""}',
            b'{"format": 1, "files": [], "build": {}, "software": ["x"], "card_sha256": ""}',
            b'{"format": 1, "files": [], "build": {}, "software": {}, "card_sha256": "", "x": 1}',
        ],
    )  # fmt: skip
    def test_a_malformed_lock_is_named(self, tmp_path: Path, text: bytes) -> None:
        (tmp_path / lock.LOCK).write_bytes(text)
        with pytest.raises(DamagedError, match="damaged"):
            lock.read(tmp_path)

    def test_only_software_that_decided_results_is_named(self) -> None:
        stages = [{"stage": "measure", "backend": "signal"}, {"stage": "read", "backend": ""}]
        named = lock.software({"stages": stages})
        assert {"python", "paqa-builder", "numpy", "av"} <= set(named)
        assert "pyloudnorm" in named
        assert "pyloudnorm" not in lock.software(BUILD)
        assert not {"typer", "rich", "pytest", "huggingface-hub", "openai"} & set(named)
