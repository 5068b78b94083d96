"""A whole build with fake backends: results, reuse of finished work, failures and interruptions."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import soundfile
from filelock import FileLock
from helpers.audio_made import CONVERSATIONS, folder_bytes, write_audio

from paqa_builder.cli.build import _show, stage_line
from paqa_builder.config import Config, load
from paqa_builder.errors import ConfigError, NotReadyError, SourceError
from paqa_builder.pipeline import build as building
from paqa_builder.pipeline import plan as planning
from paqa_builder.pipeline.build import BuildReport
from paqa_builder.testing import tone_scene

MakeConfig = Callable[..., Config]


def scenes(config: Config) -> dict[str, dict]:
    table = pq.read_table(config.out / "scenes")
    return {row["clip_id"]: row for row in table.to_pylist()}


def questions(config: Config) -> list[dict]:
    return pq.read_table(config.out / "data", columns=["id", "clip_id", "question", "answer"]).to_pylist()


def worked(report: BuildReport) -> dict[str, int]:
    """Clips on which each stage did any work."""
    return {stage.name: stage.clips for stage in report.stages}


def test_scenes_have_the_voices_and_sounds_of_the_audio(fake_config: MakeConfig) -> None:
    report = building.build(fake_config())
    assert not report.failures
    assert not report.quarantined
    found = scenes(report.config)
    assert set(found) == set(CONVERSATIONS)
    for name, tones in CONVERSATIONS.items():
        voices = {tone for tone, *_ in tones if tone.islower()}
        sounds = {tone for tone, *_ in tones if not tone.islower()}
        row = found[name]
        assert len({turn["speaker"] for turn in row["turns"]}) == len(voices), name
        assert {tag["label"] for tag in row["tags"]} == sounds, name
        assert bool(row["utterances"]) == bool(voices), name
        assert row["duration"] == 10.0
    assert questions(report.config)


def test_a_second_build_does_nothing(fake_config: MakeConfig) -> None:
    config = fake_config()
    building.build(config)
    before = folder_bytes(config.out)
    stamps = {p: p.stat().st_mtime_ns for p in config.out.rglob("*")}
    again = building.build(config)
    assert again.unchanged
    assert not any(worked(again).values())
    assert folder_bytes(config.out) == before
    assert {p: p.stat().st_mtime_ns for p in config.out.rglob("*")} == stamps


def test_a_finished_build_in_a_folder_that_is_not_writable(
    fake_config: MakeConfig, monkeypatch: pytest.MonkeyPatch, corpus: Path
) -> None:
    config = fake_config(executor="inline")
    building.build(config)
    acquire = FileLock.acquire

    def read_only(lock: FileLock, *args: object, **named: object) -> object:
        if Path(lock.lock_file).parent == config.out:
            raise OSError(errno.EROFS, "read-only")
        return acquire(lock, *args, **named)

    monkeypatch.setattr(FileLock, "acquire", read_only)
    before = folder_bytes(config.out)
    assert building.build(config).unchanged
    for change in ({"seed": 7}, {"limit": 1}):
        with pytest.raises(NotReadyError, match="not writable"):
            building.build(fake_config(executor="inline", **change))
    write_audio(corpus / "more.wav", tone_scene(3.0, CONVERSATIONS["dialogue"]))
    stages = len(list(config.work_folder.glob("separate-*/part-*")))
    with pytest.raises(NotReadyError, match="not writable"):
        building.build(config)
    assert len(list(config.work_folder.glob("separate-*/part-*"))) == stages
    assert folder_bytes(config.out) == before


def test_jobs_parts_and_executor_do_not_change_a_byte(fake_config: MakeConfig, tmp_path: Path) -> None:
    one = building.build(fake_config(part_size=1)).config
    other = fake_config(out=tmp_path / "other", jobs=2, executor="processes", part_size=4)
    building.build(other)
    assert folder_bytes(one.out) == folder_bytes(other.out)


@pytest.mark.parametrize(
    ("change", "redone"),
    [
        ({"tag": {"backend": "fake", "options": {"threshold": 0.02}}}, {"tag", "measure"}),
        (
            {"separate": {"backend": "fake", "options": {"threshold": 0.02}}},
            {"separate", "diarize", "tag", "transcribe", "measure"},
        ),
        ({"measure": {"backend": "fake", "listen": {"min_tag": 0.5}}}, {"measure"}),
        (
            {"diarize": {"backend": "fake", "listen": {"speech_share": 0.9}}},
            {"diarize", "transcribe", "measure"},
        ),
    ],
)
def test_a_changed_option_redoes_its_stage_and_what_depends_on_it(
    fake_config: MakeConfig, change: dict, redone: set[str]
) -> None:
    building.build(fake_config(stems="keep"))
    stages = {
        "stages": {**{s: {"backend": "fake"} for s in ("separate", "diarize", "tag", "transcribe")}, **change}
    }
    report = building.build(fake_config(stems="keep", **stages))
    assert {name for name, clips in worked(report).items() if clips} - {"questions", "gate"} == redone


def test_a_larger_corpus_processes_only_its_new_clips(fake_config: MakeConfig, corpus: Path) -> None:
    config = fake_config(part_size=2)
    building.build(config)
    write_audio(corpus / "a new one.wav", tone_scene(4.0, [("low", 0.5, 3.0)]))
    report = building.build(config)
    assert len(scenes(config)) == len(CONVERSATIONS) + 1
    assert not report.unchanged
    # The listing shifted, so every part is new, but only the new clip was heard.
    separate = next(stage for stage in report.stages if stage.name == "separate")
    assert separate.audio_seconds == pytest.approx(4.0)


def test_a_smaller_limit_reuses_everything(fake_config: MakeConfig) -> None:
    building.build(fake_config())
    report = building.build(fake_config(limit=3, part_size=1))
    assert len(scenes(report.config)) == 3
    assert sum(stage.audio_seconds for stage in report.stages) == 0


def test_another_seed_changes_questions_and_no_scene(fake_config: MakeConfig, tmp_path: Path) -> None:
    one = building.build(fake_config()).config
    report = building.build(fake_config(seed=1))
    assert not any(clips for name, clips in worked(report).items() if name not in ("questions", "gate"))
    assert {q["id"] for q in questions(one)} & {q["id"] for q in questions(report.config)}


def test_broken_clips_become_failures_and_others_are_kept(fake_config: MakeConfig, corpus: Path) -> None:
    good = building.build(fake_config(out=corpus.parent / "good")).config
    (corpus / "empty.wav").write_bytes(b"")
    (corpus / "a text file.wav").write_text("not audio")
    write_audio(corpus / "short.wav", tone_scene(0.1, [("low", 0.0, 0.1)]))
    os.symlink(corpus, corpus / "loop", target_is_directory=True)
    report = building.build(fake_config())
    assert {clip for clip, _ in report.failures} == {"empty", "a text file"}
    assert all(failure.stage == "read" for _, failure in report.failures)
    found, before = scenes(report.config), scenes(good)
    assert set(found) == set(before) | {"empty", "a text file", "short"}
    assert found["empty"]["turns"] is None
    assert found["empty"]["failures"][0]["message"]
    for clip, row in before.items():
        assert found[clip] == row
    assert exit_code(fake_config()) == 3


PLUGIN = """
import os, signal
from paqa_builder.perception.backends.fake import FakeTagger

