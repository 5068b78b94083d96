"""The source ``librispeech`` on a tree of two subsets."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.source_contract import check_build, check_listing, check_missing, listed, write_tone

from paqa_builder.errors import SourceError

SPEAKERS = """; SPEAKERS.TXT
;ID  |SEX| SUBSET           |MINUTES| NAME
61   | M | test-clean       |  8.08 | Paul-Gabriel Wiener
84   | F | dev-clean        |  8.02 | Christie Nowak
"""
CHAPTERS = """;ID    |READER|MINUTES| SUBSET           | PROJ.|BOOK ID| CH. TITLE | PROJECT TITLE
121123 | 84   | 8.05  | dev-clean        | 1157 | 1184 | Chapter 40 | Count of Monte Cristo
"""


def tree(base: Path) -> Path:
    root = base / "LibriSpeech"
    for subset, speaker, chapter, texts in (
        ("dev-clean", "84", "121123", ["GO DO YOU HEAR", "BUT IN LESS THAN FIVE MINUTES I'LL GO I SAID"]),
        ("test-clean", "61", "70968", ["HE BEGAN A CONFUSED COMPLAINT"]),
    ):
        folder = root / subset / speaker / chapter
        lines = []
        for n, text in enumerate(texts):
            name = f"{speaker}-{chapter}-{n:04d}"
            write_tone(folder / f"{name}.wav").rename(folder / f"{name}.flac")
            lines.append(f"{name} {text}\n")
        (folder / f"{speaker}-{chapter}.trans.txt").write_text("".join(lines))
    (root / "SPEAKERS.TXT").write_text(SPEAKERS)
    (root / "CHAPTERS.TXT").write_text(CHAPTERS)
    return base


def test_utterances_have_speaker_sex_and_sentence_case(tmp_path: Path) -> None:
    clips = check_listing("librispeech", tree(tmp_path))
    assert {name: clip.split for name, clip in clips.items()} == {
        "84-121123-0000": "validation", "84-121123-0001": "validation", "61-70968-0000": "test",
    }  # fmt: skip
    clip = clips["84-121123-0001"]
    (said,) = clip.truth.utterances or ()
    assert (said.text, said.speaker, said.language) == (
        "But in less than five minutes I'll go I said", "84", "en",
    )  # fmt: skip
    (speaker,) = clip.truth.speakers or ()
    assert (speaker.name, speaker.sex) == ("84", "female")
    assert clip.groups == ("speaker:84", "recording:121123")
    assert clip.license == "CC-BY-4.0"
    assert clip.attribution.endswith("Count of Monte Cristo")
    assert "Nowak" not in repr(clips)
    assert Path(clip.path).is_file()
    assert clip.truth.turns is None


def test_subsets_and_case_are_options(tmp_path: Path) -> None:
    root = tree(tmp_path) / "LibriSpeech"
    (clip,) = listed("librispeech", root, subsets=["test-clean"], case="upper")
    assert (clip.truth.utterances or ())[0].text == "HE BEGAN A CONFUSED COMPLAINT"
    with pytest.raises(SourceError, match=r"dev-clan.*Did you mean 'dev-clean'"):
        listed("librispeech", root, subsets=["dev-clan"])


def test_errors_name_what_is_missing(tmp_path: Path) -> None:
    trans = "LibriSpeech/dev-clean/84/121123/84-121123.trans.txt"
    check_missing("librispeech", tree, ["LibriSpeech/SPEAKERS.TXT", trans], tmp_path)
    root = tree(tmp_path / "line")
    (root / trans).write_text("84-121123-0000 A\nnonsense\n")
    with pytest.raises(SourceError, match=r"trans\.txt, line 2"):
        listed("librispeech", root)
    with pytest.raises(SourceError, match="dev-clean"):
        listed("librispeech", tmp_path / "line" / "LibriSpeech" / "dev-clean")


def test_a_build(tmp_path: Path) -> None:
    report = check_build("librispeech", tree(tmp_path / "corpus"), tmp_path)
    assert report.summary.clips == {"validation": 2, "test": 1}
    assert not report.failures
