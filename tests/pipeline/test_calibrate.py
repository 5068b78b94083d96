"""Calibration: a sample that the build uses again, its estimate, and the estimate's error."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock
from helpers.audio_made import CONVERSATIONS, folder_bytes, write_audio

from paqa_builder.cli.estimate import as_json, error_text
from paqa_builder.config import Config
from paqa_builder.errors import NotReadyError
from paqa_builder.pipeline import calibrate, stage_task
from paqa_builder.pipeline.build import build
from paqa_builder.pipeline.estimate import FILE
from paqa_builder.runtime.hold import LOCK
from paqa_builder.testing import tone_scene

MakeConfig = Callable[..., Config]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    root = tmp_path / "corpus"
    for n, tones in enumerate([*CONVERSATIONS.values()] * 3):
        write_audio(root / f"clip{n:02d}.wav", tone_scene(4.0 + n / 4, tones))
    return root


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """(stage, clip) of all clips that a stage processes."""
    processed: list[tuple[str, str]] = []
    run = stage_task._run_stage

    def noting(stage, batch, *others):  # type: ignore[no-untyped-def]
        processed.extend((stage.name, item.clip.id) for item, _ in batch)
        return run(stage, batch, *others)

    monkeypatch.setattr(stage_task, "_run_stage", noting)
    return processed


def test_the_build_uses_the_sample_again_and_makes_the_same_bytes(
    fake_config: MakeConfig, tmp_path: Path, heard: list[tuple[str, str]]
) -> None:
    build(fake_config())
    once = sorted(heard)
    heard.clear()
    other = fake_config(out=tmp_path / "other")
    _, estimate = calibrate.run(other, 6)
    assert estimate.sampled == 6
    assert len({clip for _, clip in heard}) == 6
    report = build(other)
    assert sorted(heard) == once  # no clip is processed twice
    assert folder_bytes(other.out) == folder_bytes(tmp_path / "shards")
    assert {error.name for error in report.estimate_errors} >= {"wall", "disk", "audio", "separate"}
    assert error_text(report.estimate_errors).startswith("time ")
    assert not list(other.work_folder.glob("calibration"))
    assert build(other).estimate_errors == ()  # this run did nothing


def test_the_estimate_covers_every_step(fake_config: MakeConfig) -> None:
    plan, estimate = calibrate.run(fake_config(), 8)
    assert estimate.unmeasured == []
    assert [step.clips for step in estimate.steps[:7]] == [plan.count - 8] * 7
    assert estimate.audio.low < sum(4.0 + n / 4 for n in range(plan.count)) < estimate.audio.high
    for step in (*estimate.steps, estimate.total):
        assert step.cpu is not None
        assert step.cpu.low <= step.cpu.value <= step.cpu.high
    data = as_json(estimate)
    json.dumps(data)
    assert data["total"]["wall"]["value"] > 0
    assert data["total"]["disk"]["value"] > 0
    assert data["total"]["gpu_hours"] is None


@pytest.mark.parametrize("part_size", [1, 2])
def test_a_larger_sample_contains_the_smaller_one(
    fake_config: MakeConfig, heard: list[tuple[str, str]], part_size: int
) -> None:
    config = fake_config(part_size=part_size)
    calibrate.run(config, 4)
    first = set(heard)
    heard.clear()
    _, again = calibrate.run(config, 4)
    assert (again.sampled, heard) == (4, [])
    _, larger = calibrate.run(config, 8)
    assert not first & set(heard)
    assert larger.sampled == 8
    assert larger.unmeasured == []


def test_of_a_finished_build_nothing_is_left_to_estimate(fake_config: MakeConfig) -> None:
    build(fake_config())
    _, estimate = calibrate.run(fake_config(), 4)
    assert all(step.clips == 0 for step in estimate.steps)
    assert estimate.unmeasured == []


def test_a_shard_has_its_share_of_the_stages_and_nothing_else(fake_config: MakeConfig) -> None:
    _, whole = calibrate.run(fake_config(), 6)
    _, shard = calibrate.run(fake_config(shard="1/3"), 6)
    assert [step.clips for step in shard.steps] == [4] * 7 + [0] * 4
    assert whole.total.cpu is not None
    assert shard.total.cpu is not None
    assert shard.total.cpu.value < 0.7 * whole.total.cpu.value


def test_clips_that_fail_are_counted(fake_config: MakeConfig, corpus: Path) -> None:
    for path in corpus.iterdir():
        path.write_bytes(b"no audio")
    _, estimate = calibrate.run(fake_config(), 5)
    assert estimate.failed == 5
    assert estimate.audio.value == 0


def test_a_damaged_calibration_counts_as_none(fake_config: MakeConfig) -> None:
    config = fake_config()
    calibrate.run(config, 4)
    file = config.work_folder / FILE
    file.write_bytes(file.read_bytes()[:-40])
    assert build(config).estimate_errors == ()


def test_it_does_not_run_beside_a_build(fake_config: MakeConfig) -> None:
    config = fake_config()
    config.work_folder.mkdir()
    with FileLock(config.work_folder / LOCK), pytest.raises(NotReadyError, match="another build"):
        calibrate.run(config, 2)
