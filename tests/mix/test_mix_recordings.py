"""Reading of pools, and disjoint splits."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.mix_pools import SPEC, voice, write
from hypothesis import given
from hypothesis import strategies as st

from paqa_builder.errors import SourceError
from paqa_builder.mix.listings import _rows, read_recordings
from paqa_builder.mix.recordings import Recording, assign_splits, check_splits, normal_text, ties
from paqa_builder.mix.spec import Spec, make_spec

SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}


def recording(
    n: int, group: str = "a", text: str | None = None, split: str = "", source: str = ""
) -> Recording:
    return Recording("speech0", f"{n}.wav", group, split, source or f"{n}", text=text)


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 9), st.integers(0, 12)), min_size=1, max_size=40),
    st.integers(0, 5),
)
def test_assigned_splits_share_no_speaker_text_or_source(rows: list[tuple[int, int, int]], seed: int) -> None:
    made = [recording(n, f"s{a}", f"Text {b}", source=f"r{c}") for n, (a, b, c) in enumerate(rows)]
    settled = assign_splits(made, "speech", SHARES, seed)
    assert {r.path for r in settled} == {r.path for r in made}
    assert all(r.split in SHARES for r in settled)
    check_splits(settled, "speech")
    of: dict[tuple[str, str], str] = {}
    for r in settled:
        for tie in ties(r, "speech"):
            assert of.setdefault(tie, r.split) == r.split
    assert settled == assign_splits(made[::-1], "speech", SHARES, seed)


def test_every_split_gets_some_and_each_label_is_divided() -> None:
    made = [recording(n, f"s{n}") for n in range(20)]
    settled = assign_splits(made, "speech", SHARES)
    count = {split: sum(r.split == split for r in settled) for split in SHARES}
    assert count == {"train": 16, "validation": 2, "test": 2}
    sounds = [replace(recording(n, "Dog" if n % 2 else "Bell"), root="events0") for n in range(20)]
    settled = assign_splits(sounds, "events", SHARES)
    assert {(r.group, r.split) for r in settled} == {(g, s) for g in ("Dog", "Bell") for s in SHARES}


@pytest.mark.parametrize(
    ("one", "other", "what"),
    [
        (recording(1, "a", split="train"), recording(2, "a", split="test"), "speaker 'a'"),
        (
            recording(1, "a", "Hello, there!", "train"),
            recording(2, "b", "hello  there", "test"),
            "text 'hello there'",
        ),
        (
            recording(1, "a", None, "train", "tape"),
            recording(2, "b", None, "test", "tape"),
            "source recording 'speech0/tape'",
        ),
    ],
)
def test_overlapping_splits_are_rejected(one: Recording, other: Recording, what: str) -> None:
    with pytest.raises(SourceError, match="splits overlap") as caught:
        check_splits([one, other], "speech")
    assert what in str(caught.value)


def test_texts_are_compared_without_case_and_punctuation() -> None:
    assert normal_text("Don’t —  STOP it!") == normal_text("don t stop it")


@pytest.fixture
def spec() -> Spec:
    return make_spec({**SPEC, "splits": {"train": 1}})


def test_a_tree_is_read_with_its_texts(tmp_path: Path, spec: Spec) -> None:
    for name in ("ann/1", "ann/2", "bob/1"):
        write(tmp_path / f"{name}.flac", voice(name, 1.0))
        (tmp_path / f"{name}.txt").write_text(f" said in {name}\n", encoding="utf-8")
    pool = read_recordings("speech", [str(tmp_path)], spec)
    assert {g: len(r) for g, r in pool.groups("train").items()} == {"ann": 2, "bob": 1}
    assert pool.recordings[0].text == "said in ann/1"
    write(tmp_path / "mixed" / "audio" / "scene.flac", voice("x", 1.0))
    write(tmp_path / "shards.work" / "separate-0123456789ab" / "stems" / "ab" / "x.flac", voice("x", 1.0))
    again = read_recordings("speech", [str(tmp_path)], spec, out=tmp_path / "mixed")
    assert again.recordings == pool.recordings
    write(tmp_path / "loose.flac", voice("x", 1.0))
    with pytest.raises(SourceError, match=r"loose\.flac is in no subfolder"):
        read_recordings("speech", [str(tmp_path)], spec)


@pytest.mark.parametrize(
    ("row", "names"),
    [
        ({"speaker": "a"}, "line 2, column 'path'"),
        ({"path": "a.flac"}, "line 2, column 'speaker'"),
        ({"path": "no.flac", "speaker": "a"}, "no file 'no.flac'"),
        ({"path": "a.flac", "speaker": "b"}, "another row"),
        ({"path": "b.flac", "speaker": "a", "split": "dev"}, "column 'split'"),
        ({"path": "b.flac", "speaker": "a", "fold": 9}, "column 'fold'"),
        ({"path": "b.flac", "speaker": "a", "words": [{"start": 0}]}, "column 'words'"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, spec: Spec, row: dict, names: str) -> None:
    for name in "ab":
        write(tmp_path / f"{name}.flac", voice(name, 1.0))
    rows = [{"path": "a.flac", "speaker": "a", "text": "hm"}, row]
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    with pytest.raises(SourceError) as caught:
        read_recordings("speech", [str(tmp_path / "m.jsonl")], spec)
    assert names in str(caught.value)


def test_a_manifest_with_overlapping_splits_is_rejected(tmp_path: Path, spec: Spec) -> None:
    lines = ["path,speaker,text,split"]
    for n, split in enumerate(("train", "test")):
        write(tmp_path / f"{n}.flac", voice(str(n), 1.0))
        lines.append(f"{n}.flac,speaker{n},the same words,{split}")
    (tmp_path / "m.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(SourceError, match="text 'the same words'"):
        read_recordings("speech", [str(tmp_path / "m.csv")], spec)


def test_an_empty_split_is_named(tmp_path: Path) -> None:
    write(tmp_path / "a/1.flac", voice("a", 1.0))
    with pytest.raises(SourceError, match="nothing for the split"):
        read_recordings("speech", [str(tmp_path)], make_spec({"splits": {"train": 0.5, "test": 0.5}}))


def test_a_header_is_read_in_any_case_and_refused_if_misspelt(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"x")
    for header in ("Path , SPEAKER", "FileName,speaker"):
        (tmp_path / "m.csv").write_text(f"{header}\na.wav,Jo\n")
        (row,) = _rows(tmp_path / "m.csv")
        assert set(row[1]) <= {"path", "filename", "speaker"}
    (tmp_path / "m.csv").write_text("path,speker\na.wav,Jo\n")
    with pytest.raises(SourceError, match=r"no column 'speker'\. Did you mean 'speaker'"):
        _rows(tmp_path / "m.csv")
    (tmp_path / "m.jsonl").write_text('{"Path": "a.wav", "speker": "Jo"}')
    with pytest.raises(SourceError, match=r"line 1: there is no column 'speker'\. Did you mean 'speaker'"):
        _rows(tmp_path / "m.jsonl")
