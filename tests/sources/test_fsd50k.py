"""The source ``fsd50k`` on a tree made by hand, and on the official ground truth where it is."""

from __future__ import annotations

import gzip
import json
import logging
import os
import time
from collections import Counter
from pathlib import Path

import pytest

from paqa_builder.errors import SourceError
from paqa_builder.labels import audioset
from paqa_builder.sources.fsd50k import Fsd50k, Fsd50kOptions

DEV = "fname,labels,mids,split\n"
EVAL = "fname,labels,mids\n"
BARK = '"Bark,Dog","/m/05tny_,/m/0bt9lr"'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two dev clips, one eval clip, licences for one of them."""
    truth = tmp_path / "FSD50K.ground_truth"
    truth.mkdir()
    (truth / "dev.csv").write_text(f"{DEV}64760,{BARK},train\n247,Rain,/m/06mb1,val\n")
    (truth / "eval.csv").write_text(f"{EVAL}389,{BARK}\n")
    (truth / "vocabulary.csv").write_text("0,Bark,/m/05tny_\n1,Dog,/m/0bt9lr\n2,Rain,/m/06mb1\n")
    for subset, names in (("dev", ("64760", "247")), ("eval", ("389",))):
        folder = tmp_path / f"FSD50K.{subset}_audio"
        folder.mkdir()
        for name in names:
            (folder / f"{name}.wav").write_bytes(b"x")
    infos = tmp_path / "FSD50K.metadata"
    infos.mkdir()
    info = {"title": "my dog.wav", "description": "a cat, too", "tags": ["Cat"], "uploader": "jo",
            "license": "http://creativecommons.org/licenses/by-nc/3.0/"}  # fmt: skip
    (infos / "dev_clips_info_FSD50K.json").write_text(json.dumps({"64760": info}))
    return tmp_path


def test_clips_with_splits_labels_and_licence(root: Path) -> None:
    dog, rain, other = Fsd50k(root).clips()
    assert [(c.id, c.split) for c in (dog, rain, other)] == [
        ("64760", "train"), ("247", "validation"), ("389", "test"),
    ]  # fmt: skip
    assert [tag.label for tag in dog.truth.tags or ()] == ["Bark", "Dog"]
    assert [tag.label for tag in rain.truth.tags or ()] == ["Rain"]
    assert not any(tag.localized for tag in dog.truth.tags or ())
    assert (dog.truth.tags or ())[0].origin.is_truth
    assert (dog.license, dog.source_url) == ("CC-BY-NC-3.0", "https://freesound.org/s/64760/")
    assert dog.attribution == '"my dog.wav" by jo, Freesound sound 64760'
    assert (rain.license, rain.attribution) == ("unknown", "Freesound sound 247")
    assert (dog.groups, rain.groups) == (("recording:64760", "uploader:jo"), ("recording:247",))


def test_only_eval_is_labelled_exhaustively(root: Path) -> None:
    assert [clip.truth.tags_complete for clip in Fsd50k(root).clips()] == [False, False, True]
    assert Fsd50k(root).vocabulary == {"Bark", "Dog", "Rain"}


def test_a_listed_clip_without_audio_is_still_a_clip(root: Path) -> None:
    (root / "FSD50K.dev_audio" / "247.wav").unlink()
    assert [clip.id for clip in Fsd50k(root).clips()] == ["64760", "247", "389"]


def test_unlisted_audio_is_counted_in_one_warning(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("1", "2"):
        (root / "FSD50K.dev_audio" / f"{name}.wav").write_bytes(b"x")
    with caplog.at_level(logging.WARNING):
        assert len(list(Fsd50k(root).clips())) == 3
    assert [r.getMessage() for r in caplog.records if "no row" in r.getMessage()] == [
        f"{root / 'FSD50K.dev_audio'}: 2 files have no row in the ground truth and are left out"
    ]


def test_one_half_can_be_listed(root: Path) -> None:
    (root / "FSD50K.ground_truth" / "dev.csv").unlink()
    with pytest.raises(SourceError, match=r"dev\.csv: not there") as caught:
        list(Fsd50k(root).clips())
    assert "subsets to [eval]" in str(caught.value)
    assert [clip.id for clip in Fsd50k(root, Fsd50kOptions(subsets=("eval",))).clips()] == ["389"]


def test_the_folder_above_is_recognised(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    above = tmp_path_factory.mktemp("above")
    (above / "FSD50K").symlink_to(root)
    with pytest.raises(SourceError) as caught:
        list(Fsd50k(above).clips())
    assert caught.value.fix == f"--root {above / 'FSD50K'}"


def test_a_missing_audio_folder_is_an_error(root: Path) -> None:
    for file in (root / "FSD50K.eval_audio").iterdir():
        file.unlink()
    (root / "FSD50K.eval_audio").rmdir()
    with pytest.raises(SourceError, match=r"FSD50K\.eval_audio: not there"):
        list(Fsd50k(root).clips())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("fname,labels,split\n1,Rain,train\n", "no column 'mids'; it has fname, labels, split"),
        (EVAL + "1,Rain,/m/06mb1\n", "no column 'split'"),
        (
            DEV + "1,Rain,/m/06mb1,train\n2,Rain,/m/nonsense,train\n",
            "row 3, column 'mids': AudioSet has no class",
        ),
        (DEV + '1,"Rain,Dog",/m/06mb1,train\n', "row 2, column 'mids': not one for each label"),
        (DEV + "1,,,train\n", "row 2, column 'mids': not one for each label"),
        (DEV + "1,Rain,/m/06mb1,test\n", "row 2, column 'split': 'test'"),
        (DEV + "1,Rain,/m/06mb1\n", "row 2, column 'split': ''"),
        (DEV + "1,Rain,/m/06mb1,train\n1,Rain,/m/06mb1,train\n", "row 3, column 'fname': '1'"),
        (DEV + "1,Rain,/m/06mb1,train\n\n2,Rain,/m/06mb1,train\n", "row 3, column 'fname': ''"),
        (DEV + "1,Rain,/m/06mb1,train,more\n", "more fields than its first line"),
        (DEV + "1,Rain,/m/06mb1,train\n2,Rain,/m/06mb1,train,more\n", "line 3"),
        (DEV + '1,"Rain,/m/06mb1,train\n', "cannot be read as CSV"),
        ("", "cannot be read as CSV"),
    ],
)
def test_errors_of_a_table_name_row_and_column(root: Path, text: str, says: str) -> None:
    (root / "FSD50K.ground_truth" / "dev.csv").write_text(text)
    with pytest.raises(SourceError, match=says) as caught:
        list(Fsd50k(root).clips())
    assert "dev.csv" in str(caught.value)


def test_a_clip_in_both_halves_is_an_error(root: Path) -> None:
    (root / "FSD50K.ground_truth" / "eval.csv").write_text(f"{EVAL}247,{BARK}\n")
    with pytest.raises(SourceError, match=r"eval\.csv, row 2, column 'fname': '247'"):
        list(Fsd50k(root).clips())


@pytest.mark.parametrize("text", ["{", "[]", '{"64760": "CC0"}'])
def test_malformed_clip_infos_are_an_error(root: Path, text: str) -> None:
    (root / "FSD50K.metadata" / "dev_clips_info_FSD50K.json").write_text(text)
    with pytest.raises(SourceError, match=r"dev_clips_info_FSD50K\.json"):
        list(Fsd50k(root).clips())


@pytest.mark.testdata
def test_the_official_ground_truth_is_listed_in_seconds(tmp_path: Path) -> None:
    testdata = os.environ.get("PAQA_TESTDATA")
    if not testdata:
        pytest.skip("PAQA_TESTDATA is not set")
    truth = tmp_path / "FSD50K.ground_truth"
    truth.mkdir()
    for subset in ("dev", "eval"):
        packed = Path(testdata, "fsd50k_full_ground_truth", f"{subset}.csv.gz").read_bytes()
        (truth / f"{subset}.csv").write_bytes(gzip.decompress(packed))
        (tmp_path / f"FSD50K.{subset}_audio").mkdir()
    vocabulary = Path(testdata, "fsd50k_full_ground_truth", "vocabulary.csv").read_bytes()
    (truth / "vocabulary.csv").write_bytes(vocabulary)
    began = time.process_time()
    source = Fsd50k(tmp_path)
    clips = list(source.clips())
    assert time.process_time() - began < 5
    assert Counter(clip.split for clip in clips) == {"train": 36_796, "validation": 4_170, "test": 10_231}
    heard = {tag.label for clip in clips for tag in clip.truth.tags or ()}
    assert heard == source.vocabulary
    assert len(heard) == 200
    for clip in clips:
        # Labels run from leaf to root, except where a class has several parents: a bell may be a
        # musical instrument, and FSD50K does not claim that it is.
        labels = {tag.label for tag in clip.truth.tags or ()}
        parents = [audioset.labels()[label].parents for label in labels]
        assert {p[0] for p in parents if len(p) == 1} & heard <= labels, clip.id


@pytest.mark.testdata
def test_the_sample_in_the_official_tree(tmp_path: Path) -> None:
    testdata = os.environ.get("PAQA_TESTDATA")
    if not testdata:
        pytest.skip("PAQA_TESTDATA is not set")
    clips = list(Fsd50k(Path(testdata, "corpora", "FSD50K")).clips())
    assert Counter(clip.split for clip in clips) == {"train": 13, "test": 8}
    assert all(Path(clip.path).is_file() for clip in clips)
