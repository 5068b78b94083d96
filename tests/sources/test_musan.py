"""The source ``musan`` on a small tree, and on real files where they are."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from helpers.source_contract import check_build, check_listing, listed, write_tone

from paqa_builder.errors import SourceError
from paqa_builder.labels import audioset
from paqa_builder.sources.license_text import license_in
from paqa_builder.sources.musan import GENRES

FMA = """music-fma-0000
Some song by A B: http://freemusicarchive.org/x
License: http://creativecommons.org/licenses/by/3.0/us/
====================
music-fma-0001, music-fma-0002
Licensed under Creative Commons Attribution-NonCommercial-ShareAlike 3.0 License
"""


def tree(root: Path) -> Path:
    files = {
        "music/fma": ["music-fma-0000", "music-fma-0001", "music-fma-0002", "music-fma-0003"],
        "noise/free-sound": ["noise-free-sound-0000"],
        "speech/librivox": ["speech-librivox-0000"],
    }
    for folder, names in files.items():
        for name in names:
            write_tone(root / folder / f"{name}.wav")
    notes = "music-fma-0000 pop,unheard-of Y A_B\nmusic-fma-0001 blues N C\nmusic-fma-0002 jazz N A_B\n"
    (root / "music/fma/ANNOTATIONS").write_text(notes)
    (root / "music/fma/LICENSE").write_bytes(FMA.replace("Some", "S\xf6me").encode("latin-1"))
    (root / "noise/free-sound/ANNOTATIONS").write_text("noise-free-sound-0000\n")
    (root / "noise/free-sound/LICENSE").write_text("All files are in the public domain.\n")
    (root / "speech/librivox/ANNOTATIONS").write_text("speech-librivox-0000 f german\n")
    return root


def test_the_contract(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = tree(tmp_path / "corpus" / "musan")
    with caplog.at_level(logging.WARNING):
        clips = check_listing("musan", root.parent)  # the folder above is recognised
    assert check_listing("musan", root) == clips
    labels = {name: [tag.label for tag in clip.truth.tags or ()] for name, clip in clips.items()}
    assert labels == {
        "music-fma-0000": ["Music", "Pop music", "Singing"], "music-fma-0001": ["Music", "Blues"],
        "music-fma-0002": ["Music", "Jazz"], "music-fma-0003": ["Music"],
        "noise-free-sound-0000": [], "speech-librivox-0000": [],
    }  # fmt: skip
    assert {name: clip.license for name, clip in clips.items()} == {
        "music-fma-0000": "CC-BY-3.0", "music-fma-0001": "CC-BY-NC-SA-3.0",
        "music-fma-0002": "CC-BY-NC-SA-3.0", "music-fma-0003": "unknown",
        "noise-free-sound-0000": "CC-PDM-1.0", "speech-librivox-0000": "unknown",
    }  # fmt: skip
    (reader,) = clips["speech-librivox-0000"].truth.speakers or ()
    assert (reader.name, reader.sex) == ("speech-librivox-0000", "female")
    assert clips["noise-free-sound-0000"].truth.tags is None
    assert clips["music-fma-0000"].groups == clips["music-fma-0002"].groups == ("artist:A_B",)
    assert "Söme song by A B" in clips["music-fma-0000"].attribution
    assert "1 files whose licence is unknown" in caplog.text


def test_splits_are_by_group_and_option(tmp_path: Path) -> None:
    root = tree(tmp_path / "musan")
    splits: dict[str, set[str]] = {}
    for clip in listed("musan", root, validation=0.5, test=0.5):
        splits.setdefault(clip.groups[0], set()).add(clip.split)
    assert all(len(found) == 1 for found in splits.values())
    assert set.union(*splits.values()) == {"validation", "test"}
    assert {clip.split for clip in listed("musan", root, validation=0, test=0)} == {"train"}


def test_a_build_and_errors(tmp_path: Path) -> None:
    root = tree(tmp_path / "musan")
    report = check_build("musan", root, tmp_path, kinds=["noise", "speech"])
    assert report.summary.licenses == {"CC-PDM-1.0": 1, "unknown": 1}
    with pytest.raises(SourceError, match="no folder music"):
        listed("musan", root / "music")
    write_tone(root / "noise" / "other" / "noise-free-sound-0000.wav")
    with pytest.raises(SourceError, match="another file noise-free-sound-0000"):
        listed("musan", root)
    (root / "speech").rename(root / "talk")
    with pytest.raises(SourceError, match="speech: not there"):
        listed("musan", root, kinds=["speech"])


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Attribution 3.0 (CC BY 3.0)", "CC-BY-3.0"),
        ("License: Attribution Noncommercial Share Alike", "CC-BY-NC-SA"),
        ("see https://creativecommons.org/publicdomain/zero/1.0/.", "CC0-1.0"),
        ("This work is in the Public Domain", "CC-PDM-1.0"),
        (
            "http://creativecommons.org/licenses/sampling+/1.0/",
            "http://creativecommons.org/licenses/sampling+/1.0/",
        ),
        ("Sound by Mike Koenig", "unknown"),
        ("attribution is welcome", "unknown"),
    ],
)
def test_licence_of_a_text(text: str, name: str) -> None:
    assert license_in(text) == name


def test_the_genres_are_labels_of_audioset() -> None:
    assert set(GENRES.values()) <= set(audioset.labels())


@pytest.mark.testdata
def test_real_files(testdata: Path) -> None:
    clips = listed("musan", testdata / "corpora" / "musan")
    assert [clip.id for clip in clips] == ["noise-free-sound-0055", "noise-free-sound-0145"]
