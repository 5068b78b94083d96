"""The reader of JSON lines: line ends, byte order marks, damaged lines."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

from paqa_builder import untrusted
from paqa_builder.bench.formats import load_references
from paqa_builder.errors import ConfigError, SourceError
from paqa_builder.formats.read import open_data
from paqa_builder.mix.listings import read_recordings
from paqa_builder.mix.source import Mix
from paqa_builder.mix.spec import Spec
from paqa_builder.untrusted import json_files
from paqa_builder.untrusted.json_files import NotJson

SEPARATORS = ("\u2028", "\u2029", "\u0085", "\x0b", "\x0c", "\x1c", "\x1e")
MARK = "\ufeff"


def written(path: Path, rows: list[Any], end: str = "\n", mark: str = "") -> Path:
    """A file of JSON lines with the separators in the texts as they are."""
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    data = (mark + "".join(line + end for line in lines)).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n", "\r\n \t\r\n"])
@pytest.mark.parametrize("mark", ["", MARK])
@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.jsonl.gz", "a.ndjson"])
def test_lines_end_at_newlines_alone(tmp_path: Path, end: str, mark: str, name: str) -> None:
    rows = [{"text": f"a{separator}b", "n": n} for n, separator in enumerate((*SEPARATORS[:3], MARK))]
    path = written(tmp_path / name, rows, end, mark)
    assert [row for _, row in json_files.rows(path)] == rows
    assert [row for _, row in json_files.objects(path)] == rows


@pytest.mark.parametrize("mark", ["", MARK])
@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("suffix", [".json", ".json.gz", ".jsonl"])
def test_one_json_list(tmp_path: Path, mark: str, indent: int | None, suffix: str) -> None:
    rows = [{"text": f"a{separator}b"} for separator in SEPARATORS]
    data = (mark + "\r\n" + json.dumps(rows, ensure_ascii=False, indent=indent)).encode()
    path = tmp_path / f"a{suffix}"
    path.write_bytes(gzip.compress(data) if suffix.endswith(".gz") else data)
    assert list(json_files.rows(path)) == [(f"entry {n}", row) for n, row in enumerate(rows, 1)]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b'{"a": 1', "not JSON: .* in column 8"),
        (b'{"a": "\x01"}', "not JSON: .* in column 8"),
        (b'{"a": "\xff"}', "not text in UTF-8 .* byte 8"),
        (b"[" * 100_000, "levels"),
        (b'{"a": ' * 100_000, "levels"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "digits"),
        ('{"a": 1}'.encode("utf-16"), "not text in UTF-8"),
        (b'{"a": 1} {"b": 2}', "Extra data"),
        (b'{"a": "\\ud800"}', "surrogate"),
    ],
)
def test_a_line_that_is_not_json_is_named_and_the_others_are_read(
    tmp_path: Path, line: bytes, why: str
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"n": 1}\n' + line.replace(b"\n", b"") + b'\n{"n": 3}\n')
    (_, first), (where, bad), (_, last) = json_files.rows(path)
    assert (first, where, last) == ({"n": 1}, "line 2", {"n": 3})
    assert isinstance(bad, NotJson)
    assert re.search(why, bad.why)
    with pytest.raises(SourceError, match=rf"a\.jsonl, line 2: .*{why}"):
        list(json_files.objects(path, SourceError))


@pytest.mark.parametrize("row", ["[1]", '"text"', "null", "3"])
def test_a_row_that_is_no_object_is_named(tmp_path: Path, row: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"n": 1}\n' + row + "\n")
    with pytest.raises(ConfigError, match=r"line 2: a \w+, not a JSON object"):
        list(json_files.objects(path))


def test_files_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(b'{"n": 1}\n' * 10_000)[:-20])
    (tmp_path / "no.jsonl.gz").write_bytes(b"{}")
    (tmp_path / "whole.json").write_text('[{"n": 1},\n{"n": ]')
    (tmp_path / "long.jsonl").write_text('{"n": 1}\n' + json.dumps({"n": "x" * 500}))
    (tmp_path / "long.json").write_text(json.dumps(["x" * 500] * 3))
    monkeypatch.setattr(untrusted, "LINE_BYTES", 400)
    monkeypatch.setattr(untrusted, "FILE_BYTES", 900)
    for name, why in {
        "cut.jsonl.gz": "not text", "no.jsonl.gz": "not text",
        "whole.json": "not JSON: line 2, column 7", "long.jsonl": "line 2 is longer than",
        "long.json": "is larger than", "nowhere.jsonl": "No such file", ".": "Is a directory",
    }.items():  # fmt: skip
        with pytest.raises(ConfigError, match=why):
            list(json_files.rows(tmp_path / name))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", MARK])
@pytest.mark.parametrize("separator", SEPARATORS[:3])
def test_all_readers_split_alike(tmp_path: Path, end: str, mark: str, separator: str) -> None:
    text = f"one{separator}two"
    segment = {"start": 0.0, "end": 1.0, "speaker": "S1", "text": text, "activity": [[0.0, 1.0]]}
    scene = {"id": "a", "audio": "a.wav", "split": "train", "segments": [segment], "events": []}
    manifest = written(tmp_path / "manifest.jsonl", [scene, scene | {"id": "b"}], end, mark)
    assert [reference.truth.utterances[0].text for reference in load_references(manifest)] == [text, text]  # type: ignore[index]
    clips = list(Mix(tmp_path).clips())
    assert [clip.truth.utterances[0].text for clip in clips] == [text, text]  # type: ignore[index]

    for name in ("a.wav", "b.wav"):
        (tmp_path / name).write_bytes(b"")
    rows = [{"path": f"{name}.wav", "speaker": name, "text": text, "split": "train"} for name in "ab"]
    pool = written(tmp_path / "pool.jsonl", rows, end, mark)
    spec = Spec(splits={"train": 1.0})  # type: ignore[call-arg]
    assert [one.text for one in read_recordings("speech", [str(pool)], spec).recordings] == [text, text]

    asked = [{"id": n, "question": text, "choices": [text, "b"], "answer": text} for n in "ab"]
    questions = open_data(written(tmp_path / "qa.jsonl", asked, end, mark))
    assert [(item.question, item.answer) for item in questions.items()] == [(text, 0), (text, 0)]


def test_texts_of_stm_and_tables_of_the_benchmark(tmp_path: Path) -> None:
    (tmp_path / "a.stm").write_text(f"{MARK}a 1 S1 0.0 1.0 one\u2028two\r\na 1 S1 1.5 2.0 three\r\n")
    (tmp_path / "labels.csv").write_text(f"{MARK}clip,label\r\na,Dog\r\n")
    (reference,) = load_references(tmp_path)
    assert reference.truth.utterances is not None
    assert [said.text for said in reference.truth.utterances] == ["one two", "three"]
    assert reference.truth.tags is not None
    assert [tag.label for tag in reference.truth.tags] == ["Dog"]
