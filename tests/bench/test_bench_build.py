"""``paqa bench`` on whole builds by fakes: the command, its report, its errors."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib import util
from pathlib import Path

import pytest
import soundfile
import typer
from helpers.audio_made import CONVERSATIONS, folder_bytes
from typer.testing import CliRunner, Result

from paqa_builder.bench.build import load_build
from paqa_builder.bench.formats import load_references
from paqa_builder.bench.score import score_build
from paqa_builder.bench.titles import TITLES
from paqa_builder.cli import bench as command
from paqa_builder.cli import common
from paqa_builder.config import Config
from paqa_builder.pipeline import build as building
from paqa_builder.testing import tone_scene

for package in ("pyannote.metrics", "jiwer", "whisper_normalizer", "scipy", "matplotlib"):
    pytest.importorskip(package, reason="needs the eval extra")

MakeConfig = Callable[..., Config]
VOICES = ("low", "middle", "high")


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    """The manifest of the tone scenes, with stems for one."""
    folder = tmp_path / "truth"
    rows = []
    for name, tones in CONVERSATIONS.items():
        stems = {}
        if name == "dialogue":
            for stem, parts in (("S1", tones[:2]), ("E1", tones[2:])):
                path = folder / f"stems/{stem}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                audio = tone_scene(10.0, parts)
                soundfile.write(path, audio.samples, audio.rate)
                stems[stem] = f"stems/{stem}.wav"
        events = [(label, a, b) for label, a, b in tones if label not in VOICES]
        rows.append(
            {
                "id": name,
                "turns": [{"speaker": v, "start": a, "end": b} for v, a, b in tones if v in VOICES],
                "events": [{"label": e, "onset": a, "offset": b, "snr_db": 0} for e, a, b in events],
                "stems": stems,
            }
        )
    path = folder / "manifest.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def built(fake_config: MakeConfig) -> Path:
    return building.build(fake_config(stems="keep")).config.out


def paqa_bench(*arguments: object) -> Result:
    app = typer.Typer()
    app.command(help=common.paragraphs(command.bench))(common.guard(command.bench))
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "80"})


def test_the_fake_stages_score_perfectly(built: Path, truth: Path) -> None:
    scores = score_build(load_build(built), load_references(truth))
    values = {name: measure.value for name, measure in scores.measures.items()}
    assert scores.clips == len(CONVERSATIONS)
    assert values["der"] < 0.05
    assert values["count_right"] == 1
    assert values["event_map"] == 1
    assert values["event_precision"] == 1
    assert values["event_f1_loose"] == 1
    assert values["question_precision"] == 1
    assert values["question_decided"] > 0.3  # the manifest has no words
    assert values["si_sdr_gain"] > 20
    assert values["leak"] < -20
    assert "wer" not in values
    assert scores.notes == ()
    assert set(values) <= set(TITLES)
    stages = {stage["name"]: stage for stage in scores.costs["stages"]}
    assert stages["diarize"]["peak_bytes"] > 2**20
    assert scores.models[0].startswith("separate: ")


def test_conditions_come_from_the_ground_truth(built: Path, truth: Path) -> None:
    found = score_build(load_build(built), load_references(truth)).conditions
    clips = {clip: clip.removesuffix(".wav") for clip in found["speakers"]}
    assert {clips[c]: n for c, n in found["speakers"].items()} == {
        name: len({voice for voice, *_ in tones if voice in VOICES}) for name, tones in CONVERSATIONS.items()
    }
    assert {clips[c] for c, share in found["overlap"].items() if share > 0} == {"overlap"}
    assert "silence" not in map(clips.get, found["snr"])


def test_the_table_fits_eighty_columns(built: Path, truth: Path) -> None:
    result = paqa_bench(built, "--truth", truth)
    assert result.exit_code == 0, result.output
    assert max(map(len, result.stdout.splitlines())) <= 80, result.stdout
    for text in ("right, of those decided", "error rate, collar 0", "SI-SDR", "event_present", "peak MB"):
        assert text in result.stdout
    assert "…" not in result.stdout


def test_json_has_all_scores_and_no_nan(built: Path, truth: Path) -> None:
    result = paqa_bench(built, "--truth", truth, "--json")
    assert result.exit_code == 0, result.output
    data = json.loads(result.stdout, parse_constant=pytest.fail)
    der = data["measures"]["der"]
    assert der["low"] <= der["value"] <= der["high"]
    assert set(der["by_clip"]) == set(load_build(built).scenes)
    assert data["conditions"]["speakers"]["3"]["clips"] == 1
    assert sum(row.get("right", 0) for row in data["questions"]["skill"].values()) == sum(
        item["verdict"] == "right" for item in data["questions"]["judged"]
    )
    assert str(built.parent) not in result.stdout


def test_a_report_is_one_page_with_deterministic_bytes(built: Path, truth: Path, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        result = paqa_bench(built, "--truth", truth, "--report", tmp_path / folder)
        assert result.exit_code == 0, result.output
    files = folder_bytes(tmp_path / "one")
    assert files == folder_bytes(tmp_path / "two")
    assert {
        "bench.html",
        "bench.json",
        "by_snr.png",
        "by_speakers.png",
        "by_overlap.png",
        "questions.png",
    } == set(files)
    page = files["bench.html"].decode()
    assert page.count("data:image/png;base64,") == 4
    assert 'src="http' not in page
    assert "Error by condition" in page


def test_two_builds_side_by_side(built: Path, truth: Path, fake_config: MakeConfig, tmp_path: Path) -> None:
    worse = fake_config(out=tmp_path / "worse", limit=4, stages={"tag": {"backend": "none"}})
    building.build(worse)
    result = paqa_bench(built, "--truth", truth, "--against", worse.out, "--report", tmp_path / "report")
    assert result.exit_code == 0, result.output
    assert max(map(len, result.stdout.splitlines())) <= 80, result.stdout
    assert "difference" in result.stdout
    assert "tag: there is ground truth, but the stage did not run" in result.stdout
    assert "2 clips of the ground truth are not in the build" in result.stdout
    data = json.loads((tmp_path / "report/bench.json").read_text(encoding="utf-8"))
    assert data["differences"]["der"] == {"clips": 4, "value": 0.0, "low": 0.0, "high": 0.0}
    assert "event_map" not in data["differences"]
    assert data["against"]["clips"] == 4


def test_a_builds_own_annotation_is_ground_truth(fake_config: MakeConfig, truth: Path, corpus: Path) -> None:
    rows = [json.loads(line) for line in truth.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        spoken = [{**turn, "text": None, "activity": [[turn["start"], turn["end"]]]} for turn in row["turns"]]
        events = [
            {**event, "active_segments": [[event["onset"], event["offset"]]]} for event in row["events"]
        ]
        row |= {"split": "train", "audio": f"{row['id']}.wav", "segments": spoken, "events": events}
    (corpus / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    out = building.build(fake_config(source="mix", root=corpus)).config.out
    scores = score_build(load_build(out))
    assert scores.measures["der"].value < 0.05
    assert scores.measures["event_map"].value == 1
    # Turns and tags are annotated; words are the model's and have no ground truth.
    assert {item.verdict for item in scores.judged} <= {"annotated", "undecided"}


def test_errors_name_the_command_that_fixes_them(built: Path, truth: Path, tmp_path: Path) -> None:
    for arguments, says in (
        ((tmp_path / "nothing",), "no finished build"),
        ((built,), "--truth"),
        ((built, "--truth", tmp_path / "nowhere"), "no such file"),
        ((built, "--truth", truth, "--work", tmp_path / "nowhere"), "check --work"),
    ):
        result = paqa_bench(*arguments)
        assert result.exit_code == 2, result.output
        assert says in " ".join(result.stderr.split())
    other = tmp_path / "other.rttm"
    other.write_text("SPEAKER stranger 1 0.0 1.0 <NA> <NA> s <NA> <NA>\n")
    result = paqa_bench(built, "--truth", other)
    assert result.exit_code == 2
    assert "no clip has ground truth" in result.stderr


def test_a_missing_extra_is_named_with_its_command(
    built: Path, truth: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(name: str, real: Callable = util.find_spec) -> object:
        return None if name.startswith("jiwer") else real(name)

    monkeypatch.setattr(util, "find_spec", find)
    result = paqa_bench(built, "--truth", truth)
    assert result.exit_code == 4
    assert "jiwer" in result.stderr
    assert "paqa-builder[eval]" in result.stderr


def test_without_a_work_folder_stems_and_costs_are_left_out(built: Path, truth: Path) -> None:
    built.with_name("shards.work").rename(built.with_name("elsewhere"))
    scores = score_build(load_build(built), load_references(truth))
    assert "si_sdr" not in scores.measures
    assert scores.costs == {}
    assert any("--work" in note for note in scores.notes)
    again = score_build(load_build(built, built.with_name("elsewhere")), load_references(truth))
    assert "si_sdr" in again.measures


def test_importing_the_command_imports_nothing_heavy() -> None:
    import subprocess

    heavy = ("numpy", "scipy", "matplotlib", "pyannote", "jiwer", "pyarrow", "paqa_builder.bench")
    code = f"import sys, paqa_builder.cli.bench; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_measure_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs/bench.md").read_text(encoding="utf-8")
    cells = [row.split("|")[1] for row in text.splitlines() if row.startswith("| `")]
    named = {name.strip(" `") for cell in cells for name in cell.split(",")}
    assert set(TITLES) <= named
