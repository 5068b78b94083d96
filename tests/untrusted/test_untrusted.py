"""JSON and YAML made to harm."""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path

import pytest
import yaml

from paqa_builder import untrusted
from paqa_builder.untrusted import lines, load_yaml, loads, read_json

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
)
MERGES = "a0: &a0 {" + ", ".join(f"k{n}: 1" for n in range(10)) + "}\n"
MERGES += "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}\n" for n in range(1, 9))


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000 + "]" * 100_000,
        "[" * 150 + "]" * 150,
        '{"a":' * 150 + "1" + "}" * 150,
        "9" * 5000,
        '"\\ud800"',
        "[" + "[]," * 6_100_000 + "[]]",
        "{",
        b"\xff\xfe",
    ],
    ids=["deep", "150 lists", "150 objects", "digits", "surrogate", "many", "cut", "bytes"],
)
def test_json_beyond_a_limit_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        loads(text)


def test_other_json_is_decoded() -> None:
    data = {
        "a": [1, 2.5, None, "ä 😀"],
        "b": [[[]]],
    }
    assert loads(json.dumps(data)) == data
    assert loads("\ufeff[1]".encode()) == [1]


@pytest.mark.parametrize(
    "text",
    [
        BOMB, MERGES, "&a [*a]", "a: &a {b: *a}", "&a {<<: *a}", "[" * 10_000 + "]" * 10_000,
        "a: " + "[" * 150 + "]" * 150, "9" * 5000, "1" + ":1" * 200_000, "a: 2020-99-99", "? [a]\n: 1",
        '"\\ud800"', 'a: "x\\0y"', "!!int x",
        "!!python/object/apply:os.system [ls]", "a: 1\n---\nb: 2\n", "\t{]",
        "- " * 600_000,
    ],
)  # fmt: skip
def test_yaml_beyond_a_limit_is_a_yaml_error(text: str) -> None:
    began = time.process_time()
    with pytest.raises(yaml.YAMLError):
        load_yaml(text)
    assert time.process_time() - began < 10


def test_other_yaml_is_decoded() -> None:
    text = "a: &x {b: [1, 0.5, yes, 2020-01-01]}\nc: *x\nd: {<<: *x, e: null}\n"
    assert load_yaml(text) == yaml.safe_load(text)
    assert load_yaml("") is None


def test_lines_are_numbered_and_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes("\ufeffone\r\n\n  \ntwo\u2028\u0085x".encode())
    assert list(lines(path)) == [(1, "one"), (4, "two\u2028\u0085x")]
    monkeypatch.setattr(untrusted, "LINE_BYTES", 8)
    with pytest.raises(ValueError, match="line 4 is longer"):
        list(lines(path))


def test_packed_files_have_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.json.gz"
    path.write_bytes(gzip.compress(b"[1]"))
    assert read_json(path) == [1]
    path.write_bytes(gzip.compress(b"\n" * 5_000_000))
    monkeypatch.setattr(untrusted, "_SMALL", 1000)
    with pytest.raises(ValueError, match="unpacks to more"):
        list(lines(path))
    with pytest.raises(ValueError, match="unpacks to more"):
        read_json(path)
    monkeypatch.setattr(untrusted, "FILE_BYTES", 2)
    path.write_bytes(gzip.compress(b"[1]"))
    with pytest.raises(ValueError, match="is larger"):
        read_json(path)
