"""``paqa verify``: what a build wrote is proved; what somebody changed is found."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.audio_made import CONVERSATIONS, write_audio
from typer.testing import CliRunner

from paqa_builder.check.proof import prove
from paqa_builder.cli import app
from paqa_builder.config import load
from paqa_builder.errors import PaqaError
from paqa_builder.pipeline import build as building
from paqa_builder.testing import tone_scene


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished build of tone scenes."""
    folder = tmp_path_factory.mktemp("build")
    for name in ("dialogue", "overlap"):
        write_audio(folder / f"corpus/{name}.wav", tone_scene(10.0, CONVERSATIONS[name]))
    flags = {"source": "folder", "root": folder / "corpus", "out": folder / "shards", "preset": "fake"}
    return building.build(load({**flags, "executor": "inline"})).config.out


@pytest.fixture
def shards(finished: Path, tmp_path: Path) -> Path:
    """A copy to tamper with."""
    return Path(shutil.copytree(finished, tmp_path / "shards"))


def tamper(shards: Path, change: Callable[[list[dict[str, Any]]], None], folder: str = "data") -> None:
    """Changes rows of the first shard and writes it anew."""
    path = next((shards / folder).glob("*.parquet"))
    table = pq.read_table(path)
    rows = table.to_pylist()
    change(rows)
    pq.write_table(pa.Table.from_pylist(rows, table.schema), path)


def test_the_questions_of_a_build_are_proved(shards: Path) -> None:
    proof = prove(shards)
    assert proof.good
    assert proof.questions == pq.read_table(shards / "data", columns=["id"]).num_rows > 10


def test_the_result_does_not_depend_on_jobs(shards: Path) -> None:
    tamper(shards, lambda rows: rows[3].update(answer="nonsense"))
    assert prove(shards, jobs=2) == prove(shards)


def _another_answer(row: dict[str, Any]) -> None:
    row["answer_index"] = (row["answer_index"] + 1) % len(row["choices"])
    row["answer"] = row["choices"][row["answer_index"]]


def _another_choice(row: dict[str, Any]) -> None:
    row["choices"][(row["answer_index"] + 1) % len(row["choices"])] = "Chainsaw"


def _another_sentence(row: dict[str, Any]) -> None:
    row["trace"] = row["trace"].replace("<REASONING>", "<REASONING>A dog barks at 3.1 seconds. ")


def _another_time(row: dict[str, Any]) -> None:
    row["evidence"][0]["start"] += 0.25


def _another_confidence(row: dict[str, Any]) -> None:
    row["evidence"][0]["confidence"] = 0.123


def _another_clip(row: dict[str, Any]) -> None:
    row["clip_id"] = "dialogue.wav" if row["clip_id"] != "dialogue.wav" else "overlap.wav"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (_another_answer, "choice"),
        (_another_choice, "choice"),
        (_another_sentence, "REASONING"),
        (_another_time, "evidence"),
        (_another_confidence, "evidence"),
        (_another_clip, "clip"),
        (lambda row: row.update(question="What is this?"), "no fact"),
        (lambda row: row.update(skill="flying"), "skill"),
        (lambda row: row.update(license="MIT"), "license"),
        (lambda row: row.update(audio_contribution="huge"), "audio_contribution"),
        (lambda row: row["audio"].update(bytes=b"RIFF"), "audio"),
        (lambda row: row.update(provenance=[]), "provenance"),
    ],
)
def test_tampering_is_found(shards: Path, change: Callable[[dict[str, Any]], None], word: str) -> None:
    names: list[str] = []

    def apply(rows: list[dict[str, Any]]) -> None:
        row = next(r for r in rows if len(r["choices"]) > 2 and r["evidence"][0]["record"] != "layer")
        names.append(row["id"])
        change(row)

    tamper(shards, apply)
    proof = prove(shards)
    assert [one.id for one in proof.refuted] == names
    assert any(word in problem for problem in proof.refuted[0].problems), proof.refuted[0].problems
    assert any("SHA-256" in problem for problem in proof.damaged)


@pytest.mark.parametrize("dropped", [["id"], ["clip_id", "question"], None])
def test_a_shard_without_columns_is_damaged(shards: Path, dropped: list[str] | None) -> None:
    path = next((shards / "data").glob("*.parquet"))
    table = pq.read_table(path)
    pq.write_table(table.drop_columns(dropped or table.column_names), path)
    proof = prove(shards)
    assert any("no column" in problem for problem in proof.damaged)
    assert CliRunner().invoke(app, ["verify", str(shards)]).exit_code == 3


