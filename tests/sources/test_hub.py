"""The source ``hub`` on local copies: Parquet files and an ``audiofolder``, without a network."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from helpers.audio_made import write_audio
from helpers.hub_files import COMMIT, HubFiles
from helpers.source_contract import TONES, check_listing

from paqa_builder.check.proof import prove
from paqa_builder.config import Config, load
from paqa_builder.errors import ConfigError, NotReadyError, PaqaError, SourceError
from paqa_builder.pipeline.build import build
from paqa_builder.pipeline.plan import make
from paqa_builder.records import Clip
from paqa_builder.sources.derived import DerivedAudio
from paqa_builder.sources.hub import Hub, HubOptions
from paqa_builder.sources.hub_columns import truth_of
from paqa_builder.testing import tone_scene

datasets = pytest.importorskip("datasets")
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def wav(number: int) -> bytes:
    target = io.BytesIO()
    audio = tone_scene(10.0 + number / 100, TONES)
    soundfile.write(target, audio.samples, audio.rate, format="WAV")
    return target.getvalue()


def parquet(root: Path, rows: int = 6) -> Path:
    """Two files of a split, and one of another."""
    number = datasets.Value("float64")
    features = datasets.Features(
        {
            "name": datasets.Value("string"),
            "recording": datasets.Audio(),
            "sentence": datasets.Value("string"),
            "user": datasets.Value("int32"),
            "gender": datasets.ClassLabel(names=["female", "male"]),
            "sounds": datasets.List(datasets.ClassLabel(names=["dog_bark", "Bell", "siren"])),
            "first": datasets.Value("string"),
            "second": datasets.Value("string"),
            "terms": datasets.Value("string"),
            "segments": datasets.List({"from": number, "to": number, "who": datasets.Value("string")}),
        }
    )
    data = [
        {
            "name": f"n{n}", "recording": {"bytes": wav(n), "path": f"n{n}.wav"},
            "sentence": f"Sentence {n}.",
            "user": n % 3, "gender": n % 2, "sounds": [1, 2] if n else [], "first": "One.", "second": "Two.",
            "terms": "cc0-1.0" if n else None,
            "segments": [{"from": 0.5, "to": 3.5, "who": "a"}, {"from": 5.0, "to": 8.0, "who": "b"}],
        }
        for n in range(rows)
    ]  # fmt: skip
    whole = datasets.Dataset.from_list(data, features=features)
    (root / "data").mkdir(parents=True)
    half = rows - rows // 3
    for n, part in enumerate((range(half // 2), range(half // 2, half))):
        whole.select(part).to_parquet(root / "data" / f"train-{n:05d}-of-00002.parquet", batch_size=2)
    whole.select(range(half, rows)).to_parquet(root / "data" / "test-00000-of-00001.parquet")
    (root / "README.md").write_text("---\nlicense: cc-by-4.0\n---\n# Words\n")
    return root


COLUMNS: dict[str, Any] = {
    "id": "name", "text": "sentence", "speaker": "user", "sex": "gender", "labels": "sounds",
    "caption": ["first", "second"], "license": "terms", "group": "name",
}  # fmt: skip


def clips_of(root: Path, derived: Path | None = None, **options: Any) -> list[Clip]:
    source = Hub(None, HubOptions(path=str(root), **options))
    if derived is not None:
        source.derived = DerivedAudio(derived)
    return list(source.clips())


def test_columns_become_ground_truth(tmp_path: Path) -> None:
    root = parquet(tmp_path / "words")
    clips = {c.id: c for c in clips_of(root, tmp_path / "derived", columns=COLUMNS, language="en-US")}
    assert {name: clip.split for name, clip in clips.items()} == {
        "n0": "train", "n1": "train", "n2": "train", "n3": "train", "n4": "test", "n5": "test",
    }  # fmt: skip
    clip = clips["n1"]
    (said,) = clip.truth.utterances or ()
    assert (said.text, said.language, said.speaker) == ("Sentence 1.", "en", "1")
    assert [(s.name, s.sex) for s in clip.truth.speakers or ()] == [("1", "male")]
    assert [tag.label for tag in clip.truth.tags or ()] == ["Bell", "Siren"]
    assert clips["n0"].truth.tags == ()
    assert clip.truth.captions == ("One.", "Two.")
    assert clip.truth.turns is None
    assert (clip.license, clips["n0"].license) == ("CC0-1.0", "CC-BY-4.0")
    assert clip.groups == ("recording:n1", "speaker:1")
    assert clip.attribution == "words"
    assert Path(clip.path).read_bytes() == wav(1)
    assert Path(clip.path).name.endswith(".wav")
    assert said.origin.revision.startswith("1+")


def test_lists_of_times_give_turns(tmp_path: Path) -> None:
    columns = {"start": "segments.from", "end": "segments.to", "speaker": "segments.who"}
    clip = clips_of(parquet(tmp_path / "words"), columns=columns)[0]
    assert [(t.start, t.end, t.speaker) for t in clip.truth.turns or ()] == [(0.5, 3.5, "a"), (5.0, 8.0, "b")]
    assert clip.truth.utterances is None
    assert clip.groups == ("speaker:a", "speaker:b")
    assert (clip.id, clip.license) == ("train/00000000", "CC-BY-4.0")
    with pytest.raises(SourceError, match=r"lists of different lengths: .*labels"):
        clips_of(tmp_path / "words", columns=columns | {"labels": "sounds"})


def test_a_listing_continues_and_is_made_again_where_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, derived = parquet(tmp_path / "words", 9), tmp_path / "derived"
    monkeypatch.setattr("paqa_builder.sources.hub_rows._PART", 2)
    expected = clips_of(root, tmp_path / "other", columns=COLUMNS)
    source = Hub(None, HubOptions(path=str(root), columns=COLUMNS))
    source.derived = DerivedAudio(derived)
    listing = source.clips()
    first = [next(listing).id for _ in range(3)]
    listing.close()  # as --limit does
    assert first == ["n0", "n1", "n2"]
    assert len(list(derived.rglob("*.wav"))) == 3

    def compare() -> None:
        clips = clips_of(root, derived, columns=COLUMNS)
        assert [(c.id, c.truth, Path(c.path).name) for c in clips] == [
            (c.id, c.truth, Path(c.path).name) for c in expected
        ]
        assert all(Path(c.path).is_file() for c in clips)

    compare()
    parts = sorted(derived.rglob("part-*.jsonl"))
    with monkeypatch.context() as patch:
        patch.setattr("paqa_builder.sources.hub_data.HubData.open", None)  # not needed any more
        compare()
    parts[1].write_bytes(parts[1].read_bytes()[:-10])
    compare()
    next(derived.rglob("*.wav")).unlink()
    compare()


def test_a_plan_writes_nothing_and_a_build_once(tmp_path: Path) -> None:
    root = parquet(tmp_path / "words")
    config = load(
        {
            "source": "hub", "out": tmp_path / "shards", "preset": "fake", "executor": "inline",
            "source_options": {"path": str(root), "columns": COLUMNS, "license": "CC-BY-4.0"},
        }
    )  # fmt: skip
    assert len(list(make(config, save=False).clips)) == 6
    assert not config.work_folder.exists()
    report = build(config)
    assert report.summary.clips == {"train": 4, "test": 2}
    assert report.summary.licenses == {"CC0-1.0": 5, "CC-BY-4.0": 1}
    assert not report.failures
    assert prove(config.out).good
    assert build(config).unchanged
    assert str(tmp_path) not in (config.out / "paqa.lock.json").read_text()


def test_the_root_is_a_local_copy_and_the_contract_holds(tmp_path: Path) -> None:
    check_listing("hub", parquet(tmp_path / "words"), columns=COLUMNS)


def folder(root: Path) -> Path:
    for n in range(2):
        write_audio(root / "train" / f"{n}.wav", tone_scene(10.0, TONES))
    (root / "train" / "metadata.jsonl").write_text(
        "".join(json.dumps({"file_name": f"{n}.wav", "words": f"Yes {n}"}) + "\n" for n in range(2))
    )
    return root


def test_files_of_an_audiofolder_are_used_where_they_are(tmp_path: Path) -> None:
    root = folder(tmp_path / "folder")
    clips = clips_of(root, tmp_path / "derived", columns={"text": "words"})
    assert [Path(c.path) for c in clips] == [root / "train" / "0.wav", root / "train" / "1.wav"]
    assert (clips[1].truth.utterances or ())[0].text == "Yes 1"
    assert clips == clips_of(root, tmp_path / "derived", columns={"text": "words"})


def paths(root: Path, *names: str) -> Path:
    root.mkdir()
    features = datasets.Features(
        {"file": {"bytes": datasets.Value("binary"), "path": datasets.Value("string")}}
    )
    data = [{"file": {"bytes": None, "path": name}} for name in names]
    datasets.Dataset.from_list(data, features=features).to_parquet(root / "train.parquet")
    return root


def test_rows_without_audio_and_paths_that_lead_out_are_failures(
    tmp_path: Path, fake_config: Callable[..., Config]
) -> None:
    write_audio(tmp_path / "secret.wav", tone_scene(10.0, TONES))
    root = paths(
        tmp_path / "paths", "../secret.wav", str(tmp_path / "secret.wav"), "", "http://127.0.0.1:1/a.wav",
        "zip://a.wav::http://127.0.0.1:1/a.zip", "inside.wav",
    )  # fmt: skip
    write_audio(root / "inside.wav", tone_scene(10.0, TONES))
    options = {"path": str(root), "columns": {"audio": "file"}}
    report = build(fake_config(source="hub", root=None, source_options=options))
    failures = {clip: failure.message for clip, failure in report.failures}
    assert sorted(failures) == [f"train/{n:08d}" for n in range(5)]
    assert sum("not in the" in message for message in failures.values()) == 4
    assert "has no audio" in failures["train/00000002"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"columns": {"text": "sentense"}}, r"no column 'sentense'. Did you mean 'sentence'"),
        ({"columns": {"text": "segments.fro"}}, r"Did you mean 'from'"),
        ({"columns": {"audio": "record"}}, r"Did you mean 'recording'"),
        ({"columns": {"id": "first"}}, r"row 2: the id 'One.' is that of"),
        ({"columns": {"start": "sentence", "end": "sentence"}}, r"'Sentence 0.' is no time in seconds"),
        ({"splits": {"dev": "validation"}}, r"no split 'dev'"),
        ({"splits": {"train": "training"}}, r"'training' is none of train, validation, test"),
        ({"config": "de"}, r"de"),
    ],
)
def test_errors_name_the_option(tmp_path: Path, options: dict[str, Any], says: str) -> None:
    root = parquet(tmp_path / "words", 3)
    with pytest.raises(SourceError, match=says):
        clips_of(root, tmp_path / "derived", **options)


def test_other_errors(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such folder"):
        clips_of(tmp_path / "gone")
    with pytest.raises(SourceError, match="needs the name or the folder"):
        Hub(None, HubOptions())
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="no files"):
        clips_of(tmp_path / "empty")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "train.parquet").write_bytes(b"PAR1")
    with pytest.raises(SourceError, match="broken"):
        clips_of(tmp_path / "broken")
    bomb = tmp_path / "bomb" / "train.parquet"
    bomb.parent.mkdir()
    text = pa.array(["x" * 1_000_000]).dictionary_encode()
    many = pa.DictionaryArray.from_arrays(pa.array([0] * 3000, pa.int32()), text.dictionary)
    pq.write_table(pa.table({"audio": many}), bomb)
    with pytest.raises(SourceError, match="unpacks to"):
        clips_of(bomb.parent)
    with pytest.raises((NotReadyError, SourceError)) as caught:
        clips_of(Path("nobody/nothing"))
    assert caught.value.fix
    options = {"columns": {"captoin": "x"}}
    with pytest.raises(ConfigError, match=r"columns\.captoin"):
        make(load({"source": "hub", "preset": "fake", "source_options": options}))
    with pytest.raises(ConfigError, match="sex, age and accent need"):
        make(load({"source": "hub", "preset": "fake", "source_options": {"columns": {"sex": "x"}}}))


def test_data_sets_of_paqa_are_refused(fake_config: Callable[..., Config], tmp_path: Path) -> None:
    config = fake_config()
    build(config)
    with pytest.raises(PaqaError, match="a data set that paqa built"):
        clips_of(config.out)
    with pytest.raises(PaqaError, match="a data set that paqa built"):
        clips_of(config.out / "scenes")


LISTING = """
import json, sys
from pathlib import Path
from paqa_builder.errors import PaqaError
from paqa_builder.sources.derived import DerivedAudio
from paqa_builder.sources.hub import Hub, HubOptions
source = Hub(None, HubOptions(**json.loads(sys.argv[1])))
source.derived = DerivedAudio(Path(sys.argv[2]))
try:
    rows = [[c.id, c.license, c.source_url, source.origin.revision, c.path] for c in source.clips()]
