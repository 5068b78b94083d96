"""The source ``esc50`` on a small tree, and on real clips where they are."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest
from helpers.source_contract import check_build, check_listing, check_missing, listed, write_tone

from paqa_builder.config import load
from paqa_builder.errors import ConfigError, SourceError
from paqa_builder.labels import audioset, crosswalk
from paqa_builder.pipeline.plan import open_source

HEAD = "filename,fold,target,category,esc10,src_file,take\n"
ROWS = (
    "1-100032-A-0.wav,1,0,dog,True,100032,A\n4-7-A-45.wav,4,45,train,False,7,A\n"
    "5-8-A-34.wav,5,34,can_opening,False,8,A\n"
)
PAGE = "http://www.freesound.org/people/nf/sounds/100032/"
LICENSE = f"""## Licensing/attribution details for individual clips:

101 - Dog:
- [1-100032-A.ogg]: clip derived from bark (short).wav ({PAGE}) by nf rae [CC0]
"""


def tree(root: Path) -> Path:
    (root / "meta").mkdir(parents=True)
    (root / "meta" / "esc50.csv").write_text(HEAD + ROWS)
    (root / "LICENSE").write_text(LICENSE)
    for line in ROWS.splitlines():
        write_tone(root / "audio" / line.split(",")[0], 5.0)
    return root


def test_the_contract(tmp_path: Path) -> None:
    clips = check_listing("esc50", tree(tmp_path / "esc"))
    dog, train, can = clips.values()
    assert [clip.split for clip in clips.values()] == ["train", "validation", "test"]
    assert [tag.label for clip in clips.values() for tag in clip.truth.tags or ()] == [
        "Dog",
        "Train",
        "can_opening",
    ]
    assert [dog.license, train.license, can.license] == ["CC-BY-3.0", "CC-BY-NC-3.0", "CC-BY-NC-3.0"]
    assert dog.attribution == '"bark (short).wav" by nf rae, Freesound sound 100032 (CC0); ESC-50'
    assert train.attribution == "Freesound sound 7; ESC-50"
    assert dog.groups == ("recording:100032",)
    assert not dog.truth.tags_complete
    check_missing("esc50", tree, ["meta/esc50.csv", "audio"], tmp_path)


def test_a_build(tmp_path: Path) -> None:
    report = check_build("esc50", tree(tmp_path / "esc"), tmp_path)
    assert report.summary.licenses == {"CC-BY-3.0": 1, "CC-BY-NC-3.0": 2}


def test_folds_by_option(tmp_path: Path) -> None:
    root = tree(tmp_path / "esc")
    assert [c.split for c in listed("esc50", root, validation=[1], test=[4])] == [
        "validation",
        "test",
        "train",
    ]
    with pytest.raises(ConfigError, match="different folds"):
        open_source(load({"source": "esc50", "root": root, "source_options": {"test": [4]}}))


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("a.wav,6,0,dog,True,1,A\n", "column 'fold': '6'"),
        ("a.wav,1,0,cattle,True,1,A\n", "column 'category': ESC-50 has no category 'cattle'"),
        ("a.wav,1,0,dog,yes,1,A\n", "column 'esc10'"),
        ("../a.wav,1,0,dog,True,1,A\n", "no file name"),
        ("a.wav,1,0,dog,True,1,A\na.wav,1,0,dog,True,1,A\n", "row 3: a.wav has a row already"),
    ],
)
def test_errors_name_the_row(tmp_path: Path, row: str, says: str) -> None:
    root = tree(tmp_path / "esc")
    (root / "meta" / "esc50.csv").write_text(HEAD + row)
    with pytest.raises(SourceError, match=says):
        listed("esc50", root)
    (root / "meta" / "esc50.csv").write_text("filename,fold\n")
    with pytest.raises(SourceError, match=r"esc50\.csv: no column 'category'"):
        listed("esc50", root)


def test_all_categories_but_three_are_labels_of_audioset() -> None:
    names = [name for name, _ in crosswalk.esc50().values()]
    assert len(names) == 50
    assert set(filter(None, names)) <= set(audioset.labels())
    assert names.count("") == 3


@pytest.mark.testdata
def test_real_clips(tmp_path: Path, testdata: Path) -> None:
    """Ten categories of real clips, in the official tree but for their codec."""
    with (testdata / "clips" / "clips.csv").open() as file:
        events = [row for row in csv.DictReader(file) if row["kind"] == "event"]
    (tmp_path / "meta").mkdir()
    (tmp_path / "audio").mkdir()
    lines = []
    for row in events[::25]:
        name = Path(row["filename"]).name
        os.symlink(testdata / "clips" / row["filename"], tmp_path / "audio" / name)
        lines.append(f"{name},{row['fold']},0,{row['label']},False,{row['source']},A\n")
    (tmp_path / "meta" / "esc50.csv").write_text(HEAD + "".join(lines))
    clips = check_listing("esc50", tmp_path)
    assert len(clips) == len(lines)
    assert all(Path(clip.path).is_file() for clip in clips.values())
