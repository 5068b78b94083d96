"""Stems: packed by part, dropped once used, kept on request, made again where they are needed."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import paqa_builder as paqa
from paqa_builder.audio.packs import Pack
from paqa_builder.config import Config
from paqa_builder.pipeline import build as building
from paqa_builder.pipeline import scenes
from paqa_builder.pipeline.plan import make

MakeConfig = Callable[..., Config]
OTHER_TAGS = {"tag": {"backend": "fake", "options": {"threshold": 0.02}}}


def packs(config: Config) -> list[Path]:
    return sorted(config.work_folder.rglob("stems-*"))


def members(pack: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(pack) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def processed(report: building.BuildReport) -> dict[str, float]:
    return {stage.name: stage.audio_seconds for stage in report.stages if stage.clips}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_stems_are_dropped_once_all_stages_have_used_them(fake_config: MakeConfig) -> None:
    config = fake_config()
    assert not building.build(config).failures
    assert not packs(config)
    assert not list(config.work_folder.rglob("*.flac"))
    assert not processed(building.build(config))


def test_stems_are_kept_on_request_and_made_again_by_a_later_request(fake_config: MakeConfig) -> None:
    config = fake_config(stems="keep")
    building.build(config)
    found = packs(config)
    assert len(found) == len(make(config).parts)
    content = [path.read_bytes() for path in found]
    expected = contents(config.out)
    scene = next(scenes.of_plan(make(config)))
    assert paqa.load_stem(scene.stems[0], config.work_folder).rms == pytest.approx(
        scene.stems[0].rms, abs=1e-4
    )
    assert not processed(building.build(config))
    building.build(fake_config())
    assert not packs(config)
    with pytest.raises(paqa.ConfigError, match="keep"):
        paqa.load_stem(scene.stems[0], config.work_folder)
    assert list(processed(building.build(config))) == ["separate"]
    assert [path.read_bytes() for path in packs(config)] == content
    assert contents(config.out) == expected


def test_a_stage_that_is_redone_gets_dropped_stems_again(fake_config: MakeConfig, tmp_path: Path) -> None:
    building.build(fake_config())
    report = building.build(fake_config(stages=OTHER_TAGS))
    assert not report.failures
    assert {"separate", "tag"} <= processed(report).keys()
    assert "diarize" not in processed(report)
    fresh = fake_config(stages=OTHER_TAGS, out=tmp_path / "fresh")
    building.build(fresh)
    assert contents(fresh.out) == contents(report.config.out)


@pytest.mark.parametrize("damage", ["cut", "flipped", "deleted", "folder"])
def test_damaged_stems_are_made_again_where_they_are_needed(fake_config: MakeConfig, damage: str) -> None:
    config = fake_config(stems="keep")
    building.build(config)
    durations = {s.audio.sha256: s.audio.duration for s in scenes.of_plan(make(config)) if s.audio}
    pack = packs(config)[0]
    content, expected = pack.read_bytes(), members(pack)
    with zipfile.ZipFile(pack) as archive:
        lost = {name.partition(".")[0] for name in archive.namelist()}
        first = archive.infolist()[0]
    if damage == "cut":
        pack.write_bytes(content[:-20])
    elif damage == "flipped":
        lost = {first.filename.partition(".")[0]}
        at = first.header_offset + 200
        pack.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    else:
        pack.unlink()
    if damage == "folder":
        pack.mkdir()
    report = building.build(fake_config(stems="keep", stages=OTHER_TAGS))
    assert not report.failures
    assert processed(report)["separate"] == sum(durations[sha256] for sha256 in lost)
    assert members(pack) == expected


def test_stems_move_with_their_clips_to_other_parts(fake_config: MakeConfig) -> None:
    small = fake_config(stems="keep", limit=3)
    building.build(small)
    whole = fake_config(stems="keep")
    report = building.build(whole)
    durations = [s.audio.duration for s in scenes.of_plan(make(whole)) if s.audio]
    assert not report.failures
    assert processed(report)["separate"] == sum(durations[3:])
    separate = make(whole).stage("separate")
    assert separate is not None
    own = {f"stems-{part.hash}.zip" for part in make(whole).parts}
    names = set()
    for name in own:
        with Pack(separate.folder(whole.work_folder) / name) as pack:
            assert pack.intact() == set(pack.names)
            names |= set(pack.names)
    assert len(names) == 2 * len(durations)
