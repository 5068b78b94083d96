"""Loading of configurations, and error messages."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from paqa_builder.errors import ConfigError
from recipes import config


def test_changes_win_over_the_file_and_keep_the_rest(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("stage1: {batch: 2, epochs: 3}\nmodel: {lora: {r: 8}}\n")
    found = config.load(file, ["stage1.batch=4", "stage2.learning_rate=1e-6", "data.path=shards"])
    assert (found.stage1.batch, found.stage1.epochs, found.stage2.learning_rate) == (4, 3.0, 1e-6)
    assert found.model.lora is not None
    assert found.model.lora.r == 8
    assert found.data.path == "shards"


def test_a_section_that_is_off_is_turned_on_by_one_of_its_keys() -> None:
    assert config.load(None).model.lora is None
    found = config.load(None, ["model.lora.r=4"])
    assert found.model.lora is not None
    assert found.model.lora.r == 4
    assert config.load(None, ["model.lora=null"]).model.lora is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("stage1.bach=4", "stage1.bach: unknown key"),
        ("stage1.batch=none", "stage1.batch"),
        ("stage1.batch", "key=value"),
        ("pause.tau=2", "pause.tau"),
        ("run.size.name=x", "run.size"),
        ("data.path=[", "not YAML"),
        ("stage2.tries=1", "2 and more"),
    ],
)
def test_a_wrong_change_is_named(change: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        config.load(None, [change])


@pytest.mark.parametrize(("text", "says"), [("- 1", "mapping"), ("a: [", "YAML"), ("stage3: {}", "stage3")])
def test_a_wrong_file_is_named(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=says):
        config.load(file)
    with pytest.raises(ConfigError, match="neither a file"):
        config.load(tmp_path / "none.yaml")


def test_the_saved_configuration_loads_as_the_same(tmp_path: Path) -> None:
    made = config.load(None, ["model.lora.r=4", "stage1.pauses.bursts=[1, 2]", "rewards={accuracy: 1}"])
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(made.model_dump(mode="json")))
    assert config.load(file) == made
