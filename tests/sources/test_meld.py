"""The source ``meld`` on a small tree, and on the official table where it is."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from helpers.source_contract import check_build, check_listing, check_missing, listed

from paqa_builder.config import load
from paqa_builder.errors import SourceError
from paqa_builder.pipeline.plan import Plan, make
from paqa_builder.testing import tone_scene

HEAD = (
    "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime\n"
)
VOICE = {"Phoebe": "low", "Monica": "high", "All": "middle"}
LINES = [
    # dialogue, utterance, speaker, seconds, text
    (0, 1, "Monica", 3.0, "What do you mean?"),
    (0, 0, "Phoebe", 4.0, "Oh my God, he\x92s lost it."),
    (0, 2, "Phoebe", 2.5, "Just look at him now."),
    (1, 0, "All", 2.0, "Surprise!"),
    (1, 1, "Monica", 3.0, "You got me there."),
    (2, 0, "Monica", 2.0, "Where is the next one?"),
    (2, 1, "Phoebe", 2.0, "Its file is gone."),
]


def tree(root: Path) -> Path:
    folder = root / "dev_splits_complete"
    folder.mkdir(parents=True)
    rows = "".join(
        f'1,"{text}",{who},Joy,positive,{dialogue},{number},4,7,"00:0{dialogue}:0{number},0","1"\n'
        for dialogue, number, who, _, text in LINES
    )
    (root / "dev_sent_emo.csv").write_text(HEAD + rows, encoding="utf-8")
    for dialogue, number, who, seconds, _ in LINES[:-1]:
        audio = tone_scene(seconds, [(VOICE[who], 0.2, seconds - 0.2)])
        soundfile.write(folder / f"dia{dialogue}_utt{number}.wav", audio.samples, audio.rate)
    (folder / "._dia2_utt1.mp4").write_bytes(b"\0\5\x16\7")  # as archives made on macOS have them
    return root


def plan_of(root: Path, save: bool = True, **options: object) -> Plan:
    flags = {
        "source": "meld",
        "root": root,
        "out": root.parent / "out",
        "preset": "fake",
        "speaker_names": "keep",
    }
    return make(load(flags | {"source_options": {"mode": "dialogues", **options}}), save=save)


def test_utterances(tmp_path: Path) -> None:
    clips = check_listing("meld", tree(tmp_path / "meld"))
    assert len(clips) == len(LINES)
    clip = clips["dev/dia0_utt0"]
    (said,) = clip.truth.utterances or ()
    assert (said.text, said.speaker, said.language, said.emotion) == (
        "Oh my God, he’s lost it.", "Phoebe", "en", "joy",
    )  # fmt: skip
    assert clip.truth.turns is None
    assert (clip.split, clip.license) == ("validation", "GPL-3.0")
    assert clip.groups == ("dialogue:dev/0", "recording:s4e7 00:00:00,0")
    assert clip.path == str(tmp_path / "meld" / "dev_splits_complete" / "dia0_utt0.wav")
    assert clips["dev/dia2_utt1"].path.endswith("/dia2_utt1.mp4")
    check_missing("meld", tree, ["dev_splits_complete"], tmp_path)


def test_dialogues_are_joined_with_turns_and_times(tmp_path: Path) -> None:
    root = tree(tmp_path / "meld")
    check_listing("meld", root, mode="dialogues")
    first, second, third = plan_of(root, gap=0.5).clips
    assert [clip.id for clip in (first, second, third)] == ["dev/dia0", "dev/dia1", "dev/dia2"]
    assert [(t.start, t.end, t.speaker) for t in first.truth.turns or ()] == [
        (0.0, 4.0, "Phoebe"), (4.5, 7.5, "Monica"), (8.0, 10.5, "Phoebe"),
    ]  # fmt: skip
    assert [(u.start, u.end, u.text) for u in first.truth.utterances or ()][1] == (
        4.5,
        7.5,
        "What do you mean?",
    )
    assert soundfile.info(first.path).duration == 10.5
    samples, rate = soundfile.read(first.path)
    assert not np.any(samples[round(4.05 * rate) : round(4.45 * rate)])
    # A line of several speakers is no turn of one.
    assert second.truth.turns is None
    assert len(second.truth.utterances or ()) == 2
    assert first.groups[0] == "dialogue:dev/0"


def test_the_official_container_with_mixed_rates(tmp_path: Path) -> None:
    """MP4 with AAC, as MELD's own files, of two rates."""
    root = tree(tmp_path / "meld")
    for number, rate in ((0, 44_100), (1, 48_000), (2, 44_100)):
        wav = root / "dev_splits_complete" / f"dia0_utt{number}.wav"
        write_mp4(wav.with_suffix(".mp4"), soundfile.info(wav).duration, rate)
        wav.unlink()
    clip = next(iter(plan_of(root).clips))
    turns = clip.truth.turns or ()
    # AAC pads a file by a frame or two.
    assert [round(turn.end - turn.start, 1) for turn in turns] == [4.0, 3.0, 2.5]
    assert abs(turns[-1].end - soundfile.info(clip.path).duration) < 0.001
    assert soundfile.info(clip.path).samplerate == 44_100


