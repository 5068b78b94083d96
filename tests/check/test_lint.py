"""``paqa check``: every fault that is put in is found, and good data is left in peace."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from paqa_builder.check.findings import Finding
from paqa_builder.check.lint import lint
from paqa_builder.cli import app
from paqa_builder.config import Config
from paqa_builder.errors import ConfigError
from paqa_builder.pipeline import build as building
from paqa_builder.questions.traces.grammar import Trace, write
from paqa_builder.seeded import below, pick, shuffled

SOUNDS = ("horse", "siren", "train", "piano", "crows", "drums", "waves", "rains", "clock", "sheep")
WORDS = ("when", "after", "before", "while", "since", "beside", "under", "above", "river", "street",
         "kitchen", "market", "bridge", "garden", "station", "harbour", "forest", "tunnel")  # fmt: skip


def rows(count: int = 240) -> list[dict[str, Any]]:
    """Questions in which nothing is wrong."""
    made = []
    for n in range(count):
        choices = shuffled(SOUNDS, n)[:4]
        words = " ".join(pick(WORDS, n, k) for k in range(8))
        answer = choices[below(4, n, "answer")]
        trace = Trace("Listen.", "Sounds.", "Nobody.", "Nothing.", "Some sounds.", "So.", "So.", answer)
        made.append(
            {
                "id": f"id-{n}", "question": f"Which sound is heard {words}?", "choices": choices,
                "answer": answer, "audio": f"clip number {n // 2}.wav", "trace": write(trace),
                "split": "train" if n < count // 2 else "test",
            }
        )  # fmt: skip
    return made


def written(path: Path, data: list[dict[str, Any]]) -> Path:
    """JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in data))
    return path


def found(path: Path, *args: Any, **options: Any) -> dict[str, Finding]:
    return {finding.check: finding for finding in lint(path, *args, **options).findings}


def test_good_data_has_no_findings(tmp_path: Path) -> None:
    report = lint(written(tmp_path / "a.jsonl", rows()))
    assert {f.check: f.message for f in report.findings if f.grade not in ("ok", "skipped")} == {}
    assert report.clean
    assert report.questions == 240


def change(name: str, value: Callable[[dict[str, Any], int], Any]) -> Callable[[list], None]:
    """Changes one field of every row to what depends on the row and its place."""

    def apply(data: list[dict[str, Any]]) -> None:
        for n, row in enumerate(data):
            row[name] = value(row, n)

    return apply


def _answer_at_c(data: list[dict[str, Any]]) -> None:
    for row in data[::2]:
        at = row["choices"].index(row["answer"])
        row["choices"][at], row["choices"][2] = row["choices"][2], row["answer"]


def _longest(data: list[dict[str, Any]]) -> None:
    for row in data[::2]:
        at = row["choices"].index(row["answer"])
        row["answer"] = row["choices"][at] = f"the sound of {row['answer']}"


def _in_question(data: list[dict[str, Any]]) -> None:
    for row in data[:9]:
        row["question"] += f" Is it {row['answer']}?"


def _same_clip(data: list[dict[str, Any]]) -> None:
    data[1] |= {key: data[0][key] for key in ("question", "choices", "answer", "audio")}


def _near(data: list[dict[str, Any]]) -> None:
    for n in range(0, 60, 2):
        data[n + 1]["question"] = data[n]["question"].replace("Which", "What")
        data[n + 1]["choices"], data[n + 1]["answer"] = data[n]["choices"], data[n]["answer"]


def _repeated(data: list[dict[str, Any]]) -> None:
    for n in range(40):
        data[n + 40] |= {key: data[n][key] for key in ("question", "choices", "answer")}


def _twice(data: list[dict[str, Any]]) -> None:
    row = data[5]
    at = (row["choices"].index(row["answer"]) + 1) % 4
    row["choices"][at] = row["choices"][(at + 1) % 4].upper() + "."