class CrashingTagger(FakeTagger):
    def tag(self, heard):
        spans = super().tag(heard)
        if any(span.name == "Siren" for span in spans):
            {harm}
        return spans
"""


@pytest.mark.parametrize(
    ("harm", "error"),
    [
        ("raise RuntimeError('too shrill')", "RuntimeError"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "WorkerDied"),
    ],
)
def test_a_clip_that_crashes_a_model_is_isolated(
    fake_config: MakeConfig, tmp_path: Path, harm: str, error: str
) -> None:
    plugin = tmp_path / f"crash_{error.lower()}.py"
    plugin.write_text(PLUGIN.format(harm=harm).replace("Crashing", error))
    stages = {s: {"backend": "fake"} for s in ("separate", "diarize", "transcribe")}
    tagger = {"RuntimeError": "runtime_error_tagger", "WorkerDied": "worker_died_tagger"}[error]
    config = fake_config(
        plugins=[plugin], stages={**stages, "tag": {"backend": tagger}}, executor="processes", jobs=2,
        part_size=4,
    )  # fmt: skip
    report = building.build(config)
    sirens = {name for name, tones in CONVERSATIONS.items() if any(t == "Siren" for t, *_ in tones)}
    assert {clip: failure.error for clip, failure in report.failures} == dict.fromkeys(sirens, error)
    found = scenes(config)
    assert all((found[clip]["tags"] is None) == (clip in sirens) for clip in found)
    assert all(row["turns"] is not None for row in found.values())


def test_failed_clips_are_tried_again_on_request(fake_config: MakeConfig, tmp_path: Path) -> None:
    plugin, cure = tmp_path / "moody.py", tmp_path / "cure"
    plugin.write_text(
        PLUGIN.format(harm=f"assert os.path.exists({str(cure)!r})").replace("Crashing", "Moody")
    )
    stages = {s: {"backend": "fake"} for s in ("separate", "diarize", "transcribe")}
    config = fake_config(
        plugins=[plugin], stages={**stages, "tag": {"backend": "moody_tagger"}}, stems="keep"
    )
    assert len(building.build(config).failures) == 2
    cure.touch()
    assert len(building.build(config).failures) == 2
    report = building.build(config, retry_failed=True)
    assert not report.failures
    assert worked(report)["separate"] == 0


ANNOTATED = """
from paqa_builder.records import Truth, Turn
from paqa_builder.sources.folder import Folder

