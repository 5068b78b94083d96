"""Check, training and benchmarks read the same answers from the same files."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from paqa_builder.check.lint import lint
from paqa_builder.errors import ConfigError
from paqa_builder.formats import known
from paqa_builder.formats.defects import defects
from paqa_builder.formats.item import Broken
from paqa_builder.formats.known import answer_in
from paqa_builder.formats.read import find_audio, open_data
from recipes.config import Data
from recipes.data import rows
from recipes.scoring import benchmarks

PLAIN = {"question": "What is it?", "choices": ["A dog", "A cat", "Rain"], "answer": "A cat"}


def paqa(output: str, instruction: str = "What is it? (a) A dog. (b) A cat (c) Rain") -> dict[str, Any]:
    return {"instruction": f"<audio>{instruction}", "output": output, "audios": ["/far/away/clip.wav"]}


def said(*answers: str) -> dict[str, Any]:
    return paqa("<THINK>t</THINK>" + "".join(f"<RESPONSE>{text}</RESPONSE>" for text in answers))


AVQA = {"video_name": "v", "question_text": "What is in the video?", "multi_choice": PLAIN["choices"]}
FILES: dict[str, tuple[list[dict[str, Any]], list[str | None]]] = {
    "paqa": (
        [
            said("The answer is B."), said("It rains, which makes the answer C."), said("(c) Rain."),
            said("Considering all, the most likely source is B."), said("A cat"), said("Hard to say."),
            said("So the answer C, “Rain”, fits."), said("Either a dog or a cat."),
            said("The answer is a cat."),
            said("Give the answer here.", "The answer is B."), said("The answer is A.", "The answer is B."),
            paqa("<RESPONSE>The answer is B.</RESPONSE><FINAL_ANSWER>Rain</FINAL_ANSWER>"),
            paqa("Write into the <RESPONSE> section. <RESPONSE>The answer is C.</RESPONSE>"),
            paqa("No answer."),
        ],
        ["A cat", "Rain", "Rain", "A cat", "A cat", None, "Rain", None,
         "A cat", None, None, "Rain", "Rain", None],
    ),
    "avqa": ([{**AVQA, "answer": n} for n in (0, 2, 3, -1)], ["A dog", "Rain", None, None]),
    "mmau": ([{**PLAIN, "audio_id": "a.wav", "answer": text} for text in ("A cat", " Rain ")],
             ["A cat", "Rain"]),
    "mmar": ([{**PLAIN, "audio_path": "a.wav", "answer": text} for text in ("A cat", "A dog")],
             ["A cat", "A dog"]),
    "generic": (
        [{**PLAIN, "audio": "a.wav", **more} for more in (
            {}, {"answer": "(c)"}, {"answer": 0}, {"answer_index": 1}, {"answer_index": 0},
            {"answer_index": 9},
            {"answer_index": 1, "answer": " A cat "}, {"answer_index": 0, "answer": " A cat "},
        )],
        ["A cat", "Rain", "A dog", "A cat", None, None, "A cat", None],
    ),
}  # fmt: skip


def read_by_check(file: Path) -> dict[str, str | None]:
    return {q.id: None if q.answer is None else q.choices[q.answer] for q in open_data(file).items()}


def usable(file: Path) -> dict[str, str | None]:
    data = open_data(file)
    return {q.id: q.choices[q.answer or 0] for q in data.items() if not defects(q, data.format)}


def read_by_training(data: Data) -> dict[str, str | None]:
    answers: dict[str, str | None] = {}
    for split in ("train", "test", "test-mini"):
        try:
            answers |= {row.id: row.answer for row in rows.read(data, split)}
        except ConfigError as error:
            assert re.search("no (questions in )?split", str(error))  # noqa: PT017
    return answers


def read_by_benchmark(name: str, file: Path, root: Path) -> dict[str, str | None]:
    form = benchmarks.FORMATS[name]
    return {row.id: row.answer for row in benchmarks.to_rows(form, benchmarks.load(file), root)}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
def test_check_training_and_benchmark_agree(tmp_path: Path, name: str, suffix: str) -> None:
    contents, answers = FILES[name]
    contents = [{"id": str(n), **row} for n, row in enumerate(contents)]
    file = tmp_path / f"{name}{suffix}"
    file.write_text(
        json.dumps(contents) if suffix == ".json" else "".join(json.dumps(row) + "\n" for row in contents)
    )
    (tmp_path / "a.wav").write_bytes(b"x")
    assert open_data(file).format == name
    expected = {str(n): answer for n, answer in enumerate(answers)}
    settled = {key: answer for key, answer in expected.items() if answer is not None}
    assert read_by_check(file) == expected
    assert read_by_training(Data(path=str(file))) == usable(file)
    assert settled.keys() - usable(file).keys() == ({"12"} if name == "paqa" else set())  # a trace not closed
    if name in benchmarks.FORMATS:
        assert read_by_benchmark(name, file, tmp_path) == settled


def test_shards_give_check_and_training_the_same(tmp_path: Path) -> None:
    row = {"id": "q", **PLAIN, "answer_index": 1, "trace": "", "clip_id": "c", "skill": "s", "level": "l",
           "audio": {"bytes": b"x", "path": "c"}}  # fmt: skip
    file, scenes = (tmp_path / room / "train-00000-of-00001.parquet" for room in ("data", "scenes"))
    file.parent.mkdir()
    scenes.parent.mkdir()
    pq.write_table(pa.Table.from_pylist([{"clip_id": "c", "split": "train"}]), scenes)
    pq.write_table(pa.Table.from_pylist([row]), file)
    assert open_data(tmp_path).format == "shards"
    assert read_by_check(tmp_path) == read_by_training(Data(path=str(tmp_path))) == {"q": "A cat"}
    pq.write_table(pa.Table.from_pylist([{**row, "answer_index": 0}]), file)
    assert read_by_check(tmp_path) == {"q": None}
    with pytest.raises(ConfigError, match="question q: has no choice that is the right one"):
        rows.read(Data(path=str(tmp_path)), "train")


def test_two_questions_fused_in_one_instruction(tmp_path: Path) -> None:
    fused = "How many? (a) one (b) two<answer>B</answer></question1><question2><question>Who? (a) Ann. (b) B."
    file = tmp_path / "a.jsonl"
    file.write_text(json.dumps(paqa("<RESPONSE>The answer is B.</RESPONSE>", fused)) + "\n")
    (item,) = open_data(file).items()
    assert (item.question, item.choices, item.answer) == ("Who?", ("Ann", "B"), 1)


def test_traces_for_training_name_the_answer_by_its_text(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    output = (
        "<RESPONSE>The answer is B.</RESPONSE><REFLECT>No.</REFLECT><FINAL_ANSWER>It is C: (c)</FINAL_ANSWER>"
    )
    file.write_text(json.dumps(paqa(output)) + "\n")
    data = Data(path=str(file))
    (row,) = [row for split in ("train", "test") for row in _read(data, split)]
    assert "<RESPONSE>A cat</RESPONSE>" in row.trace
    assert "<FINAL_ANSWER>Rain</FINAL_ANSWER>" in row.trace


def _read(data: Data, split: str) -> list[rows.Row]:
    try:
        return rows.read(data, split)
    except ConfigError:
        return []


def test_a_choice_inside_a_longer_word_is_not_named() -> None:
    assert answer_in("It is a woman.", ("Man", "Woman")) == 1


def test_a_file_of_one_question(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text(json.dumps(PLAIN))
    assert [item.choices for item in open_data(file).items()] == [("A dog", "A cat", "Rain")]


def test_a_broken_row_is_a_finding_of_check_and_an_error_of_training(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(json.dumps({**PLAIN, "audio": "a.wav"}) + '\n{"audio": "a.wav"}\n')
    assert [row for row in open_data(file).rows() if isinstance(row, Broken)] == [
        Broken("line 2", "lacks question, choices")
    ]
    with pytest.raises(ConfigError, match="line 2: lacks question, choices"):
        rows.read(Data(path=str(file)), "train")


def test_audio_without_its_suffix_is_found_by_check_and_training(tmp_path: Path) -> None:
    (tmp_path / "v.flac").write_bytes(b"x")
    file = tmp_path / "qa.json"
    file.write_text(json.dumps([{**AVQA, "id": 1, "answer": 0}]))
    assert find_audio(tmp_path, "v") == tmp_path / "v.flac"
    audio = next(f for f in lint(file, audio_root=tmp_path, blind=False).findings if f.check == "audio")
    assert audio.grade == "ok"


@pytest.mark.testdata
def test_real_files_give_all_readers_the_same_answers(testdata: Path, tmp_path: Path) -> None:
    folder = testdata / "benchmarks"
    for name, file in (("mmau", "mmau-test-mini.json"), ("mmar", "MMAR-meta.jsonl")):
        answers = read_by_check(folder / file)
        assert len(answers) == 1000
        assert None not in answers.values()
        contents = benchmarks.load(folder / file)
        key = benchmarks.FORMATS[name].audio
        for row in contents:
            path = tmp_path / row[key]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        assert read_by_benchmark(name, folder / file, tmp_path) == answers
        assert answers == {row["id"]: row["answer"] for row in contents}
        # MMAU has 27 questions with equal choices, MMAR 4 with an empty one.
        assert len(usable(folder / file)) == {"mmau": 973, "mmar": 996}[name]
        assert read_by_training(Data(path=str(folder / file))) == usable(folder / file)
    sample = folder / "paqa_released_sample.jsonl.gz"
    answers = read_by_check(sample)
    settled = {key: answer for key, answer in answers.items() if answer is not None}
    # Four traces repeat their prompt with its examples, two find no choice right.
    assert answers.keys() - settled.keys() == {"155", "510", "863", "982", "1002", "1336"}
    # The elements of five more are not closed.
    assert settled.keys() - usable(sample).keys() == {"394", "406", "940", "950", "1226"}
    assert read_by_training(Data(path=str(sample))) == usable(sample)
    places = [item.answer for item in open_data(sample).items()]
    assert [places.count(n) for n in range(4)] == [27, 608, 749, 110]


def _paqa_row(**fields: str) -> dict[str, str]:
    return {"instruction": "<audio> Which? (a) one (b) two", "output": "<RESPONSE>one</RESPONSE>"} | fields


@pytest.mark.parametrize(
    "row",
    [
        _paqa_row(output="<RESPONSE>" * 28_000),
        _paqa_row(output="<RESPONSE><FINAL_ANSWER>" * 12_000),
        _paqa_row(output="<RESPONSE>" + "answer is: " * 25_000 + "</RESPONSE>"),
        _paqa_row(output="<RESPONSE>is:" + " " * 280_000 + "x</RESPONSE>"),
        _paqa_row(instruction="(a) " * 70_000),
        _paqa_row(instruction="(a) " + "a " * 140_000 + "(b) " + "a " * 100_000),
        {"question": "a " * 140_000, "choices": ["a", "b"]},
        {"question": "a?", "choices": ["a " * 140_000, "b"]},
        {"question": "a?", "choices": list(map(str, range(100_000)))},
        {"question": "a?", "choices": ["a", "b"], "answer_index": float("inf")},
        {"question": "a?", "choices": ["a", "b"], "trace": {"a": 1}},
        {"question": "a?", "choices": ["a", "b"], "trace": "“" * 600_000},
    ],
)
def test_hostile_rows_take_no_time(row: dict[str, Any]) -> None:
    form = known.format_of(row)
    assert form is not None
    began = time.process_time()
    item = form.parse(row, "row 1")
    assert isinstance(item, Broken) or item.answer is None or item.answer == 0
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("trace", "expected"),
    [
        ("<RESPONSE>a</RESPONSE> <FINAL_ANSWER>b</FINAL_ANSWER>", [("RESPONSE", "a"), ("FINAL_ANSWER", "b")]),
        ("<RESPONSE>a<RESPONSE>b</RESPONSE>", [("RESPONSE", "b")]),
        ("<RESPONSE>a<FINAL_ANSWER>b</FINAL_ANSWER>c</RESPONSE>",
         [("RESPONSE", "a<FINAL_ANSWER>b</FINAL_ANSWER>c")]),
        ("<RESPONSE>a<FINAL_ANSWER>b</RESPONSE>c</FINAL_ANSWER>", [("RESPONSE", "a<FINAL_ANSWER>b")]),
        ("</RESPONSE><RESPONSE>", []),
    ],
)  # fmt: skip
def test_elements_with_an_answer(trace: str, expected: list[tuple[str, str]]) -> None:
    found = known.answers_of(trace)
    assert [(answer.tag, answer.text) for answer in found] == expected
    assert all(trace[a.start : a.end] == f"<{a.tag}>{a.text}</{a.tag}>" for a in found)
