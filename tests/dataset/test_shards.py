"""Shards: read back with the tools that users have, byte-identical, safe when killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import datasets
import pandas
import pyarrow.parquet as pq
import pytest
from datasets import Audio, load_dataset
from helpers.dataset import BUILD, clip_file, failed_scene, questions_of, rebuild, scene_of

from paqa_builder.dataset import lock, schema
from paqa_builder.dataset.write import TEMPORARY, write_shards
from paqa_builder.errors import ConfigError, PaqaError


@pytest.fixture(autouse=True)
def _offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No network, and a cache that does not outlive the test."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)


@pytest.fixture
def items(tmp_path: Path) -> list:
    """Three clips with questions, in two splits; one without; one that failed."""
    paths = [clip_file(tmp_path / "audio", f"{name}.wav") for name in ("a", "b", "c", "ü n")]
    scenes = [scene_of(paths[0]), scene_of(paths[1]), scene_of(paths[2], split="test"), scene_of(paths[3])]
    made = [(scene, questions_of(scene)) for scene in scenes[:3]]
    return [*made, (scenes[3], []), (failed_scene(), [])]


def load(out: Path, *config: str, **options) -> datasets.DatasetDict:
    return load_dataset(str(out), *config, **options)


def contents(out: Path) -> dict[str, bytes]:
    return {p.relative_to(out).as_posix(): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}


class TestReading:
    def test_load_dataset_gives_the_public_columns(self, items: list, tmp_path: Path) -> None:
        write_shards(tmp_path / "out", items, BUILD)
        loaded = load(tmp_path / "out")
        assert set(loaded) == {"train", "test"}
        assert list(loaded["train"].features) == list(schema.QUESTIONS)
        assert isinstance(loaded["train"].features["audio"], Audio)
        row = loaded["train"].cast_column("audio", Audio(decode=False))[3]
        assert row["id"] == "q-b-0"
        assert row["choices"][row["answer_index"]] == row["answer"] == "Siren"
        assert row["audio"]["path"] == "b.wav"
        assert row["audio"]["bytes"] == Path(items[1][0].clip.path).read_bytes()
        assert row["provenance"][1] == {"stage": "tag", "backend": "fake", "revision": "1"}
        assert row["evidence"][0]["value"] == "Siren"
        assert row["evidence"][0]["end"] == 0.4
        assert (row["license"], row["attribution"]) == ("CC0-1.0", "Jo | Döe")

    def test_a_data_set_that_is_written_again_is_loaded_again(self, items: list, tmp_path: Path) -> None:
        write_shards(tmp_path / "out", items, BUILD)
        assert load(tmp_path / "out", "scenes")["train"].num_rows == 4
        write_shards(tmp_path / "out", items[1:], BUILD)
        assert load(tmp_path / "out", "scenes")["train"].num_rows == 3

    def test_scenes_hold_every_clip_and_null_is_not_empty(self, items: list, tmp_path: Path) -> None:
        silent = items[3][0]
        quiet = type(silent)(silent.clip, silent.audio, turns=(), tags=(), utterances=None)
        items[3] = (quiet, [])
        write_shards(tmp_path / "out", items, BUILD)
        train = load(tmp_path / "out", "scenes")["train"]
        assert list(train.features) == list(schema.SCENES)
        rows = {row["clip_id"]: row for row in train}
        assert list(rows) == ["a", "b", "ü n", "broken"]
        assert rows["a"]["utterances"][0]["words"][1] == {
            "start": 0.2, "end": 0.3, "text": "there", "confidence": 0.8,
        }  # fmt: skip
        assert rows["a"]["turns"][0]["origin"] == "diarize:fake@1"
        assert rows["a"]["truth_tags"][0]["localized"] is False
        assert rows["a"]["truth_turns"] is None
        assert rows["ü n"]["turns"] == []
        assert rows["ü n"]["utterances"] is None
        assert rows["broken"]["failures"][0]["stage"] == "read"
        assert rows["broken"]["duration"] is None
        assert rows["broken"]["turns"] is None

    def test_streaming_reads_the_same(self, items: list, tmp_path: Path) -> None:
        write_shards(tmp_path / "out", items, BUILD)
        whole = load(tmp_path / "out")["train"].cast_column("audio", Audio(decode=False))
        stream = load(tmp_path / "out", split="train", streaming=True)
        assert list(stream.cast_column("audio", Audio(decode=False))) == list(whole)
        assert len(list(load(tmp_path / "out", "scenes", split="train", streaming=True))) == 4

    def test_pandas_reads_it(self, items: list, tmp_path: Path) -> None:
        write_shards(tmp_path / "out", items, BUILD)
        table = pandas.read_parquet(tmp_path / "out" / "data" / "train-00000-of-00001.parquet")
        assert list(table.columns) == list(schema.QUESTIONS)
        assert table["audio"][0]["bytes"] == Path(items[0][0].clip.path).read_bytes()

    def test_a_split_without_questions_does_not_break_loading(self, items: list, tmp_path: Path) -> None:
        write_shards(
            tmp_path / "out", [(scene, q if scene.clip.split == "test" else []) for scene, q in items], BUILD
        )
        assert set(load(tmp_path / "out")) == {"test"}
        assert set(load(tmp_path / "out", "scenes")) == {"train", "test"}

    def test_no_questions_at_all_leaves_scenes_loadable(self, items: list, tmp_path: Path) -> None:
        write_shards(tmp_path / "out", [(scene, []) for scene, _ in items], BUILD)
        assert load(tmp_path / "out", "scenes")["train"].num_rows == 4
        assert "No question could be asked" in (tmp_path / "out" / "README.md").read_text()

    def test_nothing_at_all_is_still_a_finished_build(self, tmp_path: Path) -> None:
        write_shards(tmp_path / "out", [], BUILD)
        assert lock.verify(tmp_path / "out").files == ()

    def test_scenes_can_carry_the_audio(self, items: list, tmp_path: Path) -> None:
        write_shards(tmp_path / "out", items, BUILD, scenes_audio=True)
        train = load(tmp_path / "out", "scenes")["train"].cast_column("audio", Audio(decode=False))
        by_id = {row["clip_id"]: row["audio"] for row in train}
        assert by_id["ü n"]["bytes"] == Path(items[3][0].clip.path).read_bytes()
        assert by_id["broken"] is None


class TestLayout:
    def test_audio_is_stored_once_a_clip(self, tmp_path: Path) -> None:
        scene = scene_of(clip_file(tmp_path, "long.wav", seconds=20))
        write_shards(tmp_path / "out", [(scene, questions_of(scene, 20))], BUILD)
        size = os.path.getsize(scene.clip.path)
        written = (tmp_path / "out/data/train-00000-of-00001.parquet").stat().st_size
        assert size < written < 1.2 * size

    def test_many_clips_in_a_row_group_some_of_them_the_same(self, tmp_path: Path) -> None:
        """A dictionary that held a file twice would make Arrow store every row's audio."""
        paths = [clip_file(tmp_path / "in", f"{n}.wav", seconds=5) for n in range(6)]
        (tmp_path / "in" / "copy.wav").write_bytes(paths[0].read_bytes())
        scenes = [scene_of(path) for path in [*paths, tmp_path / "in" / "copy.wav"]]
        write_shards(tmp_path / "out", [(s, questions_of(s, 10)) for s in scenes], BUILD)
        shard = tmp_path / "out/data/train-00000-of-00001.parquet"
        size = sum(path.stat().st_size for path in paths)
        assert size < shard.stat().st_size < 1.2 * size
        for row in pq.read_table(shard).to_pylist():
            assert row["audio"]["path"] == f"{row['clip_id']}.wav"
            assert row["audio"]["bytes"] == (tmp_path / "in" / row["audio"]["path"]).read_bytes()

    def test_shards_roll_over_between_clips(self, tmp_path: Path) -> None:
        scenes = [scene_of(clip_file(tmp_path, f"{n}.wav", seconds=5)) for n in range(5)]
        write_shards(tmp_path / "out", [(s, questions_of(s)) for s in scenes], BUILD, shard_bytes=150_000)
        names = sorted(p.name for p in (tmp_path / "out/data").iterdir())
        assert names == [f"train-{n:05d}-of-00003.parquet" for n in range(3)]
        clips = [set(pq.read_table(tmp_path / "out/data" / n)["clip_id"].to_pylist()) for n in names]
        assert clips == [{"0", "1"}, {"2", "3"}, {"4"}]
        assert load(tmp_path / "out")["train"]["clip_id"][:] == [str(n) for n in range(5) for _ in range(3)]

    def test_row_groups_are_small(self, tmp_path: Path) -> None:
        scene = scene_of(clip_file(tmp_path, "x.wav"))
        write_shards(tmp_path / "out", [(scene, questions_of(scene, 250))], BUILD)
        file = pq.ParquetFile(tmp_path / "out/data/train-00000-of-00001.parquet")
        groups = [file.metadata.row_group(n) for n in range(file.metadata.num_row_groups)]
        assert [group.num_rows for group in groups] == [100, 100, 50]
        assert all(group.column(1).has_dictionary_page for group in groups)
        assert [len(row) for row in file.read()["audio"].combine_chunks().field(0).to_pylist()] == [
            8044
        ] * 250

    def test_large_clips_close_a_row_group(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("paqa_builder.dataset.parquet.GROUP_UNIQUE", 20_000)
        monkeypatch.setattr("paqa_builder.dataset.parquet.GROUP_DECODED", 40_000)
        scenes = [scene_of(clip_file(tmp_path, f"{n}.wav")) for n in range(5)]
        items = [(s, questions_of(s, 6 if n == 4 else 1)) for n, s in enumerate(scenes)]
        write_shards(tmp_path / "out", items, BUILD)
        file = pq.ParquetFile(tmp_path / "out/data/train-00000-of-00001.parquet")
        rows = [file.metadata.row_group(n).num_rows for n in range(file.metadata.num_row_groups)]
        assert rows == [2, 2, 4, 2]  # 2 clips of 8 kB; then 6 rows of one clip, 4 of which decode to 32 kB
        table = file.read()
        for row in table.to_pylist():
            assert row["audio"]["bytes"] == (tmp_path / f"{row['clip_id']}.wav").read_bytes()


class TestSafety:
    def test_the_same_input_gives_the_same_bytes(self, items: list, tmp_path: Path) -> None:
        write_shards(tmp_path / "one", items, BUILD)
        write_shards(tmp_path / "two", items, BUILD)
        write_shards(tmp_path / "two", items, BUILD)
        assert contents(tmp_path / "one") == contents(tmp_path / "two")

    def test_nothing_of_this_machine_is_published(self, items: list, tmp_path: Path) -> None:
        items[4] = (failed_scene(), [])
        write_shards(tmp_path / "out", items[:4], BUILD)
        assert not [
            name for name, data in contents(tmp_path / "out").items() if str(tmp_path).encode() in data
        ]

    def test_an_earlier_build_is_replaced_and_other_files_stay(self, items: list, tmp_path: Path) -> None:
        out = tmp_path / "out"
        write_shards(out, items, BUILD, shard_bytes=1)
        (out / "data" / "mine.parquet").write_bytes(b"mine")
        write_shards(out, items[:1], BUILD)
        assert sorted(contents(out)) == [
            "ATTRIBUTION.md", "README.md", "croissant.json", "data/mine.parquet",
            "data/train-00000-of-00001.parquet", "paqa.lock.json", "scenes/train-00000-of-00001.parquet",
        ]  # fmt: skip

    def test_a_foreign_readme_is_not_overwritten(self, items: list, tmp_path: Path) -> None:
        (tmp_path / "README.md").write_text("# My thesis\n")
        with pytest.raises(ConfigError, match=r"README\.md"):
            write_shards(tmp_path, items, BUILD)
        assert (tmp_path / "README.md").read_text() == "# My thesis\n"

    def test_a_card_edited_by_hand_is_kept_aside(self, items: list, tmp_path: Path) -> None:
        write_shards(tmp_path / "out", items, BUILD)
        readme = tmp_path / "out" / "README.md"
        readme.write_text(readme.read_text() + "\nMy words.\n")
        write_shards(tmp_path / "out", items, BUILD)
        assert "My words." in (tmp_path / "out" / "README.old.md").read_text()
        assert "My words." not in readme.read_text()

    def test_an_error_midway_leaves_the_earlier_data_set(self, items: list, tmp_path: Path) -> None:
        out = tmp_path / "out"
        write_shards(out, items[:2], BUILD)
        before = contents(out)
        Path(items[2][0].clip.path).write_bytes(b"something else")
        with pytest.raises(PaqaError, match=r"clip c: .* has changed"):
            write_shards(out, items, BUILD)
        assert contents(out) == before
        Path(items[2][0].clip.path).unlink()
        with pytest.raises(PaqaError, match=r"clip c: .* cannot be read any more"):
            write_shards(out, items, BUILD)
        assert contents(out) == before

    @pytest.mark.parametrize("moment", range(1, 10))
    def test_killed_at_any_moment_the_next_run_repairs(
        self, items: list, tmp_path: Path, moment: int
    ) -> None:
        """Kills a build at its n-th rename or removal; the folder is then old, or has no lock."""
        out = tmp_path / "out"
        write_shards(out, items[:2], BUILD, shard_bytes=1)
        old = contents(out)
        script = f"""
import os, signal, sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from helpers.dataset import rebuild
left = {moment}
def deadly(real):
    def call(*args, **kwargs):
        global left
        if "out" in str(args[0]):
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **kwargs)
    return call
os.replace, os.unlink = deadly(os.replace), deadly(os.unlink)
rebuild(sys.argv[1])
"""
        done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False, capture_output=True)
        assert done.returncode == -signal.SIGKILL, done.stderr.decode()
        names = set(contents(out))
        if lock.LOCK in names:
            assert {k: v for k, v in contents(out).items() if TEMPORARY not in k} == old
        else:
            with pytest.raises(PaqaError, match="no finished build"):
                lock.verify(out)
        rebuild(str(tmp_path))
        write_shards(tmp_path / "fresh", items, BUILD)
        assert contents(out) == contents(tmp_path / "fresh")
