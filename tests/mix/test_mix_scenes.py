"""Mixed scenes: reproducible bytes, and ground truth that matches the audio."""

from __future__ import annotations

import json
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from helpers.audio_made import folder_bytes
from helpers.mix_pools import LABELS, SPEC, events_manifest, speech_manifest

from paqa_builder.errors import AudioError, ConfigError, SourceError
from paqa_builder.intervals import union
from paqa_builder.labels import audioset
from paqa_builder.licenses import combined
from paqa_builder.mix import decoding, render
from paqa_builder.mix.activity import FRAME, active_rms
from paqa_builder.mix.folder import mix, prepare, write_scene
from paqa_builder.mix.scene import design_json, read_design
from paqa_builder.mix.source import Mix
from paqa_builder.mix.spec import load_spec, make_spec
from paqa_builder.records import Clip, from_json, to_json
from paqa_builder.sources import settle_truth


@pytest.fixture(scope="module")
def pools(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Manifests of speech (with text) and of sounds."""
    folder = tmp_path_factory.mktemp("pools")
    return str(speech_manifest(folder)), str(events_manifest(folder))


def make(out: Path, pools: tuple[str, str], workers: int = 1, **changes: object) -> list[dict]:
    spec = make_spec({**SPEC, "scenes": 12, "stems": True, **changes})
    list(mix(prepare(spec, out, [pools[0]], [pools[1]]), workers))
    return [json.loads(line) for line in (out / "manifest.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, pools: tuple[str, str]) -> tuple[Path, list[dict]]:
    out = tmp_path_factory.mktemp("scenes") / "out"
    return out, make(out, pools, scenes=24)


def test_same_seed_same_bytes_for_any_number_of_workers(tmp_path: Path, pools: tuple[str, str]) -> None:
    make(tmp_path / "one", pools)
    make(tmp_path / "two", pools, workers=2)
    assert folder_bytes(tmp_path / "one") == folder_bytes(tmp_path / "two")
    other = make(tmp_path / "other", pools, seed=1)
    first = json.loads((tmp_path / "one/manifest.jsonl").read_text(encoding="utf-8").splitlines()[0])
    assert other[0]["pcm_sha256"] != first["pcm_sha256"]


def test_a_stopped_run_resumes_and_scenes_do_not_depend_on_their_number(
    tmp_path: Path, pools: tuple[str, str]
) -> None:
    few = make(tmp_path / "a", pools, scenes=4)
    (tmp_path / "a/rows" / f"{few[2]['id']}.json").unlink()
    (tmp_path / "a/audio" / f"{few[2]['id']}.flac").unlink()
    kept = tmp_path / "a/audio" / f"{few[0]['id']}.flac"
    stamp = kept.stat().st_mtime_ns
    make(tmp_path / "a", pools, scenes=6)
    assert kept.stat().st_mtime_ns == stamp
    make(tmp_path / "b", pools, scenes=6)
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")
    with pytest.raises(ConfigError, match="another specification or seed"):
        make(tmp_path / "a", pools, seed=5)


def test_a_scene_is_rendered_again_from_its_own_json(made: tuple[Path, list[dict]], tmp_path: Path) -> None:
    out, rows = made
    roots = {name: Path(folder) for name, folder in json.loads((out / "pools.json").read_text()).items()}
    for row in rows[:5]:
        path = out / "scenes" / f"{row['id']}.json"
        design = read_design(path)
        assert design_json(design) == path.read_text(encoding="utf-8")
        assert write_scene(design, roots, tmp_path, stems=True, jams=True) == row
    before = folder_bytes(out)
    assert all(before[name] == data for name, data in folder_bytes(tmp_path).items())
    with pytest.raises(ConfigError, match="--root"):
        write_scene(design, {}, tmp_path, stems=False, jams=False)


def test_a_recording_that_changed_is_noticed(tmp_path: Path, pools: tuple[str, str]) -> None:
    speech = speech_manifest(tmp_path / "pool")
    rows = make(tmp_path / "out", (str(speech), pools[1]), scenes=1)
    design = read_design(tmp_path / "out/scenes" / f"{rows[0]['id']}.json")
    changed = tmp_path / "pool" / design.segments[0].take.path
    samples, rate = soundfile.read(changed)
    soundfile.write(changed, samples * 0.5, rate)
    decoding.clear()
    with pytest.raises(AudioError, match="its SHA-256 differs"):
        render.render(design, {"speech0": tmp_path / "pool", "events0": Path(pools[1]).parent})


def test_stems_add_up_to_the_mixture_and_nothing_is_silent(made: tuple[Path, list[dict]]) -> None:
    out, rows = made
    for row in rows:
        mixture = soundfile.read(out / row["audio"], dtype="int16")[0].astype(np.int32)
        stems = [
            soundfile.read(out / path, dtype="int16")[0].astype(np.int32) for path in row["stems"].values()
        ]
        assert len(stems) == len(row["speakers"]) + len(row["events"]) + 1
        assert np.array_equal(np.sum(stems, axis=0), mixture)
        assert len(mixture) == row["num_samples"] == round(row["duration"] * row["sample_rate"])
        assert np.abs(mixture).max() <= 32767 * 10 ** (-1 / 20) + 4
        zeros = np.flatnonzero(np.diff(np.concatenate(([1], (mixture != 0).astype(int), [1]))))
        longest = max(np.diff(zeros.reshape(-1, 2), axis=1), default=[0])
        assert longest < FRAME * row["sample_rate"] / 4


def test_activity_levels_and_snr_are_those_of_the_stems(made: tuple[Path, list[dict]]) -> None:
    out, rows = made
    for row in rows:
        rate = row["sample_rate"]
        voices = np.zeros(row["num_samples"])
        spoken = []
        for speaker in row["speakers"]:
            stem = soundfile.read(out / row["stems"][speaker["id"]])[0]
            own = [span for s in row["segments"] if s["speaker"] == speaker["id"] for span in s["activity"]]
            voices += stem
            spoken += own
            if row["room"] is None:  # reverberation goes on after the voice has stopped
                outside = stem.copy()
                for start, end in own:
                    outside[round((start - FRAME) * rate) : round((end + FRAME) * rate)] = 0
                assert np.abs(outside).max() < 0.05 * np.abs(stem).max()
        if not row["has_overlap"]:
            for segment in row["segments"]:
                loud = 20 * np.log10(active_rms(voices, rate, segment["activity"]) / row["gain_applied"])
                assert loud == pytest.approx(segment["level_dbfs"], abs=0.5 if row["room"] else 0.1)
        level = active_rms(voices, rate, union(spoken))
        for event in row["events"]:
            stem = soundfile.read(out / row["stems"][event["stem"]])[0]
            snr = 20 * np.log10(level / active_rms(stem, rate, event["active_segments"]))
            assert snr == pytest.approx(event["snr_db"], abs=0.2)
            assert snr == pytest.approx(event["snr_measured_db"], abs=0.05)
            assert 0 <= event["onset"] < event["offset"] <= row["duration"]


def test_splits_share_no_speaker_text_or_recording(made: tuple[Path, list[dict]]) -> None:
    _, rows = made
    assert {row["split"] for row in rows} == {"train", "validation", "test"}
    used: dict[str, set[tuple[str, str]]] = {}
    for row in rows:
        parts = used.setdefault(row["split"], set())
        parts |= {("speaker", s["corpus_speaker"]) for s in row["segments"]}
        parts |= {("text", s["text"]) for s in row["segments"]}
        parts |= {("source", e["src_file"]) for e in row["events"]}
    for one, other in combinations(used.values(), 2):
        assert not one & other


def test_speakers_do_not_overlap_themselves_and_nothing_repeats(made: tuple[Path, list[dict]]) -> None:
    _, rows = made
    assert {row["num_speakers"] for row in rows} == {1, 2, 3, 4}
    assert any(row["has_overlap"] for row in rows)
    for row in rows:
        by: dict[str, list[dict]] = {}
        for segment in row["segments"]:
            by.setdefault(segment["speaker"], []).append(segment)
            assert 0 <= segment["start"] < segment["end"] <= row["duration"]
        assert (
            list(by)
            == [s["id"] for s in row["speakers"]]
            == [f"S{n + 1}" for n in range(row["num_speakers"])]
        )
        for own in by.values():
            assert all(a["end"] <= b["start"] for a, b in pairwise(own))
        texts = [segment["text"] for segment in row["segments"]]
        clips = [event["clip"] for event in row["events"] if event["kind"] == "event"]
        assert len(texts) == len(set(texts))
        assert len(clips) == len(set(clips))


def test_the_source_gives_the_truth(made: tuple[Path, list[dict]]) -> None:
    out, rows = made
    clips = list(Mix(out).clips())
    assert [clip.id for clip in clips] == [row["id"] for row in rows]
    assert Mix(out).vocabulary == set(LABELS)
    for clip, row in zip(clips, rows, strict=True):
        truth = clip.truth
        assert clip.split == row["split"]
        assert clip.license == "CC-BY-4.0"
        assert {f"speaker:{s['corpus_speaker']}" for s in row["speakers"]} <= set(clip.groups)
        assert {f"recording:events/{e['src_file']}" for e in row["events"]} <= set(clip.groups)
        assert clip.attribution == "; ".join(
            dict.fromkeys(f"by {s['corpus_speaker']}" for s in row["segments"])
        )
        assert settle_truth(truth, row["duration"]) == truth
        assert truth.tags_complete
        assert truth.tags is not None
        assert {tag.label for tag in truth.tags} <= set(LABELS)
        assert all(
            tag.localized and tag.origin.is_truth and tag.origin.backend == "mix" for tag in truth.tags
        )
        assert [u.text for u in truth.utterances or ()] == [s["text"] for s in row["segments"]]
        assert all(
            u.words[0].text == s["corpus_speaker"]
            for u, s in zip(truth.utterances or (), row["segments"], strict=True)
        )
        lines = (out / "rttm" / f"{clip.id}.rttm").read_text(encoding="utf-8").split("\n")[:-1]
        heard = [(f[7], float(f[3]), float(f[3]) + float(f[4])) for f in map(str.split, lines)]
        assert heard == [(t.speaker, t.start, pytest.approx(t.end)) for t in truth.turns or ()]
        assert from_json(Clip, to_json(clip)) == clip


def test_labels_of_older_scenes_are_mapped_to_audioset(made: tuple[Path, list[dict]], tmp_path: Path) -> None:
    row = next(row for row in made[1] if row["events"])
    events = [
        {**row["events"][0], "audioset": None, "label": label}
        for label in ("door_wood_knock", "rain", "gnomes at work")
    ]
    (tmp_path / "manifest.jsonl").write_text(json.dumps({**row, "events": events}) + "\n", encoding="utf-8")
    (clip,) = Mix(tmp_path).clips()
    assert {tag.label for tag in clip.truth.tags or ()} == {"Knock", "Rain", "gnomes at work"}


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("{", "line 2: not JSON"),
        ("{}", "line 2: not a scene (KeyError"),
        ('{"id": "x", "split": "unseen", "segments": [], "events": []}', "split 'unseen' is none of"),
        (None, "has a line already"),
    ],
)
def test_a_bad_line_of_a_manifest_is_named(
    made: tuple[Path, list[dict]], tmp_path: Path, line: str | None, names: str
) -> None:
    first = json.dumps(made[1][0])
    (tmp_path / "manifest.jsonl").write_text(f"{first}\n{line or first}\n", encoding="utf-8")
    with pytest.raises(SourceError) as caught:
        list(Mix(tmp_path).clips())
    assert names in str(caught.value)
    (tmp_path / "manifest.jsonl").unlink()
    with pytest.raises(SourceError, match="mixing did not finish"):
        list(Mix(tmp_path).clips())


def test_words_keep_their_place_in_the_utterance(made: tuple[Path, list[dict]]) -> None:
    _, rows = made
    for segment in (s for row in rows for s in row["segments"]):
        # In the pool's files speech, and the word, begin at 0.15 s; 0.05 s of margin stays.
        assert segment["words"][0]["start"] == pytest.approx(segment["start"] + 0.05, abs=0.03)


def test_speech_without_text_leaves_utterances_unknown(tmp_path: Path, pools: tuple[str, str]) -> None:
    mute = str(speech_manifest(tmp_path / "pool", text=False))
    speech = {"speakers": {0: 1, 2: 1}, "piece": {"min": 0.4, "max": 3}}
    rows = make(tmp_path / "out", (mute, pools[1]), speech=speech)
    assert {row["num_speakers"] for row in rows} == {0, 2}
    for clip, row in zip(Mix(tmp_path / "out").clips(), rows, strict=True):
        written = (tmp_path / "out/text" / f"{clip.id}.stm").is_file()
        if row["num_speakers"]:
            assert clip.truth.utterances is None
            assert clip.truth.turns
            assert not written
        else:
            assert (clip.truth.utterances, clip.truth.turns) == ((), ())
            assert written


def test_missing_material_is_named(tmp_path: Path, pools: tuple[str, str]) -> None:
    with pytest.raises(ConfigError, match="6 speakers, but scenes may have 9"):
        make(tmp_path, pools, speech={"speakers": {9: 1}})
    with pytest.raises(ConfigError, match=r"lower duration or speech\.fill"):
        make(tmp_path / "long", pools, duration={"min": 60, "max": 60})
    with pytest.raises(ConfigError, match="different sounds"):
        make(tmp_path / "sounds", pools, events={"length": {"min": 3, "max": 3}})
    with pytest.raises(ConfigError, match="add --events"):
        prepare(make_spec(SPEC), tmp_path, [pools[0]], [])


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        (["CC0", "CC-BY-4.0"], "CC-BY-4.0"),
        (["CC-BY-4.0 (VCTK)", "CC-BY"], "CC-BY-4.0"),
        (["CC-BY-4.0", "CC-BY-NC-4.0"], "CC-BY-NC-4.0"),
        (["CC-BY-SA-4.0", "CC-BY-NC-4.0"], "CC-BY-NC-4.0 AND CC-BY-SA-4.0"),
        (["CC-BY-SA-4.0", "CC-BY-NC-SA-4.0"], "CC-BY-NC-SA-4.0 AND CC-BY-SA-4.0"),
        (
            ["CC0", "http://creativecommons.org/licenses/sampling+/1.0/"],
            "http://creativecommons.org/licenses/sampling+/1.0/",
        ),
        (["CC-BY-4.0", ""], "unknown"),
        ([], "unknown"),
    ],
)
def test_the_most_restrictive_licence_is_named(parts: list[str], whole: str) -> None:
    assert combined(parts) == whole
    assert combined(parts[::-1]) == whole


def test_jams_files_are_valid(made: tuple[Path, list[dict]]) -> None:
    jams = pytest.importorskip("jams")
    out, rows = made
    for row in rows:
        read = jams.load(str(out / "jams" / f"{row['id']}.jams"), validate=True, strict=True)
        assert read.file_metadata.duration == row["duration"]
        sounds = read.search(namespace="scaper")[0].data
        assert [s.value["label"] for s in sounds] == [e["audioset"] for e in row["events"]]
        (said,) = read.search(namespace="lyrics")
        assert [s.value for s in said.data] == [s["text"] for s in row["segments"]]


def test_image_sources_render_the_same_bytes_twice(tmp_path: Path, pools: tuple[str, str]) -> None:
    pytest.importorskip("pyroomacoustics")
    room = {"share": 1, "engine": "pyroomacoustics", "rt60": {"min": 0.2, "max": 0.4}}
    one = make(tmp_path / "a", pools, scenes=2, room=room)
    assert one == make(tmp_path / "b", pools, scenes=2, room=room)
    dry = make(tmp_path / "c", pools, scenes=2, room=None)
    assert one[0]["pcm_sha256"] != dry[0]["pcm_sha256"]


@pytest.mark.testdata
def test_real_clips_are_mixed_with_splits_apart(tmp_path: Path, testdata: Path) -> None:
    clips = [str(testdata / "clips")]
    job = prepare(load_spec("crowd", {"scenes": 12, "rate": 8000}), tmp_path, clips, clips)
    rows = list(mix(job))
    assert len(rows) == 12
    assert job.speech is not None
    assert job.events is not None
    assert {r.group for r in job.events.recordings} >= {"dog", "rain"}
    assert {e["audioset"] for row in rows for e in row["events"]} <= set(audioset.labels())
    # Folds 1 to 3, 4 and 5; and no speaker in two splits.
    assert {r.split for r in job.events.recordings if r.path.startswith("events/5-")} == {"test"}
    speakers = [set(job.speech.groups(split)) for split in ("train", "validation", "test")]
    assert not any(a & b for a, b in combinations(speakers, 2))
    assert sum(map(len, speakers)) == 260


@pytest.mark.testdata
def test_the_source_reads_older_scenes_of_the_same_layout(testdata: Path) -> None:
    clips = list(Mix(testdata / "scenes").clips())
    assert len(clips) == 32
    assert {clip.split for clip in clips} == {"validation"}
    assert all(clip.truth.utterances and clip.truth.turns for clip in clips)
    manifest = (testdata / "scenes/manifest.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in manifest.splitlines()]
    for clip, row in zip(clips, rows, strict=True):
        lines = (testdata / "scenes/rttm" / f"{clip.id}.rttm").read_text(encoding="utf-8").split("\n")
        heard = sorted(
            (float(f[3]), round(float(f[3]) + float(f[4]), 3), f[7]) for f in map(str.split, lines) if f
        )
        assert heard == [(t.start, t.end, t.speaker) for t in clip.truth.turns or ()]
        assert len(clip.truth.tags or ()) == sum(len(e["active_segments"]) for e in row["events"])


def test_layer_that_another_cancels_stays_within_16_bits() -> None:
    loud, against = np.zeros(8), np.zeros(8)
    loud[3], against[3] = 2.0, -0.9
    gain = render.gain_for([loud, against], 8)
    assert np.abs(loud * gain).max() <= 1.0
    assert gain == pytest.approx(0.5)
    # Where no layer is louder than the whole, the whole decides.
    assert render.gain_for([loud, -0.1 * against], 8) == pytest.approx(render.CEILING / 2.09)
    assert render.gain_for([0.1 * loud], 8) == 1.0