@pytest.mark.parametrize(
    ("spoil", "check", "grade"),
    [
        (_answer_at_c, "position", "error"),
        (_longest, "longest is right", "error"),
        (_in_question, "answer in question", "warning"),
        (_same_clip, "duplicates", "error"),
        (_repeated, "repeated text", "warning"),
        (_near, "near duplicates", "warning"),
        (_twice, "duplicate choices", "error"),
        (change("answer", lambda row, n: "nonsense" if n == 3 else row["answer"]), "answers", "error"),
        (change("id", lambda row, n: "same"), "ids", "error"),
        (change("choices", lambda row, n: row["choices"] if n else [row["answer"]]), "choices", "error"),
        (change("question", lambda row, n: row["question"] + row["answer"]), "blind score", "error"),
        (change("trace", lambda row, n: row["trace"].replace("ENV", "SEEN")), "trace tags", "error"),
        (
            change("trace", lambda row, n: row["trace"].replace("Listen.", "It is (b).")),
            "label before answer",
            "warning",
        ),
        (change("audio", lambda row, n: f"clip number {n % 50}.wav"), "leak: clip", "error"),
        (change("url", lambda row, n: f"tape {n % 50}"), "leak: recording", "error"),
        (change("speaker", lambda row, n: f"Jo {n % 50}"), "leak: speaker", "error"),
        (change("question", lambda row, n: None if n == 2 else row["question"]), "rows", "error"),
    ],
)
def test_a_fault_is_found(tmp_path: Path, spoil: Callable[[list], None], check: str, grade: str) -> None:
    data = rows()
    spoil(data)
    finding = found(written(tmp_path / "a.jsonl", data), blind=check == "blind score")[check]
    assert finding.grade == grade, finding


def test_texts_in_two_splits_leak(tmp_path: Path) -> None:
    data = rows()
    for n in range(20):
        data[120 + n] |= {key: data[n][key] for key in ("question", "choices", "answer")}
    finding = found(written(tmp_path / "a.jsonl", data), blind=False)["leak: text"]
    assert (finding.grade, finding.count) == ("warning", 20)


def test_the_missing_tag_is_named(tmp_path: Path) -> None:
    data = rows()
    change("trace", lambda row, n: row["trace"].replace("ENV", "SEEN"))(data)
    finding = found(written(tmp_path / "a.jsonl", data), blind=False)["trace tags"]
    assert finding.figures["missing"]["ENV"] == 240
    assert "ENV 240" in finding.message


def test_missing_audio(tmp_path: Path) -> None:
    data = rows()
    (tmp_path / "audio").mkdir()
    for n in range(119):
        (tmp_path / f"audio/clip number {n}.wav").write_bytes(b"x" if n else b"")
    path = written(tmp_path / "a.jsonl", data)
    finding = found(path, (), tmp_path / "audio", blind=False)["audio"]
    assert (finding.grade, finding.count) == (
        "error",
        4,
    )  # an empty file and a missing one, two questions each
    assert found(path, blind=False)["audio"].grade == "skipped"


def test_overlap_with_other_data(tmp_path: Path) -> None:
    other = [{**row, "id": f"o{n}", "audio": f"elsewhere {n}.wav"} for n, row in enumerate(rows()[:10])]
    other[8] = {**other[8], "choices": ["a", "b"], "answer": "a"}  # the same wording only
    other[9] = {"question": "Why?", "choices": ["a", "b"], "answer": "b", "audio": "x/clip number 3.flac"}
    checks = found(written(tmp_path / "a.jsonl", rows()), [written(tmp_path / "b.jsonl", other)], blind=False)
    assert checks["overlap: question"].count == 8
    assert checks["overlap: wording"].count == 1
    assert checks["overlap: audio"].count == 2


@pytest.mark.parametrize(
    ("name", "convert"),
    [
        ("a.json", lambda data: json.dumps(data)),
        ("b.json", lambda data: json.dumps({"data": data})),
        ("c.json", lambda data: "".join(json.dumps(row) + "\n" for row in data)),
    ],
)
def test_shapes_of_json(tmp_path: Path, name: str, convert: Callable[[list], str]) -> None:
    (tmp_path / name).write_text(convert(rows()))
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress(convert(rows()).encode()))
    one, two = (lint(tmp_path / file, blind=False) for file in (name, f"{name}.gz"))
    assert one.questions == two.questions == 240
    assert one.findings == two.findings


def answers_of(path: Path) -> list[int | None]:
    from paqa_builder.formats.read import open_data

    return [item.answer for item in open_data(path).items()]


def test_answers_by_text_letter_and_place(tmp_path: Path) -> None:
    row = {"question": "Which?", "choices": ["x", "y", "2"]}
    answers: list[Any] = ["y", "B", "(b)", 1, " y ", "2", 2, "z", 3, -1]
    path = written(tmp_path / "a.jsonl", [{**row, "answer": answer} for answer in answers])
    assert answers_of(path) == [1, 1, 1, 1, 1, 2, 2, None, None, None]
    both = [{**row, "answer_index": 1, "answer": "y"}, {**row, "answer_index": 0, "answer": "y"},
            {**row, "answer_index": 2}]  # fmt: skip
    assert answers_of(written(tmp_path / "b.jsonl", both)) == [1, None, 2]


