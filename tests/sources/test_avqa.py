"""The source ``avqa`` on a small tree: the listing, and which questions a build keeps."""

from __future__ import annotations

import csv
import json
import logging
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from helpers.audio_made import write_audio
from helpers.source_contract import check_build, check_listing, listed

from paqa_builder.config import load
from paqa_builder.dataset.read import load_questions
from paqa_builder.errors import SourceError
from paqa_builder.labels.phrases import label_of_phrase
from paqa_builder.pipeline.grounded import LEFT_OUT
from paqa_builder.testing import tone_scene

SIREN, BELL = "Sirenvideo1_000030", "Bell-video2_000000"
ASK = "What is the sound in the video?"


def entry(number: int, video: str, choices: list[str], answer: int = 0, **changes: Any) -> dict[str, Any]:
    return {
        "id": number, "video_name": video, "video_id": number, "question_text": ASK, "multi_choice": choices,
        "answer": answer, "question_relation": "Sound", "question_type": "Which",
    } | changes  # fmt: skip


TRAIN = [
    entry(1, SIREN, ["siren", "dog barking", "Playing piano", "rain"]),
    entry(2, SIREN, ["cat", "dog", "piano", "rain"], 1, question_relation="Both"),
    entry(3, SIREN, ["dog", "siren sounds", "piano", "rain"]),
    entry(4, SIREN, ["siren", "dog", "piano", "rain"], question_relation="View"),
    entry(5, SIREN, ["siren", "dog", "piano", "rain"], question_text="Which sound comes first?"),
    entry(6, SIREN, ["siren", "joy", "piano", "rain"], question_type="Happening"),
    entry(7, SIREN, ["siren", "dog", "piano", "rain"], question_type="Where"),
    entry(8, SIREN, ["siren", "dog", "dogs", "rain"]),
    entry(9, "gone-gone-g_000010", ["siren", "dog", "piano", "rain"]),
]
VAL = [entry(1, BELL, ["bell", "dog", "rain", "train"])]


def tree(root: Path) -> Path:
    root.mkdir(parents=True)
    (root / "train_qa.json").write_text(json.dumps(TRAIN))
    (root / "val_qa.json").write_text(json.dumps(VAL))
    write_audio(root / "audio" / f"{SIREN}.wav", tone_scene(10.0, [("Siren", 1.0, 8.0)]))
    write_audio(root / "audio" / "val" / f"{BELL}.wav", tone_scene(10.0, [("Bell", 2.0, 9.0)]))
    return root


