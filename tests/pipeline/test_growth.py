"""What a finished build costs: no part is read, and no clip is hashed again."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from paqa_builder import files
from paqa_builder.config import Config
from paqa_builder.files import state
from paqa_builder.pipeline import build as building
from paqa_builder.pipeline import status
from paqa_builder.pipeline.plan import make

MakeConfig = Callable[..., Config]


def test_a_finished_build_reads_no_part(fake_config: MakeConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    config = fake_config(executor="inline")
    first = building.build(config)
    time.sleep(0.2)  # until then, a second change could have the same time
    building.build(config)
    read: list[str] = []
    content_of, file_sha256 = state.content_of, files.file_sha256

    def read_content(path: Path) -> Any:
        read.extend([path.name] if path.name.startswith("part-") else [])
        return content_of(path)

    def read_file(path: Any) -> str:
        read.append(Path(path).name)
        return file_sha256(path)

    monkeypatch.setattr(state, "content_of", read_content)
    monkeypatch.setattr(files, "file_sha256", read_file)
    again = building.build(config)
    assert again.unchanged
    assert (again.summary, again.failures) == (first.summary, first.failures)
    assert (again.quarantined, again.grounded) == (first.quarantined, first.grounded)
    assert all(row["to_do"] == 0 for row in status.of_plan(make(config, save=False)))
    assert {row["clips"] for row in status.of_work(config.work_folder)} == {sum(first.summary.clips.values())}
    assert read == []
