"""Audio files that a source makes: written once, checked, made again where damaged, absent from a plan."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import soundfile
from helpers.audio_made import folder_bytes, write_audio

from paqa_builder import registry
from paqa_builder.audio import read
from paqa_builder.config import Config
from paqa_builder.pipeline.build import build
from paqa_builder.pipeline.plan import make
from paqa_builder.records import Clip
from paqa_builder.sources import Source
from paqa_builder.sources.derived import DerivedAudio
from paqa_builder.testing import tone_scene


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return write_audio(tmp_path / "long.wav", tone_scene(10.0, [("low", 0.0, 4.0), ("high", 5.0, 9.0)]))


def test_an_excerpt_has_the_samples_of_its_times(tmp_path: Path, recording: Path) -> None:
    derived = DerivedAudio(tmp_path / "derived")
    part = derived.excerpt(recording, 2.5, 6.0)
    whole = read(recording)[0]
    samples, rate = soundfile.read(part, dtype="float32")
    assert rate == whole.rate
    assert np.allclose(samples, whole.samples[round(2.5 * rate) : 6 * rate], atol=2**-14)
    assert len(soundfile.read(derived.excerpt(recording, 8.0, 99.0))[0]) == 2 * rate
    assert not derived.problems


def test_files_are_made_once_and_again_where_damaged_or_the_input_changed(
    tmp_path: Path, recording: Path
) -> None:
    folder = tmp_path / "derived"
    part = DerivedAudio(folder).excerpt(recording, 0.0, 2.0)
    content, stamp = part.read_bytes(), part.stat().st_mtime_ns
    assert DerivedAudio(folder).excerpt(recording, 0.0, 2.0) == part
    assert part.stat().st_mtime_ns == stamp
    part.write_bytes(content[:-100] + bytes(100))
    assert DerivedAudio(folder).excerpt(recording, 0.0, 2.0).read_bytes() == content
    part.with_suffix(".json").write_text(json.dumps({"sha256": "x"}))
    part.unlink()
    assert DerivedAudio(folder).excerpt(recording, 0.0, 2.0).read_bytes() == content
    write_audio(recording, tone_scene(5.0, [("high", 0.0, 4.0)]))
    other = DerivedAudio(folder).excerpt(recording, 0.0, 2.0)
    assert other != part
    assert other.read_bytes() != content


def test_joined_files_state_where_each_begins(tmp_path: Path, recording: Path) -> None:
    short = write_audio(tmp_path / "short.wav", tone_scene(1.5, [("Bell", 0.0, 1.0)]))
    derived = DerivedAudio(tmp_path / "derived")
    joined = derived.joined([short, recording, short], gap=0.5)
    assert joined.spans == ((0.0, 1.5), (2.0, 12.0), (12.5, 14.0))
    assert read(joined.path)[1].duration == 14.0
    assert DerivedAudio(tmp_path / "derived").joined([short, recording, short], gap=0.5) == joined


def test_what_cannot_be_made_is_a_problem_and_no_file(tmp_path: Path, recording: Path) -> None:
    derived = DerivedAudio(tmp_path / "derived")
    (tmp_path / "bad.wav").write_bytes(b"RIFF")
    late = derived.excerpt(recording, 20.0, 30.0)
    bad = derived.joined([recording, tmp_path / "bad.wav"])
    gone = derived.excerpt(tmp_path / "gone.wav", 0.0, 1.0)
    assert "ends at 10.0 s" in derived.problems[str(late)]
    assert "bad.wav" in derived.problems[str(bad.path)]
    assert "gone.wav" in derived.problems[str(gone)]
    assert bad.spans == ((0.0, 0.0), (0.0, 0.0))
    assert not any((tmp_path / "derived").rglob("*.flac"))


def test_a_recording_is_decoded_once(
    tmp_path: Path, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[str] = []

    def count(path: Path) -> object:
        decoded.append(path.name)
        return read(path)

    monkeypatch.setattr("paqa_builder.sources.derived.audio.read", count)
    derived = DerivedAudio(tmp_path / "derived")
    (tmp_path / "bad.wav").write_bytes(b"RIFF")
    for path in (recording, tmp_path / "bad.wav"):
        for n in range(3):
            derived.excerpt(path, n, n + 1.0)
    assert decoded == ["long.wav", "bad.wav"]
    assert len(derived.problems) == 3


def test_bytes_of_a_stream_are_kept(tmp_path: Path, recording: Path) -> None:
    derived = DerivedAudio(tmp_path / "derived")
    data = recording.read_bytes()
    path = derived.stored(data, ".wav")
    assert path.read_bytes() == data
    path.write_bytes(b"half")
    assert derived.stored(data, ".wav").read_bytes() == data


def test_nothing_is_written_without_a_folder_or_by_a_plan(tmp_path: Path, recording: Path) -> None:
    for derived in (DerivedAudio(), DerivedAudio(tmp_path / "derived", write=False)):
        derived.excerpt(recording, 0.0, 1.0)
        assert derived.joined([recording]).spans == ((0.0, 0.0),)
        derived.stored(b"1", ".wav")
        assert not derived.problems
    assert not (tmp_path / "derived").exists()


class Halves(Source):
    """The halves of every recording."""

    name: ClassVar[str] = "halves"

    def clips(self) -> Iterator[Clip]:
        for path in sorted(self.root.glob("*.wav")):
            for n in range(2):
                made = self.derived.excerpt(path, 5.0 * n, 5.0 * n + 5.0)
                yield Clip(f"{path.stem}-{n}", self.name, "train", str(made))


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a work folder without ledgers, which note files some time after they were written."""
    return {name: data for name, data in folder_bytes(folder).items() if not name.endswith("ledger.json")}


def test_a_build_reads_excerpts_in_its_work_folder_below_the_corpus(
    fake_config: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_plugins", {("source", "halves"): Halves})
    root = tmp_path / "halved"
    write_audio(root / "a.wav", tone_scene(10.0, [("low", 0.0, 4.0), ("Bell", 6.0, 7.0)]))
    (root / "b.wav").write_bytes(b"no audio")
    config = fake_config(source="halves", root=root, out=root / "shards")
    assert [clip.id for clip in make(config, save=False).clips] == ["a-0", "a-1", "b-0", "b-1"]
    assert not config.work_folder.exists()
    report = build(config)
    assert report.summary.clips == {"train": 4}
    assert {clip: failure.stage for clip, failure in report.failures} == {"b-0": "read", "b-1": "read"}
    assert all("b.wav" in failure.message for _, failure in report.failures)
    before = contents(config.work_folder)
    assert build(config).unchanged
    assert contents(config.work_folder) == before
