"""Builds in which one clip, one state file or one backend is at fault: all other clips are published."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from helpers.audio_made import folder_bytes, write_audio

from paqa_builder.config import Config
from paqa_builder.files import earlier_manifest
from paqa_builder.files.checksum import sealed
from paqa_builder.pipeline import build as building
from paqa_builder.pipeline.build import BuildReport
from paqa_builder.testing import tone_scene

MakeConfig = Callable[..., Config]
CLIPS = {
    "dialogue": [("low", 0.2, 1.2), ("high", 1.6, 2.6), ("Bell", 0.5, 1.5)],
    "overlap": [("middle", 0.3, 1.9), ("low", 1.2, 2.8), ("Whistle", 0.5, 1.5)],
    "siren": [("high", 0.3, 1.3), ("Siren", 1.0, 2.4)],
}
SIRENS = {"siren"}
OTHERS = {s: {"backend": "fake"} for s in ("separate", "diarize", "transcribe")}

PLUGIN = """
import ctypes, os, sys, time
from dataclasses import replace
from paqa_builder.errors import NotReadyError
from paqa_builder.perception.backends.fake import FakeTagger

class CLASSTagger(FakeTagger):
    def tag(self, heard):
        spans = super().tag(heard)
        if any(span.name == "Siren" for span in spans):
            {harm}
        return spans
"""


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A small corpus, since every test here builds it."""
    for name, tones in CLIPS.items():
        write_audio(tmp_path / f"corpus/{name}.wav", tone_scene(3.0, tones))
    return tmp_path / "corpus"


def with_tagger(make: MakeConfig, tmp_path: Path, name: str, harm: str, **settings: object) -> Config:
    """A configuration with a tagger that does harm where it hears a siren."""
    plugin = tmp_path / f"{name}.py"
    plugin.write_text(PLUGIN.format(harm=harm).replace("CLASS", name.title()))
    return make(plugins=[plugin], stages={**OTHERS, "tag": {"backend": f"{name}_tagger"}}, **settings)


def errors(report: BuildReport) -> dict[str, str]:
    return {clip: failure.error for clip, failure in report.failures}


def asked(config: Config) -> set[str]:
    table = pq.read_table(config.out / "data", columns=["clip_id"])
    return set(table.column("clip_id").to_pylist())


@pytest.mark.parametrize(
    ("name", "harm", "error"),
    [
        ("exits", "sys.exit(7)", "SystemExit"),
        ("baseless", "raise BaseException('odd')", "BaseException"),
        ("unready", "raise NotReadyError('no model for this language')", "NotReadyError"),
        ("nan", "spans = [replace(s, start=float('nan')) for s in spans]", "ResultError"),
        ("endless", "spans = [replace(s, end=float('inf')) for s in spans]", "ResultError"),
        ("scoreless", "spans = [replace(s, score=float('nan')) for s in spans]", "ResultError"),
        ("surrogate", "spans = [replace(s, name='\\ud800 siren') for s in spans]", "ResultError"),
        ("speechless", "raise type('Odd', (Exception,), {'__str__': lambda self: 1 / 0})", "Odd"),
        ("lone", "raise ValueError('\\ud800')", "ValueError"),
        ("nothing", "return None", "TypeError"),
        ("sleepy", "time.sleep(60)", "TimeLimit"),
    ],
)
def test_a_backend_that_fails_on_a_clip_costs_that_clip_only(
    fake_config: MakeConfig, tmp_path: Path, name: str, harm: str, error: str
) -> None:
    config = with_tagger(fake_config, tmp_path, name, harm, clip_time_limit=1.5 if name == "sleepy" else None)
    report = building.build(config)
    assert errors(report) == dict.fromkeys(SIRENS, error)
    assert asked(config) >= set(CLIPS) - SIRENS
    assert not list(config.work_folder.rglob("*.tmp"))


def test_native_code_that_hangs_is_ended(fake_config: MakeConfig, tmp_path: Path) -> None:
    # PyDLL keeps the interpreter lock, so that no Python code can run, a signal handler neither.
    harm = "ctypes.PyDLL(None).sleep(600)"
    config = with_tagger(
        fake_config, tmp_path, "stuck", harm, clip_time_limit=1.0, executor="processes", jobs=1
    )
    report = building.build(config)
    assert errors(report) == {"siren": "TimeLimit"}
    assert not list(config.work_folder.rglob("*.tmp"))


def test_a_name_that_is_not_utf8_is_an_error_row(fake_config: MakeConfig, corpus: Path) -> None:
    expected = folder_bytes(building.build(fake_config(out=corpus.parent / "other")).config.out)
    os.link(corpus / "dialogue.wav", os.fsencode(corpus) + b"/caf\xe9.wav")
    report = building.build(fake_config())
    assert errors(report) == {"caf\\udce9": "ClipError"}
    assert "not valid Unicode" in report.failures[0][1].message
    found = folder_bytes(report.config.out)
    assert {n: b for n, b in found.items() if n[:4] == "data"} == {
        n: b for n, b in expected.items() if n[:4] == "data"
    }


