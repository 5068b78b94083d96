"""Data of the laptop recipe: pools from the demo, scenes and shards."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest
import soundfile
import yaml

from paqa_builder.errors import ConfigError
from paqa_builder.mix.spec import load_spec
from recipes import config
from recipes.data import rows
from recipes.mini import pools, prepare


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return pools.make(tmp_path_factory.mktemp("pools"))


def listed(manifest: Path) -> list[dict[str, str]]:
    with manifest.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_demo_gives_voices_for_both_splits(material: tuple[Path, Path]) -> None:
    found = listed(material[0])
    split = {row["speaker"]: row["split"] for row in found}
    assert Counter(split.values()) == {"train": 2, "test": 2}
    for row in found:
        samples, rate = soundfile.read(material[0].parent / row["path"])
        assert 1.0 < len(samples) / rate < 5.0
        assert abs(samples).max() > 0.05


def test_demo_gives_every_sound_to_both_splits(material: tuple[Path, Path]) -> None:
    found = Counter((row["label"], row["split"]) for row in listed(material[1]))
    labels = {label for label, _ in found}
    assert len(labels) == 8
    for label in labels:
        assert found[label, "train"] == pools.TAKES["train"]
        assert found[label, "test"] == pools.TAKES["test"]


def test_missing_demo_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="PAQA_TESTDATA is not set"):
        pools.make(tmp_path / "out", tmp_path)


def test_specification_and_build_are_valid() -> None:
    spec = load_spec(prepare.SPEC)
    assert {*spec.used_splits} == {"train", "test"}
    assert spec.folds["5"] == "test"
    stages = yaml.safe_load(prepare.BUILD.read_text())["stages"]
    assert all(stage == {"backend": "none"} for stage in stages.values())


def test_shards_are_made_once_with_splits_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PAQA_TESTDATA", raising=False)
    made = prepare.shards(tmp_path, 24)
    assert prepare.material(tmp_path) == "synthetic"
    lock = (made / "paqa.lock.json").stat().st_mtime_ns
    assert prepare.shards(tmp_path, 24) == made
    assert (made / "paqa.lock.json").stat().st_mtime_ns == lock
    data = config.Data(path=str(made))
    train, test = rows.read(data, "train"), rows.read(data, "test")
    assert len(train) > len(test) > 0
    assert not {row.clip_id for row in train} & {row.clip_id for row in test}
    for row in (*train, *test):
        assert row.scene is not None
        assert row.scene["truth_turns"] is not None
        assert row.scene["truth_tags"] is not None
        assert row.answer in row.choices


def test_folder_without_clips_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAQA_TESTDATA", str(tmp_path))
    with pytest.raises(ConfigError, match=r"no clips/clips\.csv"):
        prepare.shards(tmp_path / "out", 4)


def test_own_model_needs_own_data(tmp_path: Path) -> None:
    settings = config.load(None, ["model.path=somewhere", f"run.out={tmp_path}"])
    with pytest.raises(ConfigError, match=r"data\.path is not set"):
        prepare.ready(settings)