def test_formats_of_other_projects(tmp_path: Path) -> None:
    avqa = [{"id": 1, "video_name": "v1", "video_id": 3, "question_text": "What?", "answer": 2,
             "multi_choice": ["a", "b", "c", "d"], "question_type": "Which"}] * 2  # fmt: skip
    paqa = {
        "instruction": "<audio>Who speaks (really)? (a) Ann (b) Ben (c) Cy (d) Di",
        "output": "<THINK></THINK><RESPONSE>The answer is C.</RESPONSE>", "audios": ["/x/y.wav"], "id": 0,
    }  # fmt: skip
    spoken = {**paqa, "output": "<RESPONSE>x. The answer is B.</RESPONSE><FINAL_ANSWER>Di</FINAL_ANSWER>"}
    (tmp_path / "avqa.json").write_text(json.dumps(avqa))
    assert answers_of(tmp_path / "avqa.json") == [2, 2]
    assert lint(tmp_path / "avqa.json").format == "avqa"
    assert answers_of(written(tmp_path / "paqa.jsonl", [paqa, spoken])) == [2, 3]
    assert lint(tmp_path / "paqa.jsonl").format == "paqa"


def test_any_parquet_with_questions_in_it(tmp_path: Path) -> None:
    keep = ("id", "question", "choices", "answer", "split")
    pq.write_table(pa.Table.from_pylist([{k: r[k] for k in keep} for r in rows()]), tmp_path / "a.parquet")
    assert lint(tmp_path / "a.parquet").questions == 240


def test_our_own_shards(fake_config: Callable[..., Config]) -> None:
    out = building.build(fake_config()).config.out
    checks = found(out)
    bad = {name: f for name, f in checks.items() if f.grade == "error"}
    assert not bad
    assert checks["trace tags"].grade == "ok"
    assert checks["audio"].grade == "ok"
    for path in (out / "scenes").glob("*.parquet"):
        pq.write_table(pq.read_table(path).drop_columns(["sha256"]), path)
    assert found(out)["trace tags"].grade == "ok"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("nonsense\n", "has no JSON object"),
        ("[1, 2]\n", "has no JSON object"),
        ('{"a": 1}\n', "unknown format: the first row has a"),
        ('{"question": "Why?", "choices": ["a", "b"]}\n', "line 1: lacks answer"),
    ],
)
def test_unreadable_files_are_errors(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(content)
    with pytest.raises(ConfigError, match=says):
        lint(path)


def test_broken_containers(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"question": ')
    (tmp_path / "a.parquet").write_bytes(b"PAR1 not")
    (tmp_path / "a.jsonl.gz").write_bytes(b"not gzip")
    (tmp_path / "b.jsonl").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "empty").mkdir()
    for name, says in (
        ("a.json", "not JSON: line 1"), ("a.parquet", "not Parquet"), ("a.jsonl.gz", "not text"),
        ("b.jsonl", "not text"), ("empty", "no Parquet file"), ("nowhere", "no such file"),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=says):
            lint(tmp_path / name)


def test_a_broken_line_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    lines = [json.dumps(row) for row in rows(60)]
    lines[16] = '{"question": '
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    report = lint(tmp_path / "a.jsonl", blind=False)
    assert report.questions == 59
    broken = report.findings[0]
    assert broken.grade == "error"
    assert broken.examples[0].startswith("line 17: not JSON")


def test_the_command(tmp_path: Path) -> None:
    runner = CliRunner()
    good = written(tmp_path / "good.jsonl", rows())
    data = rows()
    _answer_at_c(data)
    bad = written(tmp_path / "bad.jsonl", data)
    assert runner.invoke(app, ["check", str(good), "--strict"]).exit_code == 0
    loose = runner.invoke(app, ["check", str(bad)], env={"COLUMNS": "80"})
    assert loose.exit_code == 0
    assert all(len(line) <= 80 for line in loose.stdout.splitlines()[1:])
    strict = runner.invoke(app, ["check", str(bad), "--strict", "--json"])
    assert strict.exit_code == 3
    checks = {f["check"]: f["grade"] for f in json.loads(strict.stdout)["findings"]}
    assert checks["position"] == "error"
    assert runner.invoke(app, ["check", str(tmp_path / "nowhere")]).exit_code == 2
