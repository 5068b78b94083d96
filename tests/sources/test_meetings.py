"""The sources ``ami`` and ``voxconverse`` on small trees, and on real excerpts where they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.audio_made import write_audio
from helpers.source_contract import check_build, check_missing, listed, write_tone

from paqa_builder import registry
from paqa_builder.config import load
from paqa_builder.dataset.read import rows
from paqa_builder.errors import SourceError
from paqa_builder.pipeline.build import build
from paqa_builder.testing import tone_scene

NITE = 'xmlns:nite="http://nite.sourceforge.net/"'
HEAD = '<?xml version="1.0" encoding="ISO-8859-1" standalone="yes"?>\n'
MEETINGS = f"""{HEAD}<nite:root nite:id="meet.00" {NITE}>
<meeting nite:id="meet_1" observation="ES2004a" duration="10" type="scenario">
 <speaker nite:id="ES2004a_1" channel="0" nxt_agent="A" global_name="FEE005" role="PM"/>
 <speaker nite:id="ES2004a_2" channel="1" nxt_agent="B" global_name="MEE006" role="ID"/>
</meeting>
<meeting nite:id="meet_2" observation="IS1000a"><speaker nxt_agent="A" global_name="MIO012"/></meeting>
</nite:root>
"""
PARTICIPANTS = f"""{HEAD}<nite:root nite:id="p.00" {NITE}>
<participant nite:id="FEE005" sex="F" age_at_collection="24.0" native_language="English">
 <english_language region="Scotland"/></participant>
