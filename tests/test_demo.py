"""The demo's audio: licences, descriptions and content."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from paqa_builder import audio
from paqa_builder.labels import audioset
from paqa_builder.perception.backends.base import AudioInput
from paqa_builder.records import Clip
from paqa_builder.sources.folder import Folder
from paqa_builder.weights import store

DEMO = Path(__file__).parents[1] / "demo"
TRUTH = [json.loads(line) for line in (DEMO / "truth.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def clips() -> dict[str, Clip]:
    return {clip.id: clip for clip in Folder(DEMO / "audio").clips()}


def test_every_clip_is_free_and_described(clips: dict[str, Clip]) -> None:
    assert set(clips) == {truth["id"] for truth in TRUTH}
    assert {clip.license for clip in clips.values()} == {"CC0-1.0"}
    assert sum(os.path.getsize(clip.path) for clip in clips.values()) < 2_000_000


@pytest.mark.parametrize("truth", TRUTH, ids=lambda truth: truth["id"])
def test_the_description_fits_the_clip(truth: dict, clips: dict[str, Clip]) -> None:
    _, info = audio.read(clips[truth["id"]].path)
    assert info.duration == pytest.approx(truth["duration"], abs=0.02)
    assert {turn["speaker"] for turn in truth["turns"]} == {f"S{n + 1}" for n in range(truth["num_speakers"])}
    for event in truth["events"]:
        assert 0 <= event["onset"] < event["offset"] <= truth["duration"]
        assert audioset.is_event(event["label"])


def test_the_clips_cover_different_content() -> None:
    assert {truth["num_speakers"] for truth in TRUTH} >= {0, 1, 2, 3}
    pairs = [(a, b) for t in TRUTH for a in t["turns"] for b in t["turns"] if a["speaker"] < b["speaker"]]
    assert any(a["start"] < b["end"] and b["start"] < a["end"] for a, b in pairs), "nobody overlaps"


@pytest.mark.models
@pytest.mark.parametrize("truth", TRUTH, ids=lambda truth: truth["id"])
def test_the_tagger_finds_every_sound_in_time(truth: dict, clips: dict[str, Clip]) -> None:
    if absent := store.missing():
        pytest.skip(f"models are not installed: {absent}")
    from paqa_builder.perception.backends.tag.yamnet import Yamnet

    tagger = Yamnet()
    tagger.load()
    sound = audio.resample(audio.read(clips[truth["id"]].path)[0], tagger.sample_rate)
    spans = tagger.tag(AudioInput(sound, sound))
    for event in truth["events"]:
        heard = [span for span in spans if span.name == event["label"]]
        assert any(s.start < event["offset"] and event["onset"] < s.end for s in heard), event["label"]


class TestFetchSample:
    @pytest.fixture
    def demo(self, tmp_path: Path) -> Path:
        shutil.copytree(DEMO / "audio", tmp_path / "audio")
        shutil.copy(DEMO / "fetch_sample.py", tmp_path)
        return tmp_path

    def test_the_demo_works_without_a_network(self, demo: Path) -> None:
        nowhere = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": os.devnull}
        done = subprocess.run(
            [sys.executable, demo / "fetch_sample.py"],
            env=nowhere,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "The real conversation is left out" in done.stderr
        assert {clip.id for clip in Folder(demo / "corpus").clips()} == {truth["id"] for truth in TRUTH}

    def test_a_sample_that_is_there_is_listed_with_its_licence(self, demo: Path) -> None:
        sample = DEMO / "corpus" / "pyannote_sample.wav"
        if not sample.is_file():
            pytest.skip("run demo/fetch_sample.py first: the sample is not in the repository")
        (demo / "corpus").mkdir()
        shutil.copy(sample, demo / "corpus")
        subprocess.run(
            [sys.executable, demo / "fetch_sample.py"], check=True, env={**os.environ, "PIP_NO_INDEX": "1"}
        )
        by_id = {clip.id: clip for clip in Folder(demo / "corpus").clips()}
        assert by_id["pyannote_sample"].license == "MIT"
        assert len(by_id) == len(TRUTH) + 1