class Annotated(Folder):
    def clips(self):
        from dataclasses import replace
        for clip in super().clips():
            end = float(open({file!r}).read()) if clip.id == "dialogue" else 3.0
            yield replace(clip, truth=Truth(turns=(Turn(0.5, end, "Ann", 1.0, self.origin),)))
"""


def test_a_changed_annotation_redoes_only_measures_and_questions(
    fake_config: MakeConfig, tmp_path: Path
) -> None:
    """Measures are of the corpus's own turns, where it has them; everything else is of the audio."""
    plugin, annotation = tmp_path / "annotated.py", tmp_path / "end.txt"
    plugin.write_text(ANNOTATED.format(file=str(annotation)))
    config = fake_config(
        plugins=[plugin], source="annotated", limit=4, part_size=4, speaker_names="keep", stems="keep"
    )
    measured = []
    for end in (3.0, 2.0, 3.0):
        annotation.write_text(str(end))
        report = building.build(config)
        heard = {stage.name: stage.audio_seconds for stage in report.stages}
        (voice,) = scenes(config)["dialogue"]["measures"]["voices"]
        measured.append((voice["speaker"], round(voice["seconds"], 1), heard["measure"], heard["separate"]))
    assert measured == [("Ann", 2.5, 40.0, 40.0), ("Ann", 1.5, 10.0, 0.0), ("Ann", 2.5, 0.0, 0.0)]


def test_measuring_needs_no_other_stage(fake_config: MakeConfig) -> None:
    off = {s: {"backend": "none"} for s in ("separate", "diarize", "tag", "transcribe")}
    config = fake_config(stages={**off, "measure": {"backend": "fake"}})
    assert not building.build(config).failures
    row = scenes(config)["dialogue"]
    assert row["measures"]["loudness"] < 0
    assert (row["measures"]["snr"], row["measures"]["voices"]) == (None, [])
    assert scenes(config)["silence"]["measures"]["loudness"] is None


HALVING = """
from paqa_builder.perception.backends.fake import FakeTagger
from paqa_builder.runtime.device import Batches

class HalvingTagger(FakeTagger):
    '''Its memory holds two windows, whatever it is told.'''
    def load(self):
        self.batches = Batches("tagger", 10.0, 80.0, "cuda:0")
        self.batches._device = "cpu"
    def run(self, heard):
        def model(windows):
            if len(windows) > 2:
                raise RuntimeError("CUDA out of memory")
            return windows
        self.batches.run(model, [0] * 8)
        return super().run(heard)
"""


@pytest.mark.parametrize("executor", ["inline", "processes"])
def test_batch_reductions_are_in_the_report(fake_config: MakeConfig, tmp_path: Path, executor: str) -> None:
    plugin = tmp_path / f"halving_{executor}.py"
    plugin.write_text(HALVING.replace("Halving", f"Halving{executor.title()}"))
    tagger = f"halving_{executor}_tagger"
    config = fake_config(
        plugins=[plugin], stages={"tag": {"backend": tagger}}, executor=executor, jobs=1, part_size=99
    )
    report = building.build(config)
    (tag,) = (stage for stage in report.stages if stage.name == "tag")
    assert [(h.before, h.after) for h in tag.halvings] == [(80.0, 40.0), (40.0, 20.0)]
    assert "out of memory 2 times: down to 20 s" in stage_line(tag)
    figures = json.loads((config.work_folder / building.REPORT).read_text())
    (kept,) = (stage["halvings"] for stage in figures["stages"] if stage["name"] == "tag")
    assert kept[1] == {"what": "tagger", "before": 40.0, "after": 20.0}
    assert not [stage for stage in report.stages if stage.name != "tag" and stage.halvings]