LABELLED = """
from dataclasses import replace
from paqa_builder.records import Tag, Truth
from paqa_builder.sources.folder import Folder

class Labelled(Folder):
    def clips(self):
        for clip in super().clips():
            if clip.id == "dialogue":
                clip = replace(clip, {change})
            yield clip
"""


@pytest.mark.parametrize(
    "change",
    [
        "truth=Truth(tags=(self.presence('dog \\ud800'),))",
        "truth=Truth(tags=(replace(self.presence('Dog'), start=float('nan'), localized=True),))",
        "attribution='\\udfff'",
        "id='\\ud83d'",
    ],
)
def test_an_annotation_that_cannot_be_stored_is_an_error_row(
    fake_config: MakeConfig, tmp_path: Path, change: str
) -> None:
    plugin = tmp_path / f"labelled{abs(hash(change))}.py"
    name = plugin.stem
    plugin.write_text(LABELLED.format(change=change).replace("Labelled", name.title()))
    report = building.build(fake_config(plugins=[plugin], source=name))
    assert list(errors(report).values()) == ["ClipError"]
    assert asked(report.config) == set(CLIPS) - {"dialogue"}


@pytest.mark.parametrize("stage", ["separate", "tag", "questions"])
@pytest.mark.parametrize("change", ["deleted", "replaced"])
def test_a_clip_that_changes_during_the_build_is_an_error_row_and_is_tried_again(
    fake_config: MakeConfig, corpus: Path, stage: str, change: str
) -> None:
    config, clip = fake_config(), corpus / "dialogue.wav"
    content, status = clip.read_bytes(), clip.stat()

    class Change(building.NoProgress):
        def begin(self, name: str, clips: int, done: int) -> None:
            if name == stage and change == "deleted":
                clip.unlink()
            elif name == stage:
                clip.write_bytes((corpus / "overlap.wav").read_bytes())
                os.utime(clip, ns=(status.st_atime_ns, status.st_mtime_ns))

    report = building.build(config, Change())
    assert errors(report) == {"dialogue": "ClipChangedError"}
    assert asked(config) == set(CLIPS) - {"dialogue"}
    clip.write_bytes(content)
    again = building.build(config)
    assert not again.failures
    fresh = building.build(fake_config(out=corpus.parent / "fresh"))
    assert folder_bytes(config.out) == folder_bytes(fresh.config.out)


def test_a_clip_of_equal_size_and_times_is_read_again_at_the_next_build(
    fake_config: MakeConfig, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some file systems do not tell the time of a change; the build itself then notices."""
    config, clip = fake_config(), corpus / "dialogue.wav"
    building.build(config)
    clip.write_bytes((corpus / "overlap.wav").read_bytes())
    manifest = config.work_folder / earlier_manifest.NAME
    lines = [json.loads(line) for line in manifest.read_text().splitlines()[:-1]]
    (row,) = (row for row in lines[1]["clips"] if row[earlier_manifest.PATH] == str(clip))
    status = clip.stat()
    row[earlier_manifest.STAMP] = [status.st_size, status.st_mtime_ns, status.st_ctime_ns]
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    manifest.write_bytes(sealed(manifest.name, text.encode()))
    assert errors(building.build(fake_config(seed=1))) == {"dialogue": "ClipChangedError"}
    assert not building.build(fake_config(seed=1)).failures


def test_a_long_clip_is_an_error_row_until_the_setting_allows_it(
    fake_config: MakeConfig, corpus: Path
) -> None:
    write_audio(corpus / "long.wav", tone_scene(6.0, [("low", 1.0, 4.0), ("Bell", 2.0, 5.0)]))
    report = building.build(fake_config(max_clip_seconds=4))
    assert errors(report) == {"long": "ClipTooLongError"}
    assert "4 s" in report.failures[0][1].message
    assert {s.name: s.clips for s in building.build(fake_config(max_clip_seconds=3.5)).stages}["read"] == 0
    more = building.build(fake_config(max_clip_seconds=9))
    assert not more.failures
    assert "long" in asked(more.config)
    assert [s.audio_seconds for s in more.stages if s.name in ("read", "separate", "tag")] == [6.0] * 3
    less = building.build(fake_config(max_clip_seconds=4))
    assert errors(less) == {"long": "ClipTooLongError"}
    assert "long" not in asked(less.config)


def test_damaged_state_is_made_again(fake_config: MakeConfig) -> None:
    config = fake_config()
    building.build(config)
    expected = folder_bytes(config.out)
    work = config.work_folder
    for path in sorted(work.glob("*-*/*.json*")):
        path.write_bytes(b"{}" if len(path.name) % 2 else b"")
    report = building.build(config)
    assert not report.failures
    assert folder_bytes(config.out) == expected
    assert all(stage.clips == len(CLIPS) for stage in report.stages)
