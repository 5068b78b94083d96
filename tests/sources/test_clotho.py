"""The source ``clotho`` on a small tree, and on real rows where they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.source_contract import check_build, check_listing, check_missing, listed, write_tone

from paqa_builder.errors import SourceError

HEAD = "file_name,caption_1,caption_2,caption_3,caption_4,caption_5\r\n"
META = "file_name,keywords,sound_id,sound_link,start_end_samples,manufacturer,license\r\n"


def tree(root: Path) -> Path:
    root.mkdir(parents=True)
    # A name that begins with a space, and one in Windows-1252.
    rows = ' Birds.wav,"Birds sing, far away",b,c,d,e\r\nCaf\xe9 \x93x\x94.wav,A caf\xe9.,b,c,d,\r\n'
    (root / "clotho_captions_development.csv").write_bytes((HEAD + rows).encode("latin-1"))
    meta = (
        ' Birds.wav,bird;sky,17,https://freesound.org/people/jo/sounds/17,"[1, 2]",jo,'
        "http://creativecommons.org/licenses/by-nc/3.0/\r\n"
        "Caf\xe9 \x93x\x94.wav,bar,Not found,Not found,,Zo\xe9,http://creativecommons.org/publicdomain/zero/1.0/\r\n"
    )
    (root / "clotho_metadata_development.csv").write_bytes((META + meta).encode("latin-1"))
    (root / "clotho_captions_evaluation.csv").write_text(f"{HEAD}rain.wav,Rain.,b,c,d,e\r\n")
    for name in (
        "clotho_audio_development/ Birds.wav",
        "clotho_audio_development/Café “x”.wav",
        "evaluation/rain.wav",
    ):
        write_tone(root / name)
    return root


def test_the_contract(tmp_path: Path) -> None:
    clips = check_listing("clotho", tree(tmp_path / "clotho"))
    assert list(clips) == ["development/Birds", "development/Café “x”", "evaluation/rain"]
    birds, cafe, rain = clips.values()
    assert [clip.split for clip in clips.values()] == ["train", "train", "test"]
    assert birds.truth.captions == ("Birds sing, far away", "b", "c", "d", "e")
    assert cafe.truth.captions == ("A café.", "b", "c", "d")
    assert birds.license == "CC-BY-NC-3.0 AND LicenseRef-Clotho"
    assert (rain.license, rain.groups, rain.source_url) == ("unknown", (), "")
    assert birds.groups == ("recording:17", "uploader:jo")
    assert cafe.groups == ("uploader:Zoé",)
    assert birds.attribution == '"Birds" by jo, Freesound sound 17; captions by Clotho'
    assert all(Path(clip.path).is_file() for clip in clips.values())
    assert all(clip.truth.tags is None for clip in clips.values())  # keywords are no ground truth
    gone = ["clotho_audio_development", "evaluation"]
    check_missing("clotho", tree, gone, tmp_path)


def test_a_build(tmp_path: Path) -> None:
    report = check_build("clotho", tree(tmp_path / "clotho"), tmp_path, captions=False)
    assert report.summary.licenses == {"CC-BY-NC-3.0": 1, "CC0-1.0": 1, "unknown": 1}


def test_subsets_and_errors(tmp_path: Path) -> None:
    root = tree(tmp_path / "clotho")
    assert [clip.id for clip in listed("clotho", root, subsets=["evaluation"])] == ["evaluation/rain"]
    with pytest.raises(SourceError, match=r"clotho_captions_validation\.csv"):
        listed("clotho", root, subsets=["validation"])
    with pytest.raises(SourceError, match=r"no clotho_captions_development\.csv"):
        listed("clotho", root / "evaluation")
    (root / "clotho_captions_evaluation.csv").write_text("file_name,caption_1\r\n")
    with pytest.raises(SourceError, match="no column 'caption_2'"):
        listed("clotho", root)
    (root / "clotho_captions_evaluation.csv").write_text(f"{HEAD}../rain.wav,Rain.,b,c,d,e\r\n")
    with pytest.raises(SourceError, match="no file name"):
        listed("clotho", root)


@pytest.mark.testdata
def test_real_rows(testdata: Path) -> None:
    clips = listed("clotho", testdata / "corpora" / "clotho", subsets=["development"])
    assert [len(clip.truth.captions or ()) for clip in clips] == [5]
    assert clips[0].license == "CC-BY-NC-3.0 AND LicenseRef-Clotho"
    assert Path(clips[0].path).is_file()
