"""Ground truth in every format that docs/bench.md describes, and errors that name the line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from paqa_builder.bench.formats import load_references
from paqa_builder.bench.reference import Reference, match
from paqa_builder.errors import ConfigError
from paqa_builder.records import Truth

ROW = {
    "id": "a",
    "audio": "audio/a.flac",
    "speakers": [{"id": "S1"}],
    "segments": [
        {
            "speaker": "S1", "start": 1.0, "end": 4.0, "text": "hello there", "language": "en",
            "activity": [[1.0, 2.0], [2.3, 2.8], [3.5, 4.0]],
        }
    ],
    "events": [
        {
            "label": "dog", "onset": 2.0, "offset": 5.0, "snr_db": 3,
            "active_segments": [[2.0, 3.0], [4.0, 5.0]],
        },
        {"label": "my sound", "audioset": "Rain", "onset": 0.0, "offset": 9.0, "snr_db": 3},
    ],
    "stems": {"S1": "stems/a/S1.flac", "E1": "stems/a/E1.flac"},
}  # fmt: skip


def manifest(folder: Path, *rows: dict) -> Path:
    path = folder / "manifest.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_a_full_manifest(tmp_path: Path) -> None:
    manifest(tmp_path, ROW)
    (found,) = load_references(tmp_path)
    truth = found.truth
    # The pause of 0.3 s ends no turn, that of 0.7 s does.
    assert [(t.start, t.end, t.speaker) for t in truth.turns or ()] == [(1.0, 2.8, "S1"), (3.5, 4.0, "S1")]
    assert [(t.start, t.label) for t in truth.tags or ()] == [(0.0, "Rain"), (2.0, "dog"), (4.0, "dog")]
    assert truth.tags_complete
    assert [(u.speaker, u.text, u.language) for u in truth.utterances or ()] == [("S1", "hello there", "en")]
    assert found.snr == pytest.approx(3 - 3.0103, abs=1e-3)  # two sounds of one level are 3 dB more
    assert found.speech == (tmp_path / "stems/a/S1.flac",)
    assert found.others == (tmp_path / "stems/a/E1.flac",)


def test_a_minimal_manifest(tmp_path: Path) -> None:
    turns = [{"start": 0.0, "end": 1.0, "speaker": "x"}]
    path = manifest(tmp_path, {"id": "a", "turns": turns}, {"id": "b", "events": [{"label": "Dog"}]})
    one, other = load_references(path)
    assert (one.truth.tags, one.truth.utterances, one.snr) == (None, None, None)
    assert other.truth.turns is None
    assert [tag.localized for tag in other.truth.tags or ()] == [False]
    partial = load_references(path, partial_labels=True)[1]
    assert not partial.truth.tags_complete


def test_an_incomplete_transcript_is_unknown(tmp_path: Path) -> None:
    silent = {**ROW["segments"][0], "text": None}  # type: ignore[index,dict-item]
    (found,) = load_references(manifest(tmp_path, {**ROW, "segments": [*ROW["segments"], silent]}))  # type: ignore[misc]
    assert found.truth.utterances is None
    assert found.truth.turns


def test_a_folder_of_rttm_uem_stm_and_csv(tmp_path: Path) -> None:
    (tmp_path / "a.rttm").write_text("SPEAKER x 1 1.0 2.0 <NA> <NA> anna <NA> <NA>\n\n")
    both = "SPEAKER x 1 1.0 2.0 <NA> <NA> anna <NA> <NA>\nSPEAKER y 1 0.5 1.0 <NA> <NA> ben <NA> <NA>\n"
    (tmp_path / "all.rttm").write_text(both)
    (tmp_path / "all.uem").write_text("x 1 0.0 30.0\n")
    (tmp_path / "x.stm").write_text(";; comment\nx 1 anna 1.0 3.0 <o,f0,female> hello there\n")
    (tmp_path / "labels.csv").write_text("filename,onset,offset,event_label\nx,1.0,2.0,Dog\ny,,,Rain\nz,,,\n")
    (tmp_path / "text.tsv").write_text("clip\ttext\tlanguage\ny\tguten Tag\tde\n")
    found = {reference.names[0]: reference for reference in load_references(tmp_path)}
    assert set(found) == {"x", "y", "z"}
    x, y = found["x"], found["y"]
    assert [(t.start, t.end, t.speaker) for t in x.truth.turns or ()] == [(1.0, 3.0, "anna")]
    assert x.scored == ((0.0, 30.0),)
    assert [(u.speaker, u.text) for u in x.truth.utterances or ()] == [("anna", "hello there")]
    assert [(t.label, t.localized) for t in x.truth.tags or ()] == [("Dog", True)]
    assert [(t.label, t.localized) for t in y.truth.tags or ()] == [("Rain", False)]
    assert [(u.text, u.speaker, u.language) for u in y.truth.utterances or ()] == [("guten Tag", None, "de")]
    assert found["z"].truth.tags == ()  # known to be silent
    assert found["z"].truth.turns is None
    assert "a" in x.names  # the only clip of a.rttm


def test_a_single_rttm_file(tmp_path: Path) -> None:
    path = tmp_path / "speech.rttm"
    path.write_text("SPEAKER a 1 0.0 1.0 <NA> <NA> s <NA> <NA>\n")
    (found,) = load_references(path)
    assert found.names == ("a", "speech")


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("manifest.jsonl", '{"id": "a"}\n{"audio": "b"}\n', "line 2"),
        ("manifest.jsonl", "{nonsense\n", "not JSON"),
        ("manifest.jsonl", "", "no scene"),
        ("manifest.jsonl", '{"id": "a", "events": [{"onset": 1}]}\n', "line 1"),
        ("a.rttm", "SPEAKER a 1 zero 1.0 <NA> <NA> s <NA> <NA>\n", "line 1"),
        ("a.rttm", "SPEAKER a 1\n", "line 1"),
        ("labels.csv", "name,label\na,Dog\n", "line 2"),
        ("notes.txt", "", "no ground truth there"),
    ],
)
def test_errors_name_file_and_line(tmp_path: Path, name: str, text: str, says: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=says) as caught:
        load_references(tmp_path)
    assert caught.value.fix


def test_a_missing_path_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_references(tmp_path / "nowhere")


def test_clips_are_matched_by_id_then_by_file_name() -> None:
    def named(*names: str) -> Reference:
        return Reference(names, Truth())

    found = match(
        [named("a"), named("sub/b"), named("c.v2"), named("d")], ["a.wav", "sub/b.flac", "x/c.v2.wav"]
    )
    assert {clip: reference.names[0] for clip, reference in found.items()} == {
        "a.wav": "a", "sub/b.flac": "sub/b", "x/c.v2.wav": "c.v2",
    }  # fmt: skip
    # Two clips of one name: neither can be told from the other.
    assert match([named("a")], ["x/a.wav", "y/a.wav"]) == {}
    assert match([named("a")], ["x/a.wav", "a"]).keys() == {"a"}
    assert match([named("a"), named("a")], ["a"]) == {}


@pytest.mark.testdata
def test_the_test_datas_own_ground_truth_is_read(testdata: Path) -> None:
    scenes = load_references(testdata / "scenes")
    assert len(scenes) == 32
    assert sum(bool(reference.speech) for reference in scenes) == 8
    assert all(reference.truth.turns and reference.truth.utterances for reference in scenes)
    for reference in scenes:
        (rttm,) = load_references(testdata / f"scenes/rttm/{reference.names[0]}.rttm")
        assert [(round(t.start, 2), round(t.end, 2)) for t in rttm.truth.turns or ()] == [
            (round(t.start, 2), round(t.end, 2)) for t in reference.truth.turns or ()
        ]
    meetings = load_references(testdata / "meetings")
    assert len(meetings) == 6
    assert all(reference.scored == ((0.0, 30.0),) for reference in meetings)