def test_the_contract(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        clips = check_listing("avqa", tree(tmp_path / "avqa"))
    siren, bell = clips.values()
    assert [(clip.id, clip.split) for clip in (siren, bell)] == [(SIREN, "train"), (BELL, "validation")]
    assert len(siren.questions) == 8
    first = siren.questions[0]
    assert (first.id, first.text, first.choices[0], first.answer) == ("1", ASK, "siren", 0)
    assert (first.kind, first.about) == ("Which", "Sound")
    assert siren.truth.tags is None  # a question is no ground truth
    assert siren.groups == ("recording:Sirenvideo1",)
    assert siren.source_url == "https://www.youtube.com/watch?v=Sirenvideo1&t=30s"
    assert "1 of 2 videos have no file" in caplog.text


def test_a_build_keeps_what_the_records_prove(tmp_path: Path) -> None:
    report = check_build("avqa", tree(tmp_path / "avqa"), tmp_path)
    assert report.grounded == {
        "kept": 2,
        "contradicted: its answer is not heard": 2,
        "unprovable: it is about the picture": 1,
        "unprovable: it asks for more than a sound": 2,
        "unprovable: a choice is no known sound": 1,
        "unprovable: two choices are the same sound": 1,
    }
    asked = [question for question in load_questions(tmp_path / "shards") if question.template == "avqa"]
    assert Counter((q.question, q.answer) for q in asked) == {(ASK, "siren"): 1, (ASK, "bell"): 1}
    (siren,) = (q for q in asked if q.answer == "siren")
    assert set(siren.choices) == {"siren", "dog barking", "Playing piano", "rain"}
    assert any(item.record == "tag" and item.value == "Siren" for item in siren.evidence)
    assert "siren" in siren.trace


def test_a_limit_is_counted(tmp_path: Path) -> None:
    from paqa_builder.pipeline import build

    root = tree(tmp_path / "avqa")
    flags = {
        "source": "avqa",
        "root": root,
        "out": tmp_path / "shards",
        "preset": "fake",
        "executor": "inline",
    }
    report = build.build(load({**flags, "questions": {"exclude": ["avqa"]}}))
    assert report.grounded[LEFT_OUT] == 2
    assert not report.grounded["kept"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"multi_choice": ["one"]}, "'multi_choice': is no list of 2"),
        ({"multi_choice": ["one", 2]}, "'multi_choice': is no text"),
        ({"answer": 4}, "'answer': 4 is no index"),
        ({"answer": "0"}, "'answer': '0' is no index"),
        ({"video_name": "../../etc/x"}, "no file name"),
        ({"question_text": ""}, "'question_text': is no text"),
        ({"id": None}, "'id'"),
    ],
)
def test_errors_name_the_entry(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    root = tree(tmp_path / "avqa")
    (root / "train_qa.json").write_text(json.dumps([TRAIN[0], TRAIN[1] | change]))
    with pytest.raises(SourceError, match=f"entry 2.*{says}"):
        listed("avqa", root)


def test_missing_tables_keys_and_audio(tmp_path: Path) -> None:
    root = tree(tmp_path / "avqa")
    with pytest.raises(SourceError, match=r"no train_qa\.json"):
        listed("avqa", root / "audio")
    with pytest.raises(SourceError, match=r"test_qa\.json: not there"):
        listed("avqa", root, subsets=["test"])
    lacking = {name: value for name, value in TRAIN[0].items() if name != "question_text"}
    (root / "train_qa.json").write_text(json.dumps([lacking]))
    with pytest.raises(SourceError, match="no 'question_text'; it has id"):
        listed("avqa", root)
    (root / "train_qa.json").write_text("[{")
    with pytest.raises(SourceError, match=r"train_qa\.json: not JSON"):
        listed("avqa", root)
    (root / "train_qa.json").write_text(json.dumps([TRAIN[8]]))
    with pytest.raises(SourceError, match=r"no audio file of a video of train_qa\.json"):
        listed("avqa", root)


def test_a_video_in_two_tables_is_listed_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = tree(tmp_path / "avqa")
    (root / "val_qa.json").write_text(json.dumps([*VAL, entry(2, SIREN, ["siren", "dog"])]))
    with caplog.at_level(logging.WARNING):
        assert [clip.id for clip in listed("avqa", root)] == [SIREN, BELL]
    assert "1 videos are in an earlier table" in caplog.text


@pytest.mark.parametrize(
    ("phrase", "label"),
    [
        ("Dogs barking", "Dog"), ("playing the guitar", "Guitar"), ("a cow", "Cattle, bovinae"),
        ("ambulance", "Ambulance (siren)"), ("church bells", "Church bell"), ("Joy", None), ("sounds", None),
        ("Church bell ringing.", "Church bell"), ("glass breaking", "Shatter"), ("", None),
    ],
)  # fmt: skip
def test_names_of_sounds(phrase: str, label: str | None) -> None:
    assert label_of_phrase(phrase) == label


def esc_tree(root: Path, testdata: Path, each: int) -> Path:
    """Questions over real clips of ESC-50: some right, some wrong, some about the picture."""
    with (testdata / "clips" / "clips.csv").open() as file:
        events = [row for row in csv.DictReader(file) if row["kind"] == "event"]
    names = sorted({row["label"] for row in events})
    (root / "audio").mkdir(parents=True)
    entries, count = [], Counter[str]()
    for row in events:
        if count[row["label"]] == each:
            continue
        count[row["label"]] += 1
        stem = Path(row["filename"]).stem
        (root / "audio" / f"{stem}.opus").symlink_to(testdata / "clips" / row["filename"])
        at = names.index(row["label"])
        choices = [names[(at + n * 3) % len(names)].replace("_", " ") for n in range(4)]
        number = len(entries)
        change = ({}, {"answer": 1}, {}, {"question_relation": "View"})[number % 4]
        entries.append(entry(number, stem, choices, **change))
    (root / "train_qa.json").write_text(json.dumps(entries))
    return root


@pytest.mark.testdata
def test_real_clips_are_listed(tmp_path: Path, testdata: Path) -> None:
    clips = check_listing("avqa", esc_tree(tmp_path / "avqa", testdata, 2))
    assert len(clips) == 20
