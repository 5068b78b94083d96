"""The command line: output, errors and exit codes."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from paqa_builder.cli import app, explain
from paqa_builder.cli.build import Progress
from paqa_builder.config import Config
from paqa_builder.pipeline import build as building

MakeConfig = Callable[..., Config]


@pytest.fixture
def paqa(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs a command at 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    runner = CliRunner()
    return lambda *arguments: runner.invoke(app, [str(a) for a in arguments])


@pytest.fixture
def built(fake_config: MakeConfig) -> Path:
    return building.build(fake_config()).config.out


def test_help_is_fast_and_imports_nothing_heavy() -> None:
    code = (
        "import sys, time; began = time.process_time()\n"
        "import paqa_builder.cli\n"
        "spent = time.process_time() - began\n"
        "names = ('torch', 'numpy', 'pyarrow', 'pandas', 'pydantic', 'huggingface_hub')\n"
        "heavy = [name for name in names if name in sys.modules]\n"
        "print(spent, heavy)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    spent, _, heavy = done.stdout.strip().partition(" ")
    assert heavy == "[]"
    assert float(spent) < 1.0  # 0.1 s on an idle machine; the limit of 0.3 s is for one that is idle


@pytest.mark.parametrize(
    "command",
    [
        "build",
        "plan",
        "status",
        "push",
        "export",
        "inspect",
        "explain",
        "bench",
        "mix",
        "ls",
        "doctor",
        "fetch",
        "try",
    ],
)
def test_every_command_has_help_with_an_example(paqa: Callable[..., Result], command: str) -> None:
    result = paqa(command, "--help")
    assert result.exit_code == 0
    assert "Example" in result.output
    assert f"paqa {command} " in result.output


def test_build_makes_shards_and_says_so(paqa: Callable[..., Result], corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "made"
    result = paqa(
        "build", "-s", "folder", "--root", corpus, "--out", out, "--preset", "fake", "--jobs", 1, "--json"
    )
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["failures"] == []
    assert report["questions"]["train"] == pq.read_table(out / "data").num_rows
    again = paqa("build", "-s", "folder", "--root", corpus, "--out", out, "--preset", "fake")
    assert again.exit_code == 0
    assert "already up to date" in again.stderr
    assert max(len(line) for line in again.stderr.splitlines() if "shards" not in line) <= 80


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["build"], 2, "--source"),
        (["build", "--source", "foldr", "--root", "."], 2, "Did you mean 'folder'"),
        (["build", "--source", "folder", "--root", "/no/such"], 2, "no such folder"),
        (["build", "--preset", "gpuu"], 2, "no preset"),
        (["build", "--no-such-flag"], 2, "no-such-flag"),
        (["ls", "nonsense"], 2, "paqa ls"),
        (["inspect", "x", "--shards", "/no/such"], 2, "no finished build"),
        (["status", "--out", "/no/such"], 2, "no build has run"),
        (["try", "nonsense", "x.wav"], 2, "no backend"),
        (["fetch", "nonsense"], 2, "nonsense"),
    ],
)
def test_wrong_arguments_exit_with_two_and_a_hint(
    paqa: Callable[..., Result], arguments: list[str], code: int, says: str
) -> None:
    result = paqa(*arguments)
    assert result.exit_code == code, result.output
    assert says in " ".join(result.stderr.split())
    assert "Traceback" not in result.output


def test_some_failures_exit_with_three_all_with_two(
    paqa: Callable[..., Result], corpus: Path, tmp_path: Path
) -> None:
    (corpus / "bad.wav").write_bytes(b"")
    arguments = ["build", "-s", "folder", "--preset", "fake", "-j", 1]
    result = paqa(*arguments, "--root", corpus, "-o", tmp_path / "a")
    assert result.exit_code == 3
    assert "bad.wav: the file is empty" in result.stderr
    only = tmp_path / "only"
    only.mkdir()
    (only / "bad.wav").write_bytes(b"")
    result = paqa(*arguments, "--root", only, "-o", tmp_path / "b")
    assert result.exit_code == 2
    assert "all 1 clips failed" in result.stderr


def test_a_bug_keeps_its_traceback(paqa: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("paqa_builder.registry.entries", lambda *_: 1 / 0)
    result = paqa("ls", "backends")
    assert result.exit_code == 1
    assert isinstance(result.exception, ZeroDivisionError)


@pytest.mark.parametrize("kind", ["sources", "backends", "stages", "templates", "presets"])
def test_ls_lists_for_people_and_programs(paqa: Callable[..., Result], kind: str) -> None:
    rows = json.loads(paqa("ls", kind, "--json").stdout)
    shown = paqa("ls", kind).stdout
    assert rows
    assert all(row["name"].split("_")[0] in shown for row in rows)


def test_inspect_shows_a_timeline(paqa: Callable[..., Result], built: Path) -> None:
    shown = paqa("inspect", "dialogue", "--shards", built).stdout
    assert "S1" in shown
    assert "Siren" in shown
    assert "█" in shown
    assert max(map(len, shown.splitlines())) <= 80
    row = json.loads(paqa("inspect", "dialogue", "--shards", built, "--json").stdout)
    assert row["clip_id"] == "dialogue"
    assert "none found" in paqa("inspect", "silence", "--shards", built).stdout
    assert "200 Hz" in shown
    assert "600 Hz" in shown
    assert "LUFS" in shown
    assert "dBFS" in shown
    assert "nothing" in paqa("inspect", "silence", "--shards", built).stdout


def test_explain_shows_the_proof(paqa: Callable[..., Result], built: Path) -> None:
    row = pq.read_table(built / "data").to_pylist()[0]
    shown = paqa("explain", row["id"], "--shards", built, "--trace").stdout
    assert "✓" in shown
    assert "Evidence" in shown
    assert "<THINK>" in shown
    result = paqa("explain", "q-nothing", "--shards", built)
    assert result.exit_code == 2
    assert "no question matches" in result.stderr


def test_the_example_of_a_build_shows_ten_rows_of_evidence(built: Path) -> None:
    row = pq.read_table(built / "data").to_pylist()[0]
    row["evidence"] = [item | {"value": f"thing {n}"} for n in range(25) for item in row["evidence"][:1]]
    console = Console(record=True, width=120, file=io.StringIO())
    explain.show(row, console, most=10)
    shown = console.export_text()
    assert "thing 9" in shown
    assert "thing 10" not in shown
    assert f"… and 15 more: paqa explain {row['id']}" in shown


def test_progress_without_a_terminal_counts_replies(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("paqa_builder.cli.build._EVERY", -1.0)
    with Progress() as progress:
        progress.begin("rephrased", 20, 5)
        progress.replies("rephrased", 3, 8)
    assert "rephrased   5/20 clips, 3 of 8 replies" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["fetch", "--list"], ["ls", "backends"], ["push", "x", "me/y"]])
def test_an_unknown_variable_is_refused_by_every_command(
    paqa: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setenv("PAQA_CACH", "/x")
    result = paqa(*arguments)
    assert result.exit_code == 2
    assert "Did you mean 'PAQA_CACHE'?" in result.stderr


def test_a_tilde_in_any_path_is_the_home_folder(
    paqa: Callable[..., Result], built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(built.parent))
    home = f"~/{built.name}"
    assert paqa("inspect", "dialogue", f"--shards={home}").exit_code == 0
    assert paqa("status", "--out", home).exit_code == 0
    assert paqa("push", home, "me/data", "--dry-run").exit_code == 0


def test_status_counts_what_is_done(paqa: Callable[..., Result], built: Path) -> None:
    state = json.loads(paqa("status", "--out", built, "--json").stdout)
    assert state["complete"]
    assert {row["stage"] for row in state["stages"]} >= {"read", "separate", "diarize", "tag", "transcribe"}
    assert all(row["clips"] == 6 for row in state["stages"])


def test_plan_counts_what_is_to_do(paqa: Callable[..., Result], corpus: Path, built: Path) -> None:
    arguments = ["plan", "-s", "folder", "--root", corpus, "--preset", "fake", "--json"]
    done = json.loads(paqa(*arguments, "--out", built).stdout)
    assert {stage["to_do"] for stage in done["stages"]} == {0}
    fresh = json.loads(paqa(*arguments, "--out", built.parent / "elsewhere").stdout)
    assert {stage["done"] for stage in fresh["stages"]} == {0}


def test_plan_estimates_a_build_from_a_sample(
    paqa: Callable[..., Result], corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = [
        "-s",
        "folder",
        "--root",
        corpus,
        "--preset",
        "fake",
        "--out",
        tmp_path / "made",
        "--jobs",
        1,
    ]
    result = paqa("plan", *arguments, "--calibrate", 3)
    assert result.exit_code == 0, result.output
    assert "measured: 3 clips, 30.0 s of audio" in result.stdout
    assert max(map(len, result.stdout.partition("still to do")[2].splitlines())) <= 80
    estimate = json.loads(paqa("plan", *arguments, "--calibrate", 3, "--json").stdout)["estimate"]
    assert (estimate["sampled"], estimate["jobs"], estimate["unmeasured"]) == (3, 1, [])
    assert estimate["total"]["wall"]["low"] < estimate["total"]["wall"]["high"]
    built = paqa("build", *arguments)
    assert built.exit_code == 0
    assert "estimate" in built.stderr
    assert paqa("plan", *arguments, "--calibrate", 0).exit_code == 2


def test_try_runs_one_backend(paqa: Callable[..., Result], corpus: Path, tmp_path: Path) -> None:
    file = corpus / "dialogue.wav"
    rows = json.loads(paqa("try", "fake", file, "--stage", "tag", "--json").stdout)
    assert {row["name"] for row in rows} == {"Bell", "Siren"}
    assert (
        json.loads(paqa("try", "fake", file, "--stage", "tag", "-O", "threshold=0.9", "--json").stdout) == []
    )
    measured = json.loads(paqa("try", "fake", file, "--stage", "measure", "--json").stdout)
    assert [row["what"] for row in measured] == ["loudness", "pitch", "voiced"]
    assert paqa("try", "fake", file).exit_code == 2  # of which stage?
    assert paqa("try", "fake", file, "--stage", "separate", "--stems", tmp_path).exit_code == 0
    assert (tmp_path / "dialogue.speech.flac").is_file()


def test_doctor_passes_the_fake_backends(paqa: Callable[..., Result]) -> None:
    result = paqa("doctor", "--preset", "fake", "--json")
    assert result.exit_code == 0, result.output
    found = {check["name"]: check["ok"] for check in json.loads(result.stdout)}
    assert found["tag: fake"]


def test_doctor_shows_how_to_fix_a_problem(paqa: Callable[..., Result], tmp_path: Path) -> None:
    plugin = tmp_path / "ill.py"
    plugin.write_text(
        "from paqa_builder.perception.backends.fake import FakeTagger\n"
        "from paqa_builder.errors import NotReadyError\n\n"
        "class IllTagger(FakeTagger):\n    def load(self):\n"
        "        raise NotReadyError('weights are missing', fix='paqa fetch weights')\n"
    )
    config = tmp_path / "c.yaml"
    config.write_text(f"preset: fake\nplugins: ['{plugin}']\nstages: {{tag: {{backend: ill_tagger}}}}\n")
    result = paqa("doctor", "--config", config)
    assert result.exit_code == 4
    assert "weights are missing" in result.stdout
    assert "→ paqa fetch weights" in result.stdout


@pytest.mark.parametrize("kind", ["sources", "backends", "exports"])
def test_descriptions_are_listed_without_markup(paqa: Callable[..., Result], kind: str) -> None:
    for row in json.loads(paqa("ls", kind, "--json").stdout):
        assert "`" not in row["what"]
        assert row["what"][0].isupper() or row["what"][0].isdigit()
