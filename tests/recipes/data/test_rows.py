"""Rows from shards, streams and JSON."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.recipe_data import shards  # noqa: F401

from paqa_builder.errors import AudioError, ConfigError, NotReadyError
from paqa_builder.questions.traces import grammar
from recipes.config import Data
from recipes.data import audio, rows


def test_every_question_of_the_split_comes_with_its_scene_and_its_own_audio(shards: Path) -> None:  # noqa: F811
    found = rows.read(Data(path=str(shards)), "train")
    table = pq.read_table(shards / "data", filters=[("split", "=", "train")]).to_pylist()
    assert [row.id for row in found] == [fields["id"] for fields in table]
    for row, fields in zip(found, table, strict=True):
        assert row.answer in row.choices
        assert row.answer == fields["answer"]
        assert isinstance(row.audio, rows.AudioRef)
        assert row.audio.read() == fields["audio"]["bytes"]
        assert row.scene is not None
        assert row.scene["clip_id"] == row.clip_id
        assert all("words" not in utterance for utterance in row.scene["utterances"] or ())
    assert {row.clip_id for row in found}.isdisjoint(
        row.clip_id for row in rows.read(Data(path=str(shards)), "test")
    )


def test_a_stream_gives_the_same_questions_in_an_order_that_seed_and_epoch_decide(
    shards: Path,  # noqa: F811
) -> None:
    data = Data(path=str(shards), streaming=True)
    plain = {row.id: row for row in rows.read(data, "train")}
    once, again = list(rows.stream(data, "train", seed=1)), list(rows.stream(data, "train", seed=1))
    other = list(rows.stream(data, "train", seed=1, epoch=1))
    assert [row.id for row in once] == [row.id for row in again]
    assert [row.id for row in once] != [row.id for row in other]
    assert {row.id for row in once} == set(plain)
    for row in once:
        ref = plain[row.id].audio
        assert isinstance(ref, rows.AudioRef)
        assert row.audio == ref.read()
        assert row.scene == plain[row.id].scene


def test_rows_are_filtered_by_audio_contribution(shards: Path, tmp_path: Path) -> None:  # noqa: F811
    marked = shutil.copytree(shards, tmp_path / "marked")
    file = next((marked / "data").glob("train-*"))
    table = pq.read_table(file)
    if "audio_contribution" in table.column_names:
        table = table.drop_columns(["audio_contribution"])
    labels = ["strong" if n % 3 == 0 else "weak" for n in range(len(table))]
    pq.write_table(table.append_column("audio_contribution", pa.array(labels)), file)
    ids = table.column("id").to_pylist()
    for wanted in ("strong", "weak"):
        expected = [one for one, label in zip(ids, labels, strict=True) if label == wanted]
        assert [row.id for row in rows.read(Data(path=str(marked), contribution=wanted), "train")] == expected
    pq.write_table(table, file)
    assert len(rows.read(Data(path=str(marked), contribution="strong"), "train")) == len(ids)


def test_errors_of_missing_data(shards: Path, tmp_path: Path) -> None:  # noqa: F811
    with pytest.raises(ConfigError, match=r"data\.path"):
        rows.read(Data(), "train")
    with pytest.raises(ConfigError, match=r"validation.*test, train"):
        rows.read(Data(path=str(shards)), "validation")
    with pytest.raises(ConfigError, match="no shards"):
        rows.read(Data(path=str(tmp_path)), "train")
    with pytest.raises(ConfigError, match="no folder of shards"):
        rows.read(Data(path=str(tmp_path / "nowhere")), "train")
    (tmp_path / "data").mkdir()
    pq.write_table(pa.table({"id": ["q"], "text": ["?"]}), tmp_path / "data/train-00000-of-00001.parquet")
    with pytest.raises(ConfigError, match="lacks the columns clip_id, question"):
        rows.read(Data(path=str(tmp_path)), "train")


def test_a_name_on_a_hub_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(NotReadyError, match="nobody/nothing"):
        rows.read(Data(path="nobody/nothing"), "train")


def every(data: Data, split: str) -> list[rows.Row]:
    """Rows of a split that may be empty."""
    try:
        return rows.read(data, split)
    except ConfigError:
        return []


def paqa(number: int, response: str, clip: str = "clip") -> dict:
    text = f"<THINK>\n<PLANNING>p</PLANNING>\n</THINK>\n<RESPONSE>\n{response}\n</RESPONSE>\n"
    return {
        "instruction": "<audio>Who speaks? (a) A man. (b) A woman (c) Nobody (d) A child",
        "output": text, "audios": [f"/elsewhere/{clip}.wav"], "id": number,
    }  # fmt: skip


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
def test_official_paqa_is_answered_by_text_never_by_letter(tmp_path: Path, suffix: str) -> None:
    items = [
        paqa(0, "One hears her. The answer is B."),
        paqa(1, "It is a child"),
        paqa(2, "The answer is (c)."),
        paqa(3, "Hard to say."),
        paqa(4, "Either a man or a woman."),
    ]
    text = "".join(json.dumps(item) + "\n" for item in items)
    file = tmp_path / f"paqa{suffix}"
    file.write_bytes(gzip.compress(text.encode()) if suffix.endswith("gz") else text.encode())
    (tmp_path / "clip.wav").write_bytes(b"")
    both = [row for split in ("train", "test") for row in every(Data(path=str(file)), split)]
    assert {row.id: row.answer for row in both} == {"0": "A woman", "1": "A child", "2": "Nobody"}
    for row in both:
        assert row.choices == ("A man", "A woman", "Nobody", "A child")
        assert row.question == "Who speaks?"
        assert row.trace.endswith(f"<RESPONSE>{row.answer}</RESPONSE>")
        assert row.audio == str(tmp_path / "clip.wav")


def test_avqa(tmp_path: Path) -> None:
    item = {
        "id": 183,
        "video_name": "-HG3Omg_89c_000030",
        "video_id": 341,
        "question_text": "What made the sound in the video?",
        "multi_choice": ["motorboat", "Yacht consignment", "Sailboat set sail", "Consignment car"],
        "answer": 1,
        "question_relation": "View",
        "question_type": "Come From",
    }
    file = tmp_path / "train_qa.json"
    file.write_text(json.dumps([item | {"id": n, "video_name": f"v{n}"} for n in range(40)]))
    (tmp_path / "audio").mkdir()
    (tmp_path / "audio" / "v7.flac").write_bytes(b"")
    data = Data(path=str(file), audio_root=tmp_path / "audio")
    train, test = rows.read(data, "train"), rows.read(data, "test")
    assert len(train) + len(test) == 40
    assert len(train) > len(test) > 0
    row = next(row for row in train + test if row.id == "7")
    assert (row.answer, row.skill, row.audio) == (
        "Yacht consignment", "Come From", str(tmp_path / "audio" / "v7.flac")
    )  # fmt: skip
    assert row.question == "What made the sound in the audio?"
    missing = next(row for row in train if row.id != "7")
    with pytest.raises(AudioError, match=missing.clip_id):
        audio.samples(missing, 16_000)


@pytest.mark.parametrize(
    ("text", "says"),
    [("", "is empty"), ("{", "line 1"), ("[1", "JSON"), ('{"a": 1}', "unknown format")],
)
def test_other_json_is_refused(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "some.jsonl"
    file.write_text(text)
    with pytest.raises(ConfigError, match=says):
        rows.read(Data(path=str(file)), "train")


@pytest.mark.testdata
def test_the_released_sample_of_paqa_is_understood() -> None:
    file = Path(os.environ.get("PAQA_TESTDATA", "")) / "benchmarks/paqa_released_sample.jsonl.gz"
    if not file.is_file():
        pytest.skip("PAQA_TESTDATA is not set")
    found = [row for split in ("train", "test") for row in rows.read(Data(path=str(file)), split)]
    assert len(found) > 1400
    assert all(row.answer in row.choices and len(row.choices) >= 2 for row in found)
    assert sum(grammar.validate(row.trace) == [] for row in found) == 0  # theirs is an older grammar
