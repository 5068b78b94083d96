"""Statistics of a build's corpus, counted in groups of parts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from paqa_builder.config import Config
from paqa_builder.files import state
from paqa_builder.pipeline import ask, pools
from paqa_builder.pipeline import build as building
from paqa_builder.pipeline.plan import make
from paqa_builder.pipeline.step import NoProgress
from paqa_builder.runtime.executor import Inline

MakeConfig = Callable[..., Config]


def texts(folder: Path) -> dict[str, list[object]]:
    """The content of the question files by name."""
    paths = [folder / ask.CORPUS, *sorted(folder.glob("part-*.jsonl"))]
    return {path.name: state.read_rows(path) for path in paths}


def test_groups_that_are_missing_are_counted_again(
    fake_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "_PARTS", 1)
    config = fake_config(part_size=1, executor="inline")
    building.build(config)
    plan = make(config)
    (folder,) = config.work_folder.glob("questions-*")
    before = texts(folder)
    groups = sorted(config.work_folder.glob("corpus-*/group-*.json"))
    assert len(groups) == len(plan.parts) > 1
    groups[0].write_text(groups[0].read_text().replace('"clips":1', '"clips":2'))
    groups[1].unlink()
    kept = groups[-1].stat().st_mtime_ns
    for path in folder.iterdir():
        path.unlink()
    again, report = ask.run(plan, Inline(), NoProgress())
    assert again == folder
    assert texts(folder) == before
    assert report.cpu_seconds > 0
    assert groups[-1].stat().st_mtime_ns == kept
    assert sum(state.read(path)["clips"] for path in groups) == len(before) - 1


def test_scenes_that_are_too_long_to_be_held_are_read_again(
    fake_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = fake_config(executor="inline")
    building.build(config)
    (folder,) = config.work_folder.glob("questions-*")
    before = json.dumps(texts(folder))
    for path in folder.iterdir():
        path.unlink()
    monkeypatch.setattr(pools, "_HELD", 3)
    ask.run(make(config), Inline(), NoProgress())
    assert json.dumps(texts(folder)) == before
