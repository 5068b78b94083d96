"""Ablations: changed settings, shared stages, summaries, and one complete run."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from paqa_builder.questions.traces import grammar
from recipes import ablate, config
from recipes.data import rows
from recipes.data.rows import Row
from recipes.families import family

pytest_plugins = ["helpers.recipe_data"]


def questions(count: int) -> list[Row]:
    return [Row(str(i), f"clip{i}", b"", "?", ("a", "b"), "a") for i in range(count)]


def ran(greedy: list[float], minutes: float = 1.0) -> dict[str, Any]:
    return {"greedy": greedy, "sampled": greedy, "format": 1.0, "pauses": 2.0, "minutes": minutes}


def test_every_variant_changes_only_settings_that_exist() -> None:
    for name, variant in ablate.VARIANTS.items():
        plain, changed = config.load(None), config.change(config.load(None), variant.changes)
        assert (plain != changed) == bool(variant.changes), name


def test_summary_compares_question_by_question_over_seeds() -> None:
    test = questions(40)
    full, worse = [1.0] * 30 + [0.0] * 10, [1.0] * 10 + [0.0] * 30
    done = {"full": [ran(full), ran(full)], "no pause": [ran(worse), ran(full)], "stage I only": []}
    found = ablate.summary(done, test, [0, 1])
    assert set(found["variants"]) == {"full", "no pause"}
    one = found["variants"]["no pause"]["greedy"]
    assert one["by_seed"] == [0.25, 0.75]
    assert one["accuracy"] == 0.5
    assert one["against_full"]["mean"] == -0.25
    assert one["against_full"]["p"] < 0.01
    assert "no pause | 0.500" in ablate.table(found)


def test_seeds_that_only_full_has_are_not_compared() -> None:
    test = questions(4)
    done = {"full": [ran([1.0] * 4), ran([0.0] * 4)], "no pause": [ran([1.0] * 4)]}
    assert ablate.summary(done, test, [0, 1])["variants"]["no pause"]["greedy"]["against_full"]["mean"] == 0.0


def test_variants_that_differ_in_stage_2_share_stage_1() -> None:
    plain = config.change(config.load("laptop"), ["data.reflect=true"])
    of = {
        name: ablate._digest(config.change(plain, variant.changes), stage1_only=True)
        for name, variant in ablate.VARIANTS.items()
    }
    assert of["full"] == of["random pauses"] == of["no consistency reward"] == of["stage I only"]
    assert of["no pause"] != of["full"]
    assert of["no reflection"] != of["full"]
    whole = {ablate._digest(config.change(plain, one.changes)) for one in ablate.VARIANTS.values()}
    assert len(whole) == 6  # full, stage I only, II only and longer differ in what is run, not in settings


def test_a_round_of_both_stages_is_run_once_and_kept(shards: Path, tmp_path: Path) -> None:
    model, processor = family("qwen2_audio").tiny()
    model.save_pretrained(tmp_path / "base")
    processor.save_pretrained(tmp_path / "base")
    changes = {
        "data.path": shards, "data.max_seconds": 2, "data.trace": "terse", "model.path": tmp_path / "base",
        "model.device": "cpu", "model.cache_tower": True, "run.out": tmp_path, "run.size": "tiny",
        "run.report_to": "none", "stage1.max_steps": 2, "stage1.batch": 2, "stage2.max_steps": 1,
        "stage2.batch": 4, "stage2.generations": 2, "stage2.max_completion": 12,
        "evaluate.max_new_tokens": 12, "evaluate.limit": 4, "pause.n": 2, "pause.window": 1,
        "pause.tau": 0.99, "pause.min_tokens": 0, "pause.reserve": 4,
    }  # fmt: skip
    settings = config.load(None, [f"{key}={value}" for key, value in changes.items()])
    asked = ["stage I only", "no reflection", ablate.UNPAUSED]
    found = ablate.ablate(settings, asked, [0])
    assert set(found["variants"]) == {"full", "stage I only", ablate.UNPAUSED}
    assert found["variants"]["full"]["pauses"] != [0.0]
    assert found["variants"][ablate.UNPAUSED]["pauses"] == [0.0]
    assert found["left_out"] == {"no reflection": "no trace of the data has REFLECT"}
    assert found == json.loads((tmp_path / "tiny" / "ablation.json").read_text())
    homes = tmp_path / "tiny" / "ablation" / "seed-0"
    times = {file: file.stat().st_mtime_ns for file in homes.rglob("result.json")}
    assert len(times) == 3
    assert len(list(homes.rglob("stage2/model.safetensors"))) == 1  # asked twice
    assert len(list(homes.glob("stage1-*"))) == 1
    heard = list(tmp_path.rglob("tower-*.safetensors"))
    assert heard
    assert all(file.is_relative_to(tmp_path / "cache") for file in heard)  # of every run, of any seed
    assert ablate.ablate(settings, asked, [0])["variants"] == found["variants"]
    assert {file: file.stat().st_mtime_ns for file in homes.rglob("result.json")} == times


def test_a_trace_that_reflects_is_not_cut_short() -> None:
    """Its CAPTION was corrupted on purpose: without REFLECT it would teach what is not heard."""
    leaves = dict.fromkeys(("planning", "env", "speaker", "asr", "description", "reasoning", "summary"), "x")
    long = grammar.Trace(**leaves, response="Rain", reflect="No.", final_answer="Dog")
    short = grammar.Trace(**leaves, response="Dog")
    row = questions(1)[0]
    found = rows.without_reflection(dataclasses.replace(row, trace=grammar.write(long)))
    assert found.trace == ""
    for trace in ("", "no trace", grammar.write(short)):
        plain = dataclasses.replace(row, trace=trace)
        assert rows.without_reflection(plain) is plain