@pytest.mark.parametrize("folder", ["data", "scenes"])
@pytest.mark.parametrize("at", ["footer", "middle", "cut", "emptied"])
def test_a_damaged_shard_is_reported(shards: Path, folder: str, at: str) -> None:
    path = next((shards / folder).glob("*.parquet"))
    data = bytearray(path.read_bytes())
    if at == "emptied":
        data.clear()
    elif at == "cut":
        del data[len(data) // 2 :]
    else:
        data[-40 if at == "footer" else len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    proof = prove(shards)
    assert not proof.good
    assert any(f"{folder}/{path.name}" in problem for problem in proof.damaged)
    assert CliRunner().invoke(app, ["verify", str(shards)]).exit_code == 3


def test_a_changed_scene_refutes_its_questions(shards: Path) -> None:
    def move(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            for tag in row["tags"] or ():
                tag["start"], tag["end"] = 0.0, 0.3

    tamper(shards, move, "scenes")
    assert prove(shards).refuted


def test_missing_and_foreign_files_are_named(shards: Path) -> None:
    first = next((shards / "data").glob("*.parquet"))
    first.rename(first.with_name("train-00007-of-00009.parquet"))
    damaged = "\n".join(prove(shards).damaged)
    assert "is missing" in damaged
    assert "train-00007-of-00009.parquet is not in" in damaged


def test_another_template_of_the_same_name_is_named(shards: Path) -> None:
    path = shards / "paqa.lock.json"
    content = json.loads(path.read_text())
    name = next(iter(content["build"]["questions"]["templates"]))
    content["build"]["questions"]["templates"][name] = "0" * 12
    content["build"]["questions"]["templates"]["of_yours"] = "1" * 12
    path.write_text(json.dumps(content))
    damaged = "\n".join(prove(shards).damaged)
    assert f"template {name} differs from" in damaged
    assert "template of_yours is unknown" in damaged


def test_an_unfinished_build_cannot_be_proved(shards: Path, tmp_path: Path) -> None:
    with pytest.raises(PaqaError, match="no finished build"):
        prove(tmp_path)
    next((shards / "data").glob("*.parquet")).write_bytes(b"not Parquet")
    assert any("cannot be read" in problem for problem in prove(shards).damaged)


def test_reasons_are_short(shards: Path) -> None:
    def long_texts(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            row.update(license="x" * 50_000, evidence=[{**row["evidence"][0], "value": "no"}] * 50)

    tamper(shards, long_texts)
    proof = prove(shards)
    assert len(proof.refuted) == proof.questions
    for refuted in proof.refuted:
        assert len(refuted.problems) <= 21
        assert max(map(len, refuted.problems)) <= 300


@pytest.mark.parametrize("name", ["id", "clip_id"])
def test_long_ids_are_damage(shards: Path, name: str) -> None:
    tamper(shards, lambda rows: rows[0].update({name: "x" * 100_000}))
    assert any(f"the {name} 'xxx" in problem for problem in prove(shards).damaged)


@pytest.mark.parametrize(
    ("recorded", "says"),
    [
        ({"options": {"per_clip": "many"}}, "per_clip"),
        ({"options": {"no_such_option": 1}}, "no_such_option"),
        ({"options": {}, "templates": ["event_first"]}, "not a mapping"),
    ],
)
def test_options_and_templates_of_another_type(shards: Path, recorded: dict[str, Any], says: str) -> None:
    lock = shards / "paqa.lock.json"
    content = json.loads(lock.read_text())
    content["build"]["questions"] = recorded
    lock.write_text(json.dumps(content))
    with pytest.raises(PaqaError, match=says):
        prove(shards)


def test_the_command_and_its_exit_codes(shards: Path) -> None:
    runner = CliRunner()
    good = runner.invoke(app, ["verify", str(shards)])
    assert good.exit_code == 0
    assert "questions proved" in good.stdout
    tamper(shards, lambda rows: _another_answer(rows[0]))
    bad = runner.invoke(app, ["verify", str(shards), "--json"])
    assert bad.exit_code == 3
    assert len(json.loads(bad.stdout)["refuted"]) == 1
    assert runner.invoke(app, ["verify", str(shards)]).exit_code == 3
    assert runner.invoke(app, ["verify", str(shards / "nowhere")]).exit_code == 2
