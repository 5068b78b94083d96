"""Builds of a corpus with leaks: the same recording under two names and codecs, a speaker in two splits."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from paqa_builder.config import Config
from paqa_builder.dataset.lock import LOCK
from paqa_builder.dataset.read import load_scenes
from paqa_builder.errors import ConfigError
from paqa_builder.pipeline import build as building
from paqa_builder.pipeline import leaks
from paqa_builder.pipeline.plan import make

MakeConfig = Callable[..., Config]
RATE = 16_000


def voice(seed: int) -> np.ndarray:
    """Five seconds of harmonics that glide: no two seeds are alike."""
    rng = np.random.default_rng(seed)
    count = 5 * RATE
    knots = np.linspace(0, 5, 30)
    pitch = np.interp(np.arange(count) / RATE, knots, rng.uniform(90, 400, 30))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    level = np.interp(np.arange(count) / RATE, knots, rng.uniform(0.2, 1, 30))
    tone = sum(np.sin(k * phase) / k * rng.uniform(0.3, 1) for k in range(1, 12))
    return (0.1 * level * tone + 0.003 * rng.standard_normal(count)).astype(np.float32)


@pytest.fixture
def leaky(tmp_path: Path) -> Path:
    """Three recordings; one is in train, as MP3, and in test, as FLAC; a speaker is in both splits."""
    root = tmp_path / "leaky"
    for folder in ("train", "test"):
        (root / folder).mkdir(parents=True)
    soundfile.write(root / "test/known.flac", voice(1), RATE)
    soundfile.write(root / "test/other.wav", voice(2), RATE)
    soundfile.write(root / "train/new.wav", voice(3), RATE)
    with av.open(str(root / "train/holiday.mp3"), "w") as file:
        stream = file.add_stream("mp3", rate=RATE, layout="mono")
        stream.bit_rate = 64_000
        frame = av.AudioFrame.from_ndarray(np.round(voice(1) * 32767).astype("<i2")[None], "s16", "mono")
        frame.rate = RATE
        for packet in (*stream.encode(frame), *stream.encode(None)):
            file.mux(packet)
    rows = [
        {"file_name": "test/other.wav", "group": "speaker:anna"},
        {"file_name": "train/new.wav", "group": "speaker:anna; 7"},
    ]
    (root / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return root


def built(fake_config: MakeConfig, root: Path, **settings: object) -> building.BuildReport:
    return building.build(fake_config(root=root, leaks=settings, speaker_names="keep"))


def test_planted_leaks_are_reported(fake_config: MakeConfig, leaky: Path) -> None:
    report = built(fake_config, leaky)
    assert report.leaks.doubles == (("test/known", "train/holiday"),)
    assert [str(crossing) for crossing in report.leaks.strict] == [
        "double:test/known: train/holiday (train) and test/known (test)"
    ]
    assert {crossing.kind for crossing in report.leaks.crossing} == {"double", "speaker"}
    assert any(
        "a recording under several names" in text and "train/holiday" in text for text in report.warnings
    )
    assert any("the kind speaker is in several splits" in text for text in report.warnings)
    scenes = {scene.clip.id: scene.clip for scene in load_scenes(report.config.out)}
    assert scenes["train/new"].groups == ("speaker:anna", "recording:7")
    assert scenes["train/holiday"].groups == scenes["test/known"].groups == ("double:test/known",)


def test_doubles_are_dropped_visibly_and_nothing_is_computed_twice(
    fake_config: MakeConfig, leaky: Path
) -> None:
    built(fake_config, leaky)
    report = built(fake_config, leaky, duplicates="drop")
    assert not any(stage.audio_seconds for stage in report.stages)
    assert [(d.clip, d.kept, d.kept_split) for d in report.leaks.dropped] == [
        ("train/holiday", "test/known", "test")
    ]
    assert {scene.clip.id for scene in load_scenes(report.config.out)} == {
        "test/known", "test/other", "train/new",
    }  # fmt: skip
    lock = json.loads((report.config.out / LOCK).read_text())
    assert lock["build"]["leaks"]["dropped"][0]["clip"] == "train/holiday"
    assert "train/holiday" in (report.config.out / "README.md").read_text()
    again = built(fake_config, leaky, duplicates="drop")
    assert again.unchanged
    assert not any(stage.clips for stage in again.stages)


def test_groups_move_to_one_split(fake_config: MakeConfig, leaky: Path) -> None:
    report = built(fake_config, leaky, duplicates="group", groups="move", strict=["speaker"])
    scenes = {scene.clip.id: scene.clip.split for scene in load_scenes(report.config.out)}
    assert set(scenes.values()) == {"test"}
    assert {(m.clip, m.reason) for m in report.leaks.moved} == {
        ("train/holiday", "double:test/known"), ("train/new", "speaker:anna"),
    }  # fmt: skip
    assert not report.leaks.crossing


def test_a_later_build_does_not_match_again(
    fake_config: MakeConfig, leaky: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = built(fake_config, leaky)
    monkeypatch.setattr(leaks, "pairs", lambda _: pytest.fail("matched again"))
    assert built(fake_config, leaky).leaks == first.leaks


def test_a_clip_that_cannot_be_read_is_no_matter_of_fingerprints(
    fake_config: MakeConfig, leaky: Path
) -> None:
    (leaky / "train/broken.wav").write_bytes(b"RIFF")
    report = built(fake_config, leaky)
    assert report.leaks.unknown == 0
    assert [clip for clip, _ in report.failures] == ["train/broken"]
    assert report.leaks.doubles == (("test/known", "train/holiday"),)


def test_off_fingerprints_nothing(fake_config: MakeConfig, leaky: Path) -> None:
    report = built(fake_config, leaky, duplicates="off")
    assert "fingerprint" not in {stage.name for stage in report.stages}
    assert report.leaks.doubles == ()


def test_a_plan_knows_what_is_dropped_once_there_are_fingerprints(
    fake_config: MakeConfig, leaky: Path
) -> None:
    config = fake_config(root=leaky, leaks={"duplicates": "drop"})
    assert leaks.applied(make(config, save=False))[0].count == 4
    building.build(config)
    assert leaks.applied(make(config, save=False))[0].count == 3


def test_wrong_settings_are_named_before_anything_runs(fake_config: MakeConfig, leaky: Path) -> None:
    with pytest.raises(ConfigError, match="leaks"):
        built(fake_config, leaky, duplicates="delete")
    assert not (fake_config().work_folder / "fingerprints.json").exists()