def test_planning_writes_nothing(fake_config: MakeConfig) -> None:
    config = fake_config()
    made = planning.make(config, save=False)
    assert not config.work_folder.exists()
    assert not config.out.exists()
    assert [len(made.missing(stage)) for stage in made.stages] == [3] * 6


def test_a_stage_can_be_left_out(fake_config: MakeConfig) -> None:
    stages = {s: {"backend": "fake"} for s in ("separate", "diarize", "tag")}
    report = building.build(fake_config(stages={**stages, "transcribe": {"backend": "none"}}))
    assert not report.failures
    assert all(row["utterances"] is None for row in scenes(report.config).values())


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"source": None}, ConfigError, "--source"),
        ({"source": "foldr"}, ConfigError, "Did you mean 'folder'"),
        ({"root": None}, SourceError, "--root"),
        ({"root": Path("/no/such/folder")}, SourceError, "no such folder"),
        ({"source_options": {"splat": 1}}, ConfigError, "splat: unknown option"),
        ({"questions": {"per_clop": 1}}, ConfigError, "per_clop"),
    ],
)
def test_mistakes_are_named(fake_config: MakeConfig, change: dict, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        building.build(fake_config(**change))


@pytest.mark.parametrize(
    ("clip", "says"),
    [
        ("split='eval'", "clip 'a': unknown split 'eval'"),
        ("truth=Truth(turns=(Turn('1.0', 2.0, 'x', 1.0, self.origin),))", "not '1.0' and 2.0"),
        ("truth=Truth(turns=(Turn(2.0, 1.0, 'x', 1.0, self.origin),))", "ends at 1.0 s, before its start"),
        ("truth=Truth(turns=(Turn(1.0, 2.0, 'x', 1.0),))", r"missing 1 .*'origin' \(.*corpus.py, line 6\)"),
    ],
)
def test_mistakes_of_a_source_are_found_before_any_model_runs(
    fake_config: MakeConfig, tmp_path: Path, clip: str, says: str
) -> None:
    plugin = tmp_path / "corpus.py"
    plugin.write_text(
        "from paqa_builder import Clip, Source, Truth, Turn\n"
        "class Wrong(Source):\n"
        f"    name = {tmp_path.name!r}\n"
        "    def clips(self):\n"
        "        given = {'id': 'a', 'source': self.name, 'split': 'train', 'path': 'a.wav'}\n"
        f"        yield Clip(**given | dict({clip}))\n"
    )
    config = fake_config(source=tmp_path.name, plugins=[plugin])
    with pytest.raises(SourceError, match=says):
        planning.make(config)


def test_an_empty_corpus_is_an_error(fake_config: MakeConfig, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="no audio"):
        building.build(fake_config(root=tmp_path / "empty"))


def test_a_model_that_is_not_installed_stops_the_build_before_it_starts(
    fake_config: MakeConfig, tmp_path: Path
) -> None:
    plugin = tmp_path / "needy.py"
    plugin.write_text(
        "from paqa_builder.perception.backends.fake import FakeTagger\n\n"
        "class NeedyTagger(FakeTagger):\n    needs = ('no-such-package',)\n    extra = 'cpu'\n"
    )
    stages = {s: {"backend": "fake"} for s in ("separate", "diarize", "transcribe")}
    config = fake_config(plugins=[plugin], stages={**stages, "tag": {"backend": "needy_tagger"}})
    with pytest.raises(NotReadyError, match=r"no-such-package.*\n.*paqa-builder\[cpu\]"):
        building.build(config)
    assert not list(config.work_folder.glob("read-*"))


def exit_code(config: Config) -> int:
    return command(config).wait()


def command(config: Config, **popen: object) -> subprocess.Popen:
    """The same build from the command line, in a process of its own."""
    assert config.root
    return subprocess.Popen(
        [
            sys.executable, "-m", "paqa_builder", "build", "--source", "folder", "--root", str(config.root),
            "--out", str(config.out), "--preset", "fake", "--jobs", "2",
        ],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **popen,  # type: ignore[call-overload]
    )  # fmt: skip


@pytest.mark.parametrize(
    "stage", ["read", "separate", "diarize", "tag", "transcribe", "measure", "questions"]
)
def test_a_build_killed_in_any_stage_continues_to_the_same_bytes(
    fake_config: MakeConfig, tmp_path: Path, stage: str
) -> None:
    undisturbed = fake_config(out=tmp_path / "undisturbed")
    building.build(undisturbed)
    config = load(
        {"source": "folder", "root": undisturbed.root, "out": tmp_path / "killed", "preset": "fake"}
    )
    child = command(config, start_new_session=True)
    deadline = time.monotonic() + 60
    while child.poll() is None and not list(config.work_folder.glob(f"{stage}-*/part-*")):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)  # parent and workers at once, as a power cut would
    child.wait()
    assert exit_code(config) == 0
    assert folder_bytes(config.out) == folder_bytes(undisturbed.out)
    assert not list(config.work_folder.rglob("*.tmp"))


