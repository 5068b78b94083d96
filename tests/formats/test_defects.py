"""Rows with defects: check says them, and training takes none of them."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from paqa_builder.check.lint import lint
from paqa_builder.errors import ConfigError
from paqa_builder.questions.traces import grammar
from recipes.config import Data
from recipes.data import rows

GOOD = {"id": "good", "question": "What is it?", "choices": ["A dog", "Rain"], "answer": "Rain",
        "audio": "a.wav", "split": "train"}  # fmt: skip
TRACE = grammar.write(grammar.Trace("p", "e", "s", "a", "d", "r", "s", "Rain"))
LEFT_OUT: dict[str, tuple[dict[str, Any], str]] = {
    "null audio": ({"audio": None}, "no audio"),
    "empty audio": ({"audio": " "}, "no audio"),
    "audio that is no name": ({"audio": {"path": None, "bytes": None}}, "no audio"),
    "no choices": ({"choices": []}, "fewer than two choices"),
    "one choice": ({"choices": ["Rain"]}, "fewer than two choices"),
    "empty choice": ({"choices": ["", "Rain"]}, "an empty choice"),
    "blank choice": ({"choices": [" \u2028", "Rain"]}, "an empty choice"),
    "equal choices": ({"choices": ["Rain", "A dog", "Rain"]}, "equal choices"),
    "choices equal but for case": ({"choices": ["rain ", "A dog", "Rain"]}, "equal choices"),
    "other answer": ({"answer": "A cat"}, "no choice that is the right one"),
    "index too large": ({"answer": None, "answer_index": 2}, "no choice that is the right one"),
    "index below 0": ({"answer": None, "answer_index": -1}, "no choice that is the right one"),
    "index between": ({"answer": None, "answer_index": 0.5}, "no choice that is the right one"),
    "index true": ({"answer": None, "answer_index": True}, "no choice that is the right one"),
    "index NaN": ({"answer": None, "answer_index": float("nan")}, "no choice that is the right one"),
    "contradiction": ({"answer": "Rain", "answer_index": 0}, "no choice that is the right one"),
    "cut trace": ({"trace": TRACE[:-12]}, "a trace that cannot be parsed"),
    "crossed tags": ({"trace": "<THINK><SUMMARY>x</THINK></SUMMARY><RESPONSE>Rain</RESPONSE>"}, "parsed"),
    "trace without an answer": ({"trace": "<THINK>x</THINK>"}, "a trace that cannot be parsed"),
    "trace with an empty answer": ({"trace": "<THINK>x</THINK><RESPONSE> </RESPONSE>"}, "parsed"),
    "text for a trace": ({"trace": "It rains."}, "a trace that cannot be parsed"),
}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "null choices": ({"choices": None}, "the choices are not a list"),
    "text for choices": ({"choices": "A dog, Rain"}, "the choices are not a list"),
    "null choice": ({"choices": ["Rain", None]}, "choice 2 is not a text"),
    "number as a choice": ({"choices": [1, 2], "answer": 2}, "choice 1 is not a text"),
    "list as a choice": ({"choices": ["Rain", ["A dog"]]}, "choice 2 is not a text"),
    "empty question": ({"question": " "}, "the question is empty"),
    "null question": ({"question": None}, "the question is empty"),
    "number as a trace": ({"trace": 3}, "the trace is not a text"),
    "object as a trace": ({"trace": {"THINK": "x"}}, "the trace is not a text"),
}  # fmt: skip


def written(path: Path, contents: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in contents))
    return path


@pytest.mark.parametrize("name", LEFT_OUT)
def test_a_question_with_a_defect_is_left_out_and_counted(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    change, why = LEFT_OUT[name]
    file = written(tmp_path / "a.jsonl", [GOOD, GOOD | {"id": "bad"} | change, GOOD | {"id": "last"}])
    with caplog.at_level(logging.WARNING):
        found = rows.read(Data(path=str(file)), "train")
    assert [row.id for row in found] == ["good", "last"]
    (said,) = caplog.messages
    assert "left out 1 of 3 questions" in said
    assert why in said
    assert "(bad)" in said
    findings = {finding.check: finding for finding in lint(file, blind=False).findings}
    told = findings["audio names"] if "audio" in why else findings["training"]
    assert (told.grade, told.count) == ("error", 1)


@pytest.mark.parametrize("name", REFUSED)
def test_a_row_that_is_no_question_is_an_error_with_its_line(tmp_path: Path, name: str) -> None:
    change, why = REFUSED[name]
    file = written(tmp_path / "a.jsonl", [GOOD, GOOD | {"id": "bad"} | change])
    with pytest.raises(ConfigError, match=f"line 2: {why}"):
        rows.read(Data(path=str(file)), "train")
    broken = next(finding for finding in lint(file, blind=False).findings if finding.check == "rows")
    assert broken.grade == "error"
    assert broken.examples == (f"line 2: {broken.examples[0].partition(': ')[2]}",)
    assert why in broken.examples[0]


def test_usable_questions_have_no_finding(tmp_path: Path) -> None:
    other = "<THINK>\n<PLANNING>p</PLANNING></THINK>\n<RESPONSE>\nRain</RESPONSE>\n"
    traces = [None, "", TRACE, other]
    file = written(
        tmp_path / "a.jsonl", [GOOD | {"id": str(n), "trace": text} for n, text in enumerate(traces)]
    )
    assert [row.id for row in rows.read(Data(path=str(file)), "train")] == ["0", "1", "2", "3"]
    told = next(finding for finding in lint(file, blind=False).findings if finding.check == "training")
    assert told.grade == "ok"


SHARD = {"id": "good", "clip_id": "c", "question": "What?", "choices": ["A dog", "Rain"], "answer": "Rain",
         "answer_index": 1, "trace": TRACE, "skill": "s", "level": "l",
         "audio": {"bytes": b"RIFF" * 2000, "path": "c.wav"}}  # fmt: skip
IN_SHARDS: dict[str, tuple[dict[str, Any], str]] = {
    "null audio": ({"audio": None}, "has no audio"),
    "null bytes": ({"audio": {"bytes": None, "path": "/etc/hostname"}}, "has no audio"),
    "null choices": ({"choices": None}, "the choices are not a list"),
    "null choice": ({"choices": ["Rain", None]}, "choice 2 is not a text"),
    "no choices": ({"choices": []}, "has fewer than two choices"),
    "empty choice": ({"choices": ["", "Rain"]}, "has an empty choice"),
    "equal choices": ({"choices": ["Rain", "Rain"]}, "has equal choices"),
    "answer outside": ({"answer_index": 7}, "has no choice that is the right one"),
    "trace of another grammar": ({"trace": "<RESPONSE>Rain</RESPONSE>"}, "has a trace that cannot be parsed"),
}


@pytest.mark.parametrize("name", IN_SHARDS)
@pytest.mark.parametrize("statistics", [True, False])
def test_a_row_of_a_shard_is_named(tmp_path: Path, name: str, statistics: bool) -> None:
    change, why = IN_SHARDS[name]
    for folder in ("data", "scenes"):
        (tmp_path / folder).mkdir()
    pq.write_table(
        pa.Table.from_pylist([{"clip_id": "c", "split": "train", "sha256": ""}]),
        tmp_path / "scenes/train-00000-of-00001.parquet",
    )
    table = pa.Table.from_pylist([SHARD, SHARD | {"id": "bad"} | change])
    file = tmp_path / "data/train-00000-of-00001.parquet"
    pq.write_table(table, file, write_statistics=statistics, row_group_size=1)
    with pytest.raises(ConfigError, match=f"question bad: .*{why}"):
        rows.read(Data(path=str(tmp_path)), "train")
    with pytest.raises(ConfigError, match=f"question bad: .*{why}"):
        list(rows.stream(Data(path=str(tmp_path)), "train"))
    findings = {finding.check: finding for finding in lint(tmp_path, blind=False).findings}
    told = findings["audio" if "audio" in why else "rows" if "not a" in why else "training"]
    assert (told.grade, told.count) == ("error", 1)
    if "audio" in why:
        assert told.examples == ("row 2",)


def test_audio_of_no_bytes_is_found_where_the_statistics_show_it(tmp_path: Path) -> None:
    table = pa.Table.from_pylist([SHARD, SHARD | {"id": "bad", "audio": {"bytes": b"", "path": "c"}}])
    pq.write_table(table, tmp_path / "a.parquet", write_statistics=False)
    told = next(finding for finding in lint(tmp_path / "a.parquet").findings if finding.check == "audio")
    assert (told.grade, told.examples) == ("error", ("row 2",))
