"""Groups that cross splits: found, and resolved as the settings say."""

from __future__ import annotations

import pytest

from paqa_builder.leaks.groups import crossings
from paqa_builder.leaks.options import LeakOptions
from paqa_builder.leaks.resolve import LeakReport, resolve
from paqa_builder.records import Clip


def clip(name: str, split: str, *groups: str) -> Clip:
    return Clip(name, "corpus", split, f"/audio/{name}.wav", groups=groups)


CLIPS = [
    clip("a", "train", "recording:1", "speaker:x"),
    clip("b", "test", "recording:1"),
    clip("c", "train", "recording:2"),
    clip("d", "validation", "recording:2", "speaker:x"),
    clip("e", "train", "recording:3"),
    clip("f", "train", "recording:3"),
]


def splits(clips: list[Clip | None]) -> dict[str, str]:
    return {item.id: item.split for item in clips if item is not None}


def resolved(**options: object) -> tuple[dict[str, str], LeakReport]:
    clips, report = resolve(CLIPS, [], LeakOptions(**options))
    return splits(clips), report


def test_crossings_name_kind_and_clips_in_the_order_of_the_splits() -> None:
    found = crossings((item.id, item.split, item.groups) for item in CLIPS)
    assert list(map(str, found)) == [
        "recording:1: a (train) and b (test)",
        "speaker:x: a (train) and d (validation)",
        "recording:2: c (train) and d (validation)",
    ]
    assert found[0].kind == "recording"


def test_report_changes_nothing() -> None:
    found, report = resolved()
    assert found == splits(list(CLIPS))
    assert [crossing.group for crossing in report.strict] == ["recording:1", "recording:2"]
    assert report.to_json()["crossing"] == {"recording": 2, "speaker": 1}


def test_drop_leaves_crossing_clips_out_of_the_earlier_splits() -> None:
    found, report = resolved(groups="drop")
    assert sorted(found) == ["b", "d", "e", "f"]
    assert [(d.clip, d.split, d.reason, d.kept, d.kept_split) for d in report.dropped] == [
        ("a", "train", "recording:1", "b", "test"),
        ("c", "train", "recording:2", "d", "validation"),
    ]
    assert not report.crossing


def test_move_puts_whole_groups_into_one_split() -> None:
    found, report = resolved(groups="move")
    assert found == {
        "a": "test", "b": "test", "c": "validation", "d": "validation", "e": "train", "f": "train",
    }  # fmt: skip
    assert [(m.clip, m.split, m.to, m.reason) for m in report.moved] == [
        ("a", "train", "test", "recording:1"),
        ("c", "train", "validation", "recording:2"),
    ]
    assert [crossing.kind for crossing in report.crossing] == ["speaker"]
    assert not report.strict


def test_groups_that_are_tied_through_a_clip_move_together() -> None:
    found, _ = resolved(groups="move", strict=("recording", "speaker"))
    assert found == dict.fromkeys("abcd", "test") | {"e": "train", "f": "train"}


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        ("report", {"a": "train", "b": "test", "c": "train"}),
        ("drop", {"b": "test", "c": "train"}),
        ("group", {"a": "test", "b": "test", "c": "train"}),
    ],
)
def test_doubles(choice: str, wanted: dict[str, str]) -> None:
    clips = [clip("a", "train"), clip("b", "test"), clip("c", "train")]
    found, report = resolve(clips, [[0, 1]], LeakOptions(duplicates=choice))
    assert splits(found) == wanted
    assert report.doubles == (("a", "b"),)
    assert [crossing.kind for crossing in report.strict] == (["double"] if choice == "report" else [])
    groups = {item.groups for item in found if item is not None and item.id != "c"}
    assert groups == ({()} if choice == "drop" else {("double:a",)})


def test_doubles_in_one_split_are_dropped_but_the_first() -> None:
    clips = [clip("a", "train"), clip("b", "train"), clip("c", "train")]
    found, report = resolve(clips, [[0, 1, 2]], LeakOptions(duplicates="drop"))
    assert splits(found) == {"a": "train"}
    assert [(d.clip, d.kept) for d in report.dropped] == [("b", "a"), ("c", "a")]


@pytest.mark.parametrize("text", ["speaker, recording", '["speaker", "recording"]', "speaker,recording,"])
def test_strict_kinds_may_be_text(text: str) -> None:
    """Variables of the environment have no lists."""
    assert LeakOptions(strict=text).strict == ("speaker", "recording")  # type: ignore[arg-type]