def test_an_interrupt_is_not_a_failure(fake_config: MakeConfig, corpus: Path) -> None:
    # So many that a machine with other work sends the signal before the build is done.
    for n in range(300):
        os.link(corpus / "dialogue.wav", corpus / f"copy{n}.wav")
    config = fake_config()
    child = command(config)
    while child.poll() is None and not list(config.work_folder.glob("separate-*/part-*")):
        time.sleep(0.005)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=30)
    assert child.returncode == 130, err.decode()
    assert b"run the same command again to continue" in err


def test_costs_of_the_last_build_are_saved(fake_config: MakeConfig) -> None:
    config = fake_config()
    building.build(config)
    figures = json.loads((config.work_folder / building.REPORT).read_text())
    assert {stage["name"] for stage in figures["stages"]} >= {"separate", "diarize", "tag", "transcribe"}
    assert figures["clips"] == len(CONVERSATIONS)


def test_an_eight_channel_file_at_96_khz_is_built(fake_config: MakeConfig, corpus: Path) -> None:
    wave = tone_scene(5.0, [("low", 1.0, 4.0)], rate=96_000).samples
    soundfile.write(corpus / "wide.wav", wave[:, None].repeat(8, axis=1), 96_000)
    report = building.build(fake_config())
    row = scenes(report.config)["wide"]
    assert (row["channels"], row["sample_rate"]) == (8, 96_000)
    assert len(row["turns"]) == 1
    assert {stem["sample_rate"] for stem in row["stems"]} == {48_000}


def test_the_report_repeats_all_warnings(fake_config: MakeConfig, corpus: Path, tmp_path: Path) -> None:
    plugin = tmp_path / "noisy.py"
    plugin.write_text(
        "import logging\n"
        "from paqa_builder.perception.backends.fake import FakeTagger\n\n"
        "class NoisyTagger(FakeTagger):\n"
        "    def run(self, batch):\n"
        "        logging.getLogger('paqa_builder.noisy').warning('a worker warns')\n"
        "        return super().run(batch)\n"
    )
    (corpus / "song.mid").write_bytes(b"MThd")
    (corpus / "test").mkdir()
    shutil.copy(corpus / "dialogue.wav", corpus / "test" / "again.wav")
    changes = {"plugins": [plugin], "stages": {"tag": {"backend": "noisy_tagger"}}}
    report = building.build(fake_config(**changes, executor="processes", jobs=1))
    warnings = "\n".join(report.warnings)
    assert report.warnings.count("a worker warns") == 1
    assert "skipped 1 files that look like audio but are not read: 1 .mid" in warnings
    assert "double:dialogue: dialogue (train) and test/again (test)" in warnings
    assert building.build(fake_config(**changes)).unchanged


def test_the_summary_of_the_command_repeats_warnings(
    fake_config: MakeConfig, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (corpus / "song.mid").write_bytes(b"MThd")
    _show(building.build(fake_config()))
    shown = capsys.readouterr().err
    assert "1 warnings:" in shown
    assert "1 .mid" in shown
    assert shown.index("1 warnings:") > shown.index("blind score")