except PaqaError as error:
    rows = [type(error).__name__, error.message]
print(json.dumps(rows))
"""


def test_a_data_set_of_a_server_is_streamed_and_then_read_without_it(tmp_path: Path) -> None:
    def listing(endpoint: str, **options: Any) -> Any:
        words = [sys.executable, "-c", LISTING, json.dumps(options), str(tmp_path / "derived")]
        environment = os.environ | {
            "HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "0",
            "PYTHONPATH": str(ROOT), "HF_HUB_DISABLE_TELEMETRY": "1",
        }  # fmt: skip
        done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    columns = {"id": "name"}
    with HubFiles(parquet(tmp_path / "words"), "owner/words", "cc-by-sa-4.0") as server:
        rows = listing(server.url, path="owner/words", columns=columns)
        (unknown, message) = listing(server.url, path="owner/other")
        assert not any(request.startswith(("POST", "PUT")) for request in server.requests)
    assert [row[0] for row in rows] == [f"n{n}" for n in range(6)]
    assert rows[0][1:4] == ["CC-BY-SA-4.0", "https://huggingface.co/datasets/owner/words", f"1+{COMMIT}"]
    assert Path(rows[0][4]).read_bytes() == wav(0)
    assert (unknown, "owner/other" in message) == ("SourceError", True)
    # The commit is known, so the index answers.
    assert listing("http://127.0.0.1:9", path="owner/words", revision=COMMIT, columns=columns) == rows


def test_entries_with_wrong_times_are_left_out() -> None:
    values = {
        "start": [0.5, 3.0, None, "nan"], "end": [1.5, 2.0, 4.0, "2"], "text": ["a", "b", "c", "d"],
        "speaker": ["x", "y", "x", "y"],
    }  # fmt: skip
    with pytest.raises(SourceError, match="row 7: None is no time"):
        truth_of(values, Hub(Path()).origin, "en", "row 7")
    truth = truth_of({**values, "start": [0.5, 3.0, 4.0, "nan"]}, Hub(Path()).origin, "en", "row 7")
    assert [said.text for said in truth.utterances or ()] == ["a"]
    assert [turn.speaker for turn in truth.turns or ()] == ["x"]
