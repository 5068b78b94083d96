"""The sources ``crema_d`` and ``ravdess`` on small trees."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.source_contract import check_build, check_listing, check_missing, listed, write_tone

from paqa_builder.errors import SourceError

ACTORS = (
    "ActorID,Age,Sex,Race,Ethnicity\n1001,51,Male,Caucasian,Not Hispanic\n1010,24,Female,Asian,Not Hispanic\n"
)
VOTES = (
    '"","FileName","VoiceVote","VoiceLevel"\n'
    '"1","1001_DFA_ANG_XX","N","50"\n'
    '"2","1010_IEO_HAP_HI","H:N","60:50"\n'
)


def crema_d(root: Path, *, votes: bool = True) -> Path:
    for name in ("1001_DFA_ANG_XX", "1010_IEO_HAP_HI", "1001_TSI_SAD_XX"):
        write_tone(root / "AudioWAV" / f"{name}.wav")
    (root / "VideoDemographics.csv").write_text(ACTORS)
    if votes:
        (root / "processedResults").mkdir()
        (root / "processedResults" / "summaryTable.csv").write_text(VOTES)
    return root


class TestCremaD:
    def test_sentence_emotion_and_speaker(self, tmp_path: Path) -> None:
        clips = check_listing("crema_d", crema_d(tmp_path))
        assert {name: clip.split for name, clip in clips.items()} == {
            "1001_DFA_ANG_XX": "train", "1001_TSI_SAD_XX": "train", "1010_IEO_HAP_HI": "test",
        }  # fmt: skip
        clip = clips["1001_DFA_ANG_XX"]
        (said,) = clip.truth.utterances or ()
        assert (said.text, said.emotion, said.speaker) == ("Don't forget a jacket.", "neutral", "1001")
        (speaker,) = clip.truth.speakers or ()
        assert (speaker.name, speaker.sex, speaker.age) == ("1001", "male", "51")
        assert (clip.license, clip.groups) == ("ODbL-1.0", ("speaker:1001",))
        assert "Caucasian" not in repr(clips)

    def test_a_tie_has_no_emotion_and_the_acted_one_is_an_option(self, tmp_path: Path) -> None:
        def emotions(**options: str) -> list[str | None]:
            return [
                (clip.truth.utterances or ())[0].emotion for clip in listed("crema_d", tmp_path, **options)
            ]

        crema_d(tmp_path)
        assert emotions() == ["neutral", None, None]
        assert emotions(emotion="acted") == ["anger", "sadness", "joy"]

    def test_the_votes_are_optional(self, tmp_path: Path) -> None:
        clips = listed("crema_d", crema_d(tmp_path, votes=False))
        assert (clips[0].truth.utterances or ())[0].emotion == "anger"

    def test_errors_name_what_is_missing(self, tmp_path: Path) -> None:
        check_missing("crema_d", crema_d, ["AudioWAV", "VideoDemographics.csv"], tmp_path)
        root = crema_d(tmp_path / "more")
        write_tone(root / "AudioWAV" / "1002_DFA_ANG_XX.wav")
        with pytest.raises(SourceError, match="no row for the actor 1002"):
            listed("crema_d", root)
        write_tone(root / "AudioWAV" / "1001_AAA_ANG_XX.wav")
        with pytest.raises(SourceError, match="1001_AAA_ANG_XX"):
            listed("crema_d", root)
        (root / "VideoDemographics.csv").write_text("ActorID,Sex\n1001,Male\n")
        with pytest.raises(SourceError, match="no column 'Age'"):
            listed("crema_d", root)

    def test_a_build(self, tmp_path: Path) -> None:
        report = check_build("crema_d", crema_d(tmp_path / "corpus"), tmp_path)
        assert report.summary.clips == {"train": 2, "test": 1}
        assert report.summary.licenses == {"ODbL-1.0": 3}


def ravdess(root: Path) -> Path:
    for folder, name in (
        ("Audio_Speech_Actors_01-24/Actor_12", "03-01-06-01-02-01-12"),
        ("Audio_Speech_Actors_01-24/Actor_23", "03-01-03-02-01-01-23"),
        ("Audio_Song_Actors_01-24/Actor_21", "03-02-02-01-01-02-21"),
        ("Audio_Song_Actors_01-24/Actor_21", "02-02-02-01-01-02-21"),
    ):
        write_tone(root / folder / f"{name}.wav")
    return root


class TestRavdess:
    def test_the_file_name_is_the_annotation(self, tmp_path: Path) -> None:
        clips = check_listing("ravdess", ravdess(tmp_path))
        assert {name: clip.split for name, clip in clips.items()} == {
            "03-01-06-01-02-01-12": "train", "03-01-03-02-01-01-23": "test",
            "03-02-02-01-01-02-21": "validation",
        }  # fmt: skip
        clip = clips["03-01-06-01-02-01-12"]
        (said,) = clip.truth.utterances or ()
        assert (said.text, said.emotion, said.speaker) == ("Dogs are sitting by the door.", "fear", "12")
        assert [speaker.sex for speaker in clip.truth.speakers or ()] == ["female"]
        assert (clip.license, clip.groups, clip.truth.tags) == ("CC-BY-NC-SA-4.0", ("speaker:12",), None)
        song = clips["03-02-02-01-01-02-21"].truth
        assert [tag.label for tag in song.tags or ()] == ["Singing"]
        assert [speaker.sex for speaker in song.speakers or ()] == ["male"]

    def test_songs_are_an_option(self, tmp_path: Path) -> None:
        ravdess(tmp_path)
        assert len(listed("ravdess", tmp_path, song=False)) == 2
        assert len(listed("ravdess", tmp_path / "Audio_Speech_Actors_01-24")) == 2

    def test_errors_name_the_file_or_the_folder(self, tmp_path: Path) -> None:
        root = ravdess(tmp_path)
        write_tone(root / "Actor_12" / "03-01-06-01-02-01-12.wav")
        with pytest.raises(SourceError, match="Actor_12, too"):
            listed("ravdess", root)
        write_tone(root / "Actor_12" / "03-01-06-01-02-01.wav")
        with pytest.raises(SourceError, match=r"03-01-06-01-02-01\.wav: not of the form"):
            listed("ravdess", root)
        with pytest.raises(SourceError, match="no folder Actor_01"):
            listed("ravdess", root / "Actor_12")

    def test_a_build(self, tmp_path: Path) -> None:
        report = check_build("ravdess", ravdess(tmp_path / "corpus"), tmp_path)
        assert report.summary.clips == {"train": 1, "test": 1, "validation": 1}
        assert report.summary.licenses == {"CC-BY-NC-SA-4.0": 3}
