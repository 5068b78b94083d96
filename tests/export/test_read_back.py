"""Every format is read back by its own library, or by its keys, and has the rows of the shards."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import exports
import pytest
from export_readers import toolkits, trainers
from export_readers.content import equal, of_shards
from helpers.dataset import BUILD, clip_file, questions_of, scene_of
from helpers.exported import NASTY

from paqa_builder.dataset.write import write_shards
from paqa_builder.export import ExportOptions, ExportReport, export
from paqa_builder.formats.item import Item
from paqa_builder.formats.known import FORMATS
from paqa_builder.formats.read import open_data
from paqa_builder.records import Speaker

Run = Callable[..., ExportReport]


@pytest.mark.parametrize("name", sorted(exports.READERS))
@pytest.mark.parametrize("layer", ["best", "model"])
def test_the_rows_are_those_of_the_shards(shards: Path, tmp_path: Path, name: str, layer: Any) -> None:
    if exports.installed(exports.READERS[name][-1][0]) is None:
        pytest.skip(f"{exports.READERS[name][-1][0]} is not installed")
    by, rows, same = exports.read_back(shards, name, tmp_path, layer)
    assert (rows > 0, same) == (True, True), by


def test_every_format_has_a_reader() -> None:
    from paqa_builder import registry

    assert set(exports.READERS) == set(registry.BUILTIN["export"])


def test_the_comparison_finds_a_difference(shards: Path) -> None:
    one, other = of_shards(shards), of_shards(shards)
    assert equal(one, other, one.kinds)
    name, text, start, end = other.records["turns"][0]
    other.records["turns"][0] = (name, text, start, end + 0.01)
    assert not equal(one, other, ["turns"])
    other.questions.popitem()
    assert not equal(one, other, ["questions"])


@pytest.mark.parametrize(
    ("form", "answered", "solved"),
    [("text", "Siren", "Siren"), ("letter", "B", "B"), ("trace", "<THINK>…```code```…</THINK>", "Siren")],
)
def test_the_form_of_the_answer(run: Run, form: Any, answered: str, solved: str) -> None:
    folder = run("ms-swift", answer=form).folder
    row = json.loads((folder / "sft/train.jsonl").read_text(encoding="utf-8").split("\n")[0])
    assert row["messages"][1]["content"] == answered
    row = json.loads((folder / "grpo/train.jsonl").read_text(encoding="utf-8").split("\n")[0])
    assert row["solution"] == f"<answer>{solved}</answer>"
    assert row["messages"][0]["content"].startswith("<audio>What is it?")
    assert row["messages"][0]["content"].count("<audio>") == 1


def test_lhotse_computes_features(run: Run) -> None:
    pytest.importorskip("lhotse")
    cuts, frames = toolkits.lhotse_features(run("lhotse").folder)
    assert cuts == 4
    assert frames > 4 * 45


@pytest.mark.parametrize("layer", ["best", "model"])
def test_lhotse_gets_what_the_corpus_states_of_speakers(tmp_path: Path, layer: Any) -> None:
    lhotse = pytest.importorskip("lhotse")
    scene = scene_of(clip_file(tmp_path, "a.wav"))
    truth = replace(scene.clip.truth, captions=("A siren.",), speakers=(Speaker("S1", "female", "34"),))
    scene = replace(scene, clip=replace(scene.clip, truth=truth))
    write_shards(tmp_path / "shards", [(scene, questions_of(scene))], BUILD)
    folder = export(tmp_path / "shards", "lhotse", tmp_path / "out", ExportOptions(layer=layer)).folder
    (cut,) = lhotse.CutSet.from_file(folder / "cuts-train.jsonl.gz")
    (said,) = cut.supervisions
    if layer == "model":
        assert (said.gender, "captions" in cut.custom) == (None, False)
    else:
        assert (said.gender, said.custom["age"], cut.captions) == ("female", "34", ["A siren."])


def test_a_layer_that_is_unknown_differs_from_an_empty_one(run: Run) -> None:
    unknown, empty = "unknown", "talk_One_two-"
    names = {path.name for path in run("audacity").folder.iterdir()}
    assert not any(name.startswith(unknown) for name in names)
    (turns,) = (name for name in names if name.startswith(empty) and name.endswith(".turns.txt"))
    assert (run("audacity").folder / turns).read_text() == ""
    tasks = json.loads((run("label-studio").folder / "test.json").read_text(encoding="utf-8"))
    assert [task["data"]["layers"] for task in tasks] == [["turns", "tags", "utterances"], []]
    grids = {path.stem: path.read_text() for path in run("textgrid").folder.glob("*.TextGrid")}
    assert unknown not in grids
    (grid,) = (text for name, text in grids.items() if name.startswith(empty))
    assert grid.count("IntervalTier") == 3


def test_times_are_inside_the_clip_and_tiers_do_not_overlap(run: Run) -> None:
    from pympi.Elan import Eaf

    (path,) = run("eaf").folder.glob("talk_one_two*.eaf")
    document = Eaf(str(path))
    tiers = {tier: document.get_annotation_data_for_tier(tier) for tier in document.get_tier_names()}
    assert {"turns/A B", "turns/A B #2", "turns/A_B"} <= set(tiers)
    for intervals in tiers.values():
        assert all(end <= start for (_, end, _), (start, _, _) in pairwise(intervals))
        assert all(0 <= start < end <= 500 for start, end, _ in intervals)


def test_audiomcq_and_plain_rows_are_read(run: Run) -> None:
    data = open_data(run("audiomcq").folder / "data.jsonl")
    items = list(data.items())
    assert (data.format, len(items)) == ("audiomcq", 4)
    assert all(item.answer == 1 and item.skill == "background" and NASTY in item.question for item in items)
    assert open_data(run("avqa").folder / "train.jsonl").format == "avqa"
    thought = {"structured_cot": "<THINK>t</THINK><RESPONSE>Siren</RESPONSE>", "question_type": "sound"}
    row = {
        "source_dataset": "s",
        "audio_path": "a.wav",
        "question": "?",
        "choices": ["a", "b"],
        "answer": "b",
    }
    item = FORMATS["audiomcq"].parse({**row, **thought}, "line 1")
    assert isinstance(item, Item)
    assert (item.answer, item.skill, item.trace) == (1, "sound", thought["structured_cot"])
    assert FORMATS["audiomcq"].parse({**row, "structured_cot": "I hear b."}, "line 1").trace is None  # type: ignore[union-attr]


def test_the_task_of_lmms_eval_scores_as_the_recipes_do(run: Run, tmp_path: Path) -> None:
    from paqa_builder.export.formats import lmms_eval_utils as task
    from recipes.scoring import matching

    choices = ["A dog", "Dog and cat", "Rain", "Telephone"]
    for completion in (
        "Telephone", "telephone.", "It is the telephone", "rain, not telephone", "A dog", "a Dog and cat",
        "<THINK>dog</THINK>\n<RESPONSE>Rain</RESPONSE>",
        "<RESPONSE>Rain</RESPONSE>\n<FINAL_ANSWER>Telephone</FINAL_ANSWER>", "<RESPONSE>Rain", "",
    ):  # fmt: skip
        answer = matching.answer_of(completion)
        assert task.answer_of(completion) == answer
        right = [n for n, choice in enumerate(choices) if matching.is_right(answer, choice, choices)]
        assert task.predicted(completion, choices) == (right[0] if len(right) == 1 else None), completion
    for completion, place in (
        ("B", 1), ("(D)", 3), ("C.", 2), ("C. Rain", 2), ("A. Rain", None), ("The answer is D", 3),
        ("<answer>B</answer>", 1), ("E", None), ("D) Telephone", 3), ("Answer: (C)", 2),
        ("b", 1), ("**B**", 1), ("`b`", 1), ("**C. Rain**", 2), ("**The answer is D**", 3), ("z", None),
    ):  # fmt: skip
        assert task.predicted(completion, choices) == place, completion
    document = {"choices": choices, "answer_index": 3, "skill": "s", "level": "l"}
    scores = [task.process_results(document, [text])["accuracy"] for text in ("D", "Telephone", "Rain", "?")]
    assert task.aggregate(scores) == 50.0
    folder = run("lmms-eval", answer="letter").folder
    assert "option's letter" in (folder / "_default_template_yaml").read_text()
    assert trainers.lmms_eval_rows(folder).questions