def write_mp4(path: Path, seconds: float, rate: int) -> None:
    with av.open(str(path), "w", format="mp4") as output:
        stream = output.add_stream("aac", rate=rate, layout="stereo")
        tone = tone_scene(seconds, [("low", 0.1, seconds - 0.1)], rate=rate).samples
        for start in range(0, len(tone), 1024):
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(np.stack([tone[start : start + 1024]] * 2)), "fltp", "stereo"
            )
            frame.rate, frame.pts = rate, start
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def test_a_dialogue_without_a_file_is_an_error_row(tmp_path: Path) -> None:
    plan = plan_of(tree(tmp_path / "meld"))
    problems = {i.clip.id: i.problem for part in plan.parts for i in part.fingerprints if i.problem}
    assert list(problems) == ["dev/dia2"]
    assert "dia2_utt1" in problems["dev/dia2"]


def test_a_plan_writes_nothing_and_a_second_one_reuses_the_files(tmp_path: Path) -> None:
    root = tree(tmp_path / "meld")
    assert len(list(plan_of(root, save=False).clips)) == 3
    assert not (tmp_path / "out.work").exists()
    clips = list(plan_of(root).clips)
    written = {clip.path: Path(clip.path).stat().st_mtime_ns for clip in clips[:2]}
    assert list(plan_of(root, save=False).clips) == list(plan_of(root).clips) == clips
    assert written == {path: Path(path).stat().st_mtime_ns for path in written}


def test_a_long_file_costs_its_dialogue_the_truth(tmp_path: Path) -> None:
    root = tree(tmp_path / "meld")
    audio = tone_scene(61.0)
    soundfile.write(root / "dev_splits_complete" / "dia0_utt2.wav", audio.samples, audio.rate)
    assert next(iter(plan_of(root).clips)).truth.turns is None


def test_builds(tmp_path: Path) -> None:
    root = tree(tmp_path / "meld")
    report = check_build("meld", root, tmp_path / "one")
    assert report.summary.failed == 1
    report = check_build("meld", root, tmp_path / "two", mode="dialogues")
    assert [clip for clip, _ in report.failures] == ["dev/dia2"]
    assert sum(report.summary.questions.values())


def test_names_of_the_test_split(tmp_path: Path) -> None:
    root = tree(tmp_path / "meld")
    (root / "dev_sent_emo.csv").rename(root / "test_sent_emo.csv")
    folder = (root / "dev_splits_complete").rename(root / "output_repeated_splits_test")
    (folder / "final_videos_testdia2_utt1.mp4").write_bytes(b"x")
    paths = {clip.id: Path(clip.path).name for clip in listed("meld", root)}
    assert paths["test/dia2_utt1"] == "final_videos_testdia2_utt1.mp4"
    assert paths["test/dia2_utt0"] == "dia2_utt0.wav"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Utterance,Speaker,Dialogue_ID\n", "no column 'Utterance_ID'"),
        ("Utterance,Speaker,Dialogue_ID,Utterance_ID\nHi,A,../1,0\n", "not numbers"),
        ("Utterance,Speaker,Dialogue_ID,Utterance_ID\nHi,A,1,0\nHi,A,1,0\n", "dia1_utt0 has a row already"),
    ],
)
def test_errors_name_table_and_row(tmp_path: Path, text: str, says: str) -> None:
    root = tree(tmp_path / "meld")
    (root / "dev_sent_emo.csv").write_text(text)
    with pytest.raises(SourceError, match=says) as caught:
        listed("meld", root)
    assert "dev_sent_emo.csv" in str(caught.value)
    with pytest.raises(SourceError, match=r"MELD\.Raw"):
        listed("meld", root / "dev_splits_complete")
    with pytest.raises(SourceError, match=r"train_sent_emo\.csv: not there"):
        listed("meld", root, splits=["train"])


@pytest.mark.testdata
def test_the_official_table(tmp_path: Path, testdata: Path) -> None:
    (tmp_path / "dev_sent_emo.csv").symlink_to(testdata / "corpora" / "MELD.Raw" / "dev_sent_emo.csv")
    (tmp_path / "dev_splits_complete").mkdir()
    clips = listed("meld", tmp_path)
    assert len({clip.id for clip in clips}) == len(clips) > 1000
    said = [(clip.truth.utterances or ())[0] for clip in clips]
    assert {"Joey", "Ross", "Rachel", "Phoebe", "Monica", "Chandler"} <= {u.speaker for u in said}
    assert {u.emotion for u in said} == {"neutral", "joy", "anger", "surprise", "sadness", "fear", "disgust"}
    dialogues = listed("meld", tmp_path, mode="dialogues")
    counts = Counter(clip.groups[0] for clip in clips)
    assert {clip.groups[0] for clip in dialogues} == set(counts)
