"""Annotation files of other tools as ground truth: what is read, matched, refused."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.exported import export_shards
from typer.testing import CliRunner

from paqa_builder.annotations import annotated, read_annotations
from paqa_builder.cli import app
from paqa_builder.config import Config
from paqa_builder.dataset.read import load_questions, load_scenes
from paqa_builder.errors import SourceError
from paqa_builder.export import ExportOptions, export
from paqa_builder.export.layers import layers_of
from paqa_builder.pipeline.build import build
from paqa_builder.records import Clip, Tag, Truth, Turn

SHORT = '''File type = "ooTextFile short"
"TextGrid"

0
2.5
<exists>
2
"IntervalTier"
"Mary"
0
2.5
2
0
1.25
"He said ""hi"""
1.25
2.5
""
"TextTier"
"clicks"
0
2.5
1
1.0
"x"
'''

# A file of ELAN: an unused tier, a subdivision whose inner time is open, and a translation without times.
EAF = """<ANNOTATION_DOCUMENT>
<TIME_ORDER><TIME_SLOT TIME_SLOT_ID="t1" TIME_VALUE="0"/><TIME_SLOT TIME_SLOT_ID="t2"/>
<TIME_SLOT TIME_SLOT_ID="t3" TIME_VALUE="1000"/></TIME_ORDER>
<TIER TIER_ID="default"/>
<TIER TIER_ID="Ann"><ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="t1"
 TIME_SLOT_REF2="t3"><ANNOTATION_VALUE>hello you</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER>
<TIER TIER_ID="tokens" PARENT_REF="Ann"><ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a2"
 TIME_SLOT_REF1="t1" TIME_SLOT_REF2="t2"><ANNOTATION_VALUE>hello</ANNOTATION_VALUE>
</ALIGNABLE_ANNOTATION></ANNOTATION></TIER>
<TIER TIER_ID="translation" PARENT_REF="Ann"><ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a3"
 ANNOTATION_REF="a1"><ANNOTATION_VALUE>hallo</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION></TIER>
</ANNOTATION_DOCUMENT>"""


def clip(name: str, folder: str = "", **more: Any) -> Clip:
    return Clip(f"{folder}{name}", "folder", "train", f"/data/{folder}{name}.wav", **more)


def truth_of(path: Path, *clips: Clip) -> Truth:
    return annotated(clips or [clip("a")], path)[0].truth


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["rttm", "ctm", "textgrid", "eaf", "audacity", "label-studio"])
def test_what_was_exported_comes_back(tmp_path: Path, name: str) -> None:
    """Every layer that a format holds, for every clip, with the same known and unknown layers."""
    shards = export_shards(tmp_path / "made")
    folder = export(shards, name, tmp_path / "out", ExportOptions(layer="model")).folder
    if name == "label-studio":  # as annotators accept the predictions
        for path in folder.glob("*.json"):
            tasks = json.loads(path.read_text(encoding="utf-8"))
            for task in tasks:
                task["annotations"] = [{"result": task.pop("predictions")[0]["result"]}]
            path.write_text(json.dumps(tasks), encoding="utf-8")
    held = {
        "rttm": ["turns"], "ctm": ["utterances"],
    }.get(name, ["turns", "tags", "utterances"])  # fmt: skip
    scenes = [scene for scene in load_scenes(shards) if scene.audio]
    if name in ("eaf", "label-studio"):  # refers to audio, which the shards have of clips with questions
        scenes = [scene for scene in scenes if scene.clip.id != "silent"]
    bare = [Clip(s.clip.id, "made_up", s.clip.split, f"/x/{n}.wav") for n, s in enumerate(scenes)]
    for scene, found in zip(scenes, annotated(bare, folder), strict=True):
        layers = layers_of(scene, "model")
        for layer in ("turns", "tags", "utterances"):
            there, wanted = getattr(found.truth, layer), getattr(layers, layer)
            if layer not in held or (wanted is None):
                assert there is None, (scene.clip.id, layer)
                continue
            if name == "ctm":  # utterances without word times are not in it
                wanted = [utterance for utterance in wanted if utterance.words]
            assert len(there) == len(wanted), (scene.clip.id, layer)
            one = sorted((r.start, r.end) for r in there if getattr(r, "localized", True))
            other = sorted((r.start, r.end) for r in wanted if getattr(r, "localized", True))
            for got, want in zip(one, other, strict=True):
                assert got == pytest.approx(want, abs=0.0021)
        if "tags" in held and layers.tags:
            assert {tag.localized for tag in found.truth.tags or ()} == {tag.localized for tag in layers.tags}


def test_speakers_words_and_labels(tmp_path: Path) -> None:
    truth = truth_of(write(tmp_path / "a.TextGrid", SHORT))
    assert [(t.start, t.end, t.speaker) for t in truth.turns or ()] == [(0.0, 1.25, "Mary")]
    assert [(u.text, u.speaker) for u in truth.utterances or ()] == [('He said "hi"', "Mary")]
    assert truth.tags is None
    assert str((truth.turns or ())[0].origin) == "truth:textgrid@1"
    (tmp_path / "a.TextGrid").write_bytes(SHORT.encode("utf-16"))
    assert truth_of(tmp_path) == truth
    truth = truth_of(
        write(tmp_path / "x/a.ctm", "a 1 0.0 0.4 good\na 1 0.5 0.3 day\n;; x\na 1 2.0 0.5 bye 0.9\n")
    )
    assert [(u.text, len(u.words)) for u in truth.utterances or ()] == [("good day", 2), ("bye", 1)]
    truth = truth_of(
        write(tmp_path / "y/a.tags.txt", "0.5\t1.0\tdog\n\\\t100\t200\n1.0\t2.0\tmy own sound\n")
    )
    assert [tag.label for tag in truth.tags or ()] == ["Dog", "my own sound"]


def test_layers_are_joined_and_replace_those_of_the_corpus(tmp_path: Path) -> None:
    origin = truth_of(write(tmp_path / "a.rttm", "SPEAKER a 1 0 1 <NA> <NA> S <NA> <NA>\n")).turns[0].origin  # type: ignore[index]
    own = Truth(turns=(Turn(0, 9, "old", 1.0, origin),), tags=(Tag(0, 1, "Dog", 1.0, "clip", True, origin),))
    write(tmp_path / "a.utterances.txt", "0\t1\thello\n")
    write(tmp_path / "README.md", "not an annotation")
    write(tmp_path / "other.json", '{"an": "object"}')
    truth = truth_of(tmp_path, clip("a", truth=own))
    assert [turn.speaker for turn in truth.turns or ()] == ["S"]
    assert truth.tags == own.tags
    assert [said.text for said in truth.utterances or ()] == ["hello"]


def test_files_are_matched_by_id_then_exported_name_then_stem(tmp_path: Path) -> None:
    clips = [clip("a", "one/"), clip("b", "one/"), clip("b", "two/"), clip("c d", "two/")]

    def speakers(name: str) -> list[str | None]:
        write(tmp_path / name / f"{name}.rttm", f"SPEAKER {name} 1 0 1 <NA> <NA> S <NA> <NA>\n")
        return [c.id for c in annotated(clips, tmp_path / name) if c.truth.turns]

    assert speakers("a") == ["one/a"]
    assert speakers("two_b") == ["two/b"]
    assert speakers("two_c_d") == ["two/c d"]
    with pytest.raises(SourceError, match="'b' may be any of the clips one/b, two/b"):
        speakers("b")
    with pytest.raises(SourceError, match=r"no clip is called 'aa'; there is 'a'"):
        speakers("aa")


def test_two_files_for_one_layer_are_refused(tmp_path: Path) -> None:
    for folder in ("x", "y"):
        write(tmp_path / folder / "a.rttm", "SPEAKER a 1 0 1 <NA> <NA> S <NA> <NA>\n")
    with pytest.raises(SourceError, match=r"turns of clip 'a' are in .*x/a.rttm, too"):
        truth_of(tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.rttm", "SPEAKER a 1 0 1 <NA> <NA> S\nSPEAKER a 1 -1 2 <NA> <NA> S\n", r"a.rttm, line 2: '-1'"),
        ("a.rttm", "SPEAKER a 1 1 0 <NA> <NA> S\n", r"line 1: ends at 1 s, not after"),
        ("a.rttm", "SPEAKER a 1 nan 1 <NA> <NA> S\n", "line 1"),
        ("a.rttm", "SPEAKER a 1 x 1 <NA> <NA> S\n", "line 1: start 'x'"),
        ("a.rttm", "SPEAKER a 1 0\n", "fewer than the 8"),
        ("a.ctm", "a 1 0 1 ok\na 1 2\n", r"a.ctm, line 2: has 3 fields"),
        ("a.turns.txt", "0\t1\tS\n2 3 S\n", r"line 2: is not START"),
        ("a.tags.txt", "1\t1\tpoint\n", "not after its start"),
        ("a.TextGrid", SHORT.replace("1.25\n\"He", "0\n\"He"), r"a.TextGrid, line 14: ends at 0 s"),
        ("a.TextGrid", SHORT[: SHORT.index('"TextTier"')], "ends where a text"),
        ("a.TextGrid", SHORT.replace("<exists>", '"x"'), r"line 6: has '\"x\"' where <exists>"),
        ("a.TextGrid", SHORT.replace("<exists>\n2", "<exists>\n1e999"), "line 7: has a number that is"),
        ("a.TextGrid", SHORT.replace('"TextGrid"', '"Pitch"'), "is a 'Pitch'"),
        ("a.TextGrid", SHORT.replace("\n2\n\"Int", "\n1e9\n\"Int"), "ends where"),
        ("a.eaf", "<a/>", "is a <a>"),
        ("a.eaf", "<!DOCTYPE x [<!ENTITY e 'x'>]><ANNOTATION_DOCUMENT/>", "document type"),
        ("a.eaf", "<ANNOTATION_DOCUMENT>", "cannot be read as XML"),
        ("a.eaf", EAF.replace('"1000"', f'"1{"0" * 400}"'), "times are milliseconds"),
        ("a.rttm", "a 0.5 1.0 S\n", "line 1: begins with 'a', no type of RTTM"),
        ("a.json", '[{"data": {"audio": "http://[x"}, "annotations": [{"result": []}]}]', "has no clip_id"),
        ("a.json", '{"tasks": []}', "is no list"),
        ("a.json", '[{"audio": "a.wav"}]', "task 1: has no data"),
        ("a.json", "[" * 200 + "]" * 200, "levels"),
        ("a.wav", "RIFF", "no annotation that is read"),
    ],
)  # fmt: skip
def test_malformed_files_are_named(tmp_path: Path, name: str, text: str, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        truth_of(write(tmp_path / name, text))


def region(name: str, value: Any, **more: Any) -> dict[str, Any]:
    return {"id": "r", "from_name": name, "type": "labels", "value": value, **more}


@pytest.mark.parametrize(
    ("regions", "words"),
    [
        ([region("mood", {"start": 0, "end": 1, "labels": ["x"]})], "control 'mood' is none of"),
        ([region("speakers", {"start": 2, "end": 1, "labels": ["x"]})], "task 1, region 1: ends at 1 s"),
        ([region("speakers", {"start": 0, "labels": ["x"]})], "times are seconds"),
        ([region("speakers", {"start": 0, "end": 1, "labels": [3]})], "no list of 'labels'"),
        ([region("speakers", None)], "has no value"),
        (["x"], "has no value"),
        ([region("speakers", {"start": 0, "end": 1, "labels": [" "]})], "a label has no text"),
        (
            [region("transcription", {"text": ["hi"]}, type="textarea")],
            "'hi' belongs to no region with times",
        ),
    ],
)
def test_malformed_regions_are_named(tmp_path: Path, regions: list[Any], words: str) -> None:
    task = {"data": {"clip_id": "a"}, "annotations": [{"result": regions}]}
    with pytest.raises(SourceError, match=words):
        truth_of(write(tmp_path / "a.json", json.dumps([task])))


def test_annotations_of_label_studio(tmp_path: Path) -> None:
    said = [
        region("speech", {"start": 0, "end": 1, "labels": ["Ann"]}),
        region("transcription", {"start": 0, "end": 1, "text": ["hello", "you"]}, type="textarea"),
        region("presence", {"choices": ["Rain"]}, type="choices"),
    ]
    cancelled = {"result": [], "was_cancelled": True}
    tasks = [
        {"data": {"audio": "/data/local-files/?d=audio/a.flac", "layers": ["turns"]},
         "annotations": [cancelled, {"result": said}]},
        {"data": {"clip_id": "b"}, "predictions": [{"result": said}], "annotations": []},
    ]  # fmt: skip
    first, second = annotated([clip("a"), clip("b")], write(tmp_path / "p.json", json.dumps(tasks)))
    assert first.truth.turns == ()
    assert [(u.text, u.speaker) for u in first.truth.utterances or ()] == [("hello you", "Ann")]
    assert [(t.label, t.localized) for t in first.truth.tags or ()] == [("Rain", False)]
    assert second.truth == Truth()
    tasks[0]["annotations"].append({"result": []})  # type: ignore[union-attr, attr-defined]
    with pytest.raises(SourceError, match="task 1: has 2 annotations"):
        list(read_annotations(write(tmp_path / "p.json", json.dumps(tasks))))


def test_a_build_takes_annotations_as_ground_truth(
    fake_config: Callable[..., Config], corpus: Path, tmp_path: Path
) -> None:
    truth = tmp_path / "truth"
    write(truth / "dialogue.rttm", "SPEAKER dialogue 1 0.5 2.5 <NA> <NA> ann <NA> <NA>\n")
    write(truth / "voices.tags.txt", "7.0\t8.0\tdog\n7.0\t99.0\tRain\n")
    with pytest.raises(SourceError, match="no clip is called 'voices'"):
        build(fake_config(truth=truth))
    (truth / "voices.tags.txt").rename(truth / "ünïcode voices.tags.txt")
    build(fake_config(truth=truth, speaker_names="keep"))
    scenes = {scene.clip.id: scene for scene in load_scenes(tmp_path / "shards")}
    assert [t.speaker for t in scenes["dialogue"].clip.truth.turns or ()] == ["ann"]
    tags = scenes["three/deep/ünïcode voices"].clip.truth.tags or ()
    assert [(tag.label, tag.end) for tag in tags] == [("Dog", 8.0), ("Rain", 10.0)]
    before = {q.id: q.answer for q in load_questions(tmp_path / "shards")}
    write(truth / "dialogue.rttm", "SPEAKER dialogue 1 0.5 2.5 <NA> <NA> bob <NA> <NA>\n")
    report = build(fake_config(truth=truth, speaker_names="keep"))
    assert not report.unchanged
    (scene,) = (s for s in load_scenes(tmp_path / "shards") if s.clip.id == "dialogue")
    assert [t.speaker for t in scene.clip.truth.turns or ()] == ["bob"]
    assert before


def test_an_export_below_the_corpus_is_not_listed(
    fake_config: Callable[..., Config], corpus: Path, tmp_path: Path
) -> None:
    build(fake_config())
    count = len(list(load_scenes(tmp_path / "shards")))
    export(tmp_path / "shards", "trl", corpus / "exported")
    build(fake_config())
    assert len(list(load_scenes(tmp_path / "shards"))) == count


def test_the_command_line_names_the_file(corpus: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "dialogue.rttm", "SPEAKER dialogue 1 -4 2.5 <NA> <NA> ann <NA> <NA>\n")
    command = ["plan", "--source", "folder", "--root", str(corpus), "--preset", "fake", "--truth", str(path)]
    result = CliRunner().invoke(app, [*command, "--out", str(tmp_path / "shards")])
    assert result.exit_code == 2
    assert "dialogue.rttm, line 1" in result.output.replace("\n", "")


def test_dependent_and_unused_tiers_of_elan_are_no_speakers(tmp_path: Path) -> None:
    truth = truth_of(write(tmp_path / "a.eaf", EAF))
    assert [(turn.speaker, turn.end) for turn in truth.turns or ()] == [("Ann", 1.0)]
    assert [said.text for said in truth.utterances or ()] == ["hello you"]
    sounds = EAF.replace('TIER_ID="Ann"', 'TIER_ID="sounds/Dog"')
    truth = truth_of(write(tmp_path / "a.eaf", sounds))
    assert (truth.turns, truth.utterances, [tag.label for tag in truth.tags or ()]) == (None, None, ["Dog"])


def test_variants_of_lines(tmp_path: Path) -> None:
    """Suffixes in capitals, decimal commas, old line ends, types of lines, channels."""
    truth = truth_of(write(tmp_path / "1/a.Turns.TXT", "0,5\t1,25\tA\r2\t3\tB\r"))
    assert [(turn.start, turn.end, turn.speaker) for turn in truth.turns or ()] == [
        (0.5, 1.25, "A"),
        (2, 3, "B"),
    ]
    rttm = "SPKR-INFO a 1 <NA> <NA> <NA> unknown S <NA>\nspeaker a 1 0 1 <NA> <NA> S <NA>\n"
    assert len(truth_of(write(tmp_path / "2/a.rttm", rttm)).turns or ()) == 1
    truth = truth_of(write(tmp_path / "3/a.ctm", "a A 0 0.5 how\na B 0.1 0.5 yes\na A 0.6 0.2 so\n"))
    assert [said.text for said in truth.utterances or ()] == ["how so", "yes"]
    truth = truth_of(write(tmp_path / "4/a.utterances.txt", "0\t1\t\n1\t2\thello\n"))
    assert [said.text for said in truth.utterances or ()] == ["hello"]


def test_names_with_accents_and_of_uploads(tmp_path: Path) -> None:
    divided = unicodedata.normalize("NFD", "café")
    assert truth_of(write(tmp_path / f"1/{divided}.turns.txt", "0\t1\tA\n"), clip("café")).turns
    arrow = {"type": "relation", "from_id": "r", "to_id": "r", "direction": "right"}
    task = {
        "data": {"audio": "/data/upload/3/0a1b2c3d-a.wav", "layers": 3},
        "annotations": [{"result": [region("speakers", {"start": 0, "end": 1, "labels": ["A"]}), arrow]}],
    }
    assert truth_of(write(tmp_path / "a.json", json.dumps([task]))).turns
    assert truth_of(write(tmp_path / "a.json", json.dumps([{**task, "annotations": 3}, task]))).turns
