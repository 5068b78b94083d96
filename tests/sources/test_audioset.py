"""The source ``audioset`` on a small tree."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from helpers.source_contract import check_build, check_listing, listed, write_tone

from paqa_builder.errors import SourceError

HEAD = "segment_id\tstart_time_seconds\tend_time_seconds\tlabel\n"
TRAIN = (
    "Yabcdefghij_30000\t8.2\t9.5\t/m/0395lw\n"
    "Yabcdefghij_30000\t3.7\t4.7\t/m/03kmc9\n"
    "-_d-f_h-j_1_0\t0.0\t10.0\t/t/dd00000\n"
    "abcdefghijk_10000\t1.0\t2.0\t/m/0395lw\n"
    "gone-gone-g_10000\t1.0\t2.0\t/m/0395lw\n"
)
EVAL = "ABCDEFGHIJK_20000\t0.0\t10.0\t/m/nobody\n"


def tree(root: Path) -> Path:
    root.mkdir(parents=True)
    (root / "audioset_train_strong.tsv").write_text(HEAD + TRAIN)
    (root / "audioset_eval_strong.tsv").write_text(HEAD + EVAL)
    (root / "mid_to_display_name.tsv").write_text("/m/0395lw\tBell\n/t/dd00000\tOwn name\n")
    for name in (
        "train/YYabcdefghij_30.000_40.000", "train/-_d-f_h-j_1_0", "train/deep/abcdefghijk",
        "eval/ABCDEFGHIJK_000020",
    ):  # fmt: skip
        write_tone(root / f"{name}.wav")
    (root / "train" / "notes.wav").write_bytes(b"no video")
    return root


def test_the_contract(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = tree(tmp_path / "as")
    with caplog.at_level(logging.WARNING):
        clips = check_listing("audioset", root)
    assert list(clips) == ["-_d-f_h-j_1_0", "Yabcdefghij_30000", "abcdefghijk_10000", "ABCDEFGHIJK_20000"]
    own, bell, _, test = clips.values()
    assert [clip.split for clip in clips.values()] == ["train", "train", "train", "test"]
    assert [(t.start, t.end, t.label) for t in bell.truth.tags or ()] == [
        (3.7, 4.7, "Siren"),
        (8.2, 9.5, "Bell"),
    ]
    assert all(tag.localized for tag in bell.truth.tags or ())
    assert [tag.label for tag in own.truth.tags or ()] == ["Own name"]
    assert [tag.label for tag in test.truth.tags or ()] == ["/m/nobody"]
    assert bell.groups == ("recording:Yabcdefghij",)
    assert bell.source_url == "https://www.youtube.com/watch?v=Yabcdefghij&t=30s"
    assert bell.license == "unknown"
    assert "1 of 4 segments have no audio file" in caplog.text


def test_a_build(tmp_path: Path) -> None:
    report = check_build("audioset", tree(tmp_path / "as"), tmp_path)
    assert sum(report.summary.questions.values())


def test_errors(tmp_path: Path) -> None:
    root = tree(tmp_path / "as")
    assert [clip.split for clip in listed("audioset", root, subsets=["eval"])] == ["test"]
    with pytest.raises(SourceError, match=r"no audioset_train_strong\.tsv"):
        listed("audioset", root / "train")
    table = root / "audioset_eval_strong.tsv"
    for text, says in (
        ("segment_id\tlabel\n", "no column 'start_time_seconds'"),
        (f"{HEAD}ABCDEFGHIJK\t0\t1\t/m/0395lw\n", "column 'segment_id'"),
        (f"{HEAD}ABCDEFGHIJK_20000\tnan\t1\t/m/0395lw\n", "column 'start_time_seconds': 'nan'"),
        (f"{HEAD}ABCDEFGHIJK_20000\t0\t1\t\n", "column 'label'"),
        (f"{HEAD}Yabcdefghij_30000\t0\t1\t/m/0395lw\n", "in another table"),
        (f"{HEAD}gone-gone-h_0\t0\t1\t/m/0395lw\n", "no audio file"),
    ):
        table.write_text(text)
        with pytest.raises(SourceError, match=says):
            listed("audioset", root)
    table.unlink()
    with pytest.raises(SourceError, match=r"audioset_eval_strong\.tsv: not there"):
        listed("audioset", root, subsets=["eval"])
