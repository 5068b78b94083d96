"""The blind gate as a step of a build."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from helpers.dataset import BUILD, clip_file, questions_of, scene_of

from paqa_builder.config import Config
from paqa_builder.dataset import lock
from paqa_builder.dataset.write import write_shards
from paqa_builder.errors import ConfigError
from paqa_builder.gate.report import GateReport, Verdicts
from paqa_builder.gate.score import BlindScore
from paqa_builder.pipeline import build as building
from paqa_builder.pipeline.ask import Quarantined

MakeConfig = Callable[..., Config]
JUDGED = {"min_questions": 20, "min_template": 10, "policy": "warn"}


def contributions(out: Path) -> set[str | None]:
    return set(pq.read_table(out / "data", columns=["audio_contribution"])["audio_contribution"].to_pylist())


def test_a_build_reports_the_blind_score(fake_config: MakeConfig) -> None:
    report = building.build(fake_config(gate=JUDGED))
    found = report.verdicts.report
    assert found.judged
    assert found.after is not None
    assert found.after.questions == sum(report.summary.questions.values())
    assert contributions(report.config.out) <= {"weak", "strong"}
    made = lock.read(report.config.out)
    assert made is not None
    assert made.build["gate"]["options"]["policy"] == "warn"
    assert made.build["gate"]["report"]["after"] == found.after.to_json()
    assert (
        f"**{100 * found.after.accuracy:.1f} %** of the questions"
        in (report.config.out / "README.md").read_text()
    )
    again = building.build(fake_config(gate=JUDGED))
    assert again.unchanged
    assert again.verdicts == report.verdicts


def test_too_few_questions_are_published_unjudged(fake_config: MakeConfig) -> None:
    report = building.build(fake_config(limit=2))
    assert not report.verdicts.report.judged
    assert contributions(report.config.out) == {None}
    assert "did not judge" in (report.config.out / "README.md").read_text()


def test_other_options_repeat_the_gate_but_not_the_questions(fake_config: MakeConfig) -> None:
    building.build(fake_config(gate=JUDGED))
    report = building.build(fake_config(gate={**JUDGED, "weak_margin": 0.5}))
    assert {stage.name for stage in report.stages if stage.clips} == {"gate"}


def test_an_interrupted_gate_is_repeated(fake_config: MakeConfig) -> None:
    report = building.build(fake_config(gate=JUDGED))
    folder = next(report.config.work_folder.glob("gate-*"))
    assert [path.name for path in folder.iterdir()] == ["verdicts.json"]
    (folder / "verdicts.json").rename(folder / "items.jsonl")
    assert building.build(fake_config(gate=JUDGED)).verdicts == report.verdicts


def test_unknown_options_are_refused(fake_config: MakeConfig) -> None:
    with pytest.raises(ConfigError, match="unknown option"):
        building.build(fake_config(gate={"magrin": 1}))


def score(accuracy: float, questions: int) -> BlindScore:
    return BlindScore(questions, accuracy, accuracy - 0.05, accuracy + 0.05, 0.25)


@pytest.fixture
def refused(tmp_path: Path) -> Path:
    """Shards of one clip: a strong and a weak question, one refused by the gate, one by the verifier."""
    scene = scene_of(clip_file(tmp_path / "audio", "a.wav"))
    strong, weak, leaking, wrong = questions_of(scene, 4)
    report = GateReport(True, False, score(0.6, 3), score(0.4, 2), {}, {}, {"t2": 1}, 1)
    verdicts = Verdicts(report, {leaking.id: "gate: why"}, frozenset({weak.id}))
    others = [
        Quarantined(wrong, ("choice “Dog” is true of the clip",)),
        Quarantined(leaking, ("gate: why",), "gate"),
    ]
    write_shards(tmp_path / "out", [(scene, [strong, weak], others)], BUILD, verdicts=verdicts)
    return tmp_path / "out"


def test_refused_questions_are_published_with_their_reasons(refused: Path) -> None:
    from datasets import load_dataset

    rows = load_dataset(str(refused), "quarantine")["train"].to_list()
    assert [(row["id"], row["refused_by"], row["reasons"]) for row in rows] == [
        ("q-a-3", "verifier", ["choice “Dog” is true of the clip"]),
        ("q-a-2", "gate", ["gate: why"]),
    ]
    assert rows[0]["evidence"]
    assert "audio" not in rows[0]
    kept = pq.read_table(refused / "data", columns=["id", "audio_contribution"]).to_pylist()
    assert {row["id"]: row["audio_contribution"] for row in kept} == {"q-a-0": "strong", "q-a-1": "weak"}


def test_the_card_states_refusals_and_a_failed_gate(refused: Path) -> None:
    card = (refused / "README.md").read_text()
    assert "config_name: quarantine" in card
    assert "2 further questions were refused (gate: 1, verifier: 1)" in card
    assert "did not pass the blind gate" in card
    assert "1 questions are marked `audio_contribution: strong`; 1 are `weak`" in card


def test_an_earlier_quarantine_is_removed_without_refusals(refused: Path) -> None:
    scene = scene_of(refused.parent / "audio/a.wav")
    write_shards(refused, [(scene, [replace(questions_of(scene)[0])])], BUILD)
    assert not list((refused / "quarantine").glob("*.parquet"))
    assert "quarantine" not in json.loads((refused / "paqa.lock.json").read_text())["files"][0]["path"]
    assert "config_name: quarantine" not in (refused / "README.md").read_text()