<participant nite:id="MEE006" sex="M" native_language="French"/>
</nite:root>
"""


def word(agent: str, n: int, start: str, end: str, text: str, more: str = "") -> str:
    times = f' starttime="{start}" endtime="{end}"' if start else ""
    return f'   <w nite:id="ES2004a.{agent}.words{n}"{times}{more}>{text}</w>\n'


WORDS_A = "".join(
    [
        word("A", 0, "1.0", "1.4", "I&#39;m"),
        word("A", 1, "1.4", "2.0", "okay"),
        word("A", 2, "2.0", "2.0", ".", ' punc="true"'),
        '   <vocalsound nite:id="ES2004a.A.words3" starttime="2.1" endtime="3.0" type="laugh"/>\n',
        word("A", 4, "", "", "lost"),
        word("A", 5, "3.2", "3.6", "T_V_"),
        word("A", 6, "3.7", "4.0", "d\xe9cor", ' trunc="true"'),
    ]
)
WORDS_B = word("B", 0, "3.5", "4.2", "Yes") + word("B", 1, "4.2", "4.2", ",", ' punc="true"')


def xml(agent: str, body: str) -> bytes:
    return f'{HEAD}<nite:root nite:id="ES2004a.{agent}.words" {NITE}>\n{body}</nite:root>\n'.encode("latin-1")


def ami(root: Path) -> Path:
    write_tone(root / "amicorpus" / "ES2004a" / "audio" / "ES2004a.Mix-Headset.wav")
    write_tone(root / "amicorpus" / "ES2004a" / "audio" / "ES2004a.Array1-01.wav")
    write_tone(root / "amicorpus" / "IS1000a" / "audio" / "IS1000a.Mix-Headset.wav", 5.0)
    for folder in ("words", "corpusResources"):
        (root / folder).mkdir()
    (root / "words" / "ES2004a.A.words.xml").write_bytes(xml("A", WORDS_A))
    (root / "words" / "ES2004a.B.words.xml").write_bytes(xml("B", WORDS_B))
    (root / "words" / "IS1000a.A.words.xml").write_bytes(xml("A", word("A", 0, "1.0", "2.0", "Hello")))
    (root / "words" / "EN2001a.A.words.xml").write_bytes(xml("A", ""))
    (root / "corpusResources" / "meetings.xml").write_text(MEETINGS)
    (root / "corpusResources" / "participants.xml").write_text(PARTICIPANTS)
    return root


class TestAmi:
    def test_turns_words_and_participants(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        clips = {clip.id: clip for clip in listed("ami", ami(tmp_path))}
        assert {name: clip.split for name, clip in clips.items()} == {
            "ES2004a_0000.00": "test", "IS1000a_0000.00": "train",
        }  # fmt: skip
        truth = clips["ES2004a_0000.00"].truth
        assert [(t.start, t.end, t.speaker) for t in truth.turns or ()] == [
            (1.0, 2.0, "FEE005"), (3.2, 4.0, "FEE005"), (3.5, 4.2, "MEE006"),
        ]  # fmt: skip
        assert [u.text for u in truth.utterances or ()] == ["I'm okay.", "TV décor", "Yes,"]
        first = (truth.utterances or ())[0]
        assert [(w.start, w.end, w.text) for w in first.words] == [(1.0, 1.4, "I'm"), (1.4, 2.0, "okay.")]
        assert [(s.name, s.sex, s.age, s.accent) for s in truth.speakers or ()] == [
            ("FEE005", "female", "24", "native language: English"),
            ("MEE006", "male", None, "native language: French"),
        ]  # fmt: skip
        assert clips["ES2004a_0000.00"].groups == ("recording:ES2004a", "speaker:FEE005", "speaker:MEE006")
        assert [s.sex for s in clips["IS1000a_0000.00"].truth.speakers or ()] == ["male"]
        assert "1 meetings without audio left out (such as EN2001a)" in caplog.text

    def test_excerpts_and_microphone_are_options(self, tmp_path: Path) -> None:
        ami(tmp_path)
        whole = listed("ami", tmp_path, excerpt_seconds=0, microphone="Array1-01")
        assert [(c.id, Path(c.path).name) for c in whole] == [("ES2004a", "ES2004a.Array1-01.wav")]
        # The longest pause near 4 s is from 4.2 s on.
        parts = listed("ami", tmp_path, excerpt_seconds=4)
        assert [c.id for c in parts] == ["ES2004a_0000.00", "ES2004a_0004.50", "IS1000a_0000.00"]
        assert len(parts[0].truth.turns or ()) == 3
        assert parts[1].truth.turns == ()
        assert parts[1].groups == ("recording:ES2004a",)

    def test_rttm_in_place_of_the_annotation(self, tmp_path: Path) -> None:
        write_tone(tmp_path / "amicorpus" / "ES2004a" / "audio" / "ES2004a.Mix-Headset.wav")
        (tmp_path / "rttm").mkdir()
        lines = "SPEAKER ES2004a 1 1.0 2.5 <NA> <NA> FEE005 <NA> <NA>\n"
        (tmp_path / "rttm" / "ES2004a.rttm").write_text(lines)
        (tmp_path / "rttm" / "all.rttm").write_text(lines)
        (clip,) = listed("ami", tmp_path)
        assert [(t.start, t.end, t.speaker) for t in clip.truth.turns or ()] == [(1.0, 3.5, "FEE005")]
        assert clip.truth.utterances is None
        assert [s.sex for s in clip.truth.speakers or ()] == ["female"]
        (tmp_path / "rttm" / "all.rttm").write_text("SPEAKER ES2004a 1 x\n")
        with pytest.raises(SourceError, match=r"all\.rttm, line 1"):
            listed("ami", tmp_path)

    def test_errors_name_what_is_missing(self, tmp_path: Path) -> None:
        resources = [f"corpusResources/{name}.xml" for name in ("meetings", "participants")]
        check_missing("ami", ami, ["words", "amicorpus", *resources], tmp_path)
        root = ami(tmp_path / "more")
        (root / "words" / "ES2004a.A.words.xml").write_text("<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>")
        with pytest.raises(SourceError, match=r"ES2004a\.A\.words\.xml.*document type"):
            listed("ami", root)
        (root / "words" / "ES2004a.A.words.xml").write_bytes(xml("A", word("A", 0, "one", "2.0", "x")))
        with pytest.raises(SourceError, match="words0"):
            listed("ami", root)

    def test_a_build(self, tmp_path: Path) -> None:
        report = check_build("ami", ami(tmp_path / "corpus"), tmp_path, excerpt_seconds=4)
        assert report.summary.clips == {"test": 2, "train": 1}
        assert report.summary.licenses == {"CC-BY-4.0": 3}
        assert not report.failures
        durations = {row["clip_id"]: row["duration"] for row in rows(tmp_path / "shards", "scenes", None)}
        assert durations == {"ES2004a_0000.00": 4.5, "ES2004a_0004.50": 5.5, "IS1000a_0000.00": 5.0}

    @pytest.mark.testdata
    def test_real_excerpts(self, tmp_path: Path, testdata: Path) -> None:
        import soundfile

        for path in sorted((testdata / "meetings").glob("*.flac")):
            samples, rate = soundfile.read(path)
            soundfile.write(tmp_path / f"{path.stem}.Mix-Headset.wav", samples, rate)
            (tmp_path / f"{path.stem}.rttm").write_bytes(path.with_suffix(".rttm").read_bytes())
        clips = listed("ami", tmp_path, excerpt_seconds=10)
        assert len({clip.id for clip in clips}) == len(clips) >= 12
        assert sum(len(clip.truth.turns or ()) for clip in clips) >= 37
        assert {s.sex for clip in clips for s in clip.truth.speakers or ()} == {"female", "male"}


def voxconverse(root: Path) -> Path:
    for part, names in {"dev": ("abjxc", "afjiv"), "test": ("aepyx",)}.items():
        (root / part).mkdir(parents=True)
        for name in names:
            folder = root / "audio" if part == "dev" else root / "voxconverse_test_wav"
            write_audio(folder / f"{name}.wav", tone_scene(20.0, [("low", 0.5, 9.0), ("high", 11.0, 19.0)]))
            (root / part / f"{name}.rttm").write_text(
                f"SPEAKER {name} 1 11.0 8.0 <NA> <NA> spk01 <NA> <NA>\n"
                f"SPEAKER {name} 1 0.5 8.5 <NA> <NA> spk00 <NA> <NA>\n"
            )
    return root


class TestVoxConverse:
    def test_turns_of_excerpts(self, tmp_path: Path) -> None:
        clips = {c.id: c for c in listed("voxconverse", voxconverse(tmp_path), excerpt_seconds=10)}
        assert {name: clip.split for name, clip in clips.items()} == {
            "abjxc_0000.00": "validation", "abjxc_0010.00": "validation", "afjiv_0000.00": "validation",
            "afjiv_0010.00": "validation", "aepyx_0000.00": "test", "aepyx_0010.00": "test",
        }  # fmt: skip
        first, second = clips["abjxc_0000.00"], clips["abjxc_0010.00"]
        assert [(t.start, t.end, t.speaker) for t in first.truth.turns or ()] == [(0.5, 9.0, "spk00")]
        assert [(t.start, t.end, t.speaker) for t in second.truth.turns or ()] == [(1.0, 9.0, "spk01")]
        assert first.groups == second.groups == ("recording:abjxc",)
        trained = listed("voxconverse", tmp_path, dev_split="train", excerpt_seconds=0)
        assert [(c.id, c.split) for c in trained] == [
            ("abjxc", "train"),
            ("afjiv", "train"),
            ("aepyx", "test"),
        ]

    def test_a_missing_recording_is_a_clip_that_fails(self, tmp_path: Path) -> None:
        (voxconverse(tmp_path) / "audio" / "afjiv.wav").unlink()
        clips = listed("voxconverse", tmp_path)
        assert [c.id for c in clips] == ["abjxc_0000.00", "afjiv", "aepyx_0000.00"]

    def test_errors_name_what_is_missing(self, tmp_path: Path) -> None:
        check_missing("voxconverse", voxconverse, ["audio", "voxconverse_test_wav"], tmp_path)
        root = voxconverse(tmp_path / "more")
        lines = [f"SPEAKER {name} 1 1.0 2.0 <NA> <NA> a <NA> <NA>\n" for name in ("other", "another")]
        (root / "dev" / "abjxc.rttm").write_text("".join(lines))
        with pytest.raises(SourceError, match=r"abjxc\.rttm"):
            listed("voxconverse", root)
        with pytest.raises(SourceError, match=r"dev/ or test/"):
            listed("voxconverse", root / "audio")

    def test_a_build(self, tmp_path: Path) -> None:
        root = voxconverse(tmp_path / "corpus")
        report = check_build("voxconverse", root, tmp_path, excerpt_seconds=10)
        assert report.summary.clips == {"validation": 4, "test": 2}
        config = load(
            {
                "source": "voxconverse", "root": root, "out": tmp_path / "shards", "preset": "fake",
                "executor": "inline", "source_options": {"excerpt_seconds": 10},
            }
        )  # fmt: skip
        assert build(config).unchanged


def test_they_are_in_the_registry_and_have_a_card() -> None:
    cards = Path(__file__).parents[2] / "data_cards"
    for name in ("ami", "voxconverse"):
        assert registry.get("source", name).name == name
        assert (cards / f"{name}.md").is_file()
