"""Small runs of the trials of faults, and the checks that they use."""

from __future__ import annotations

from pathlib import Path

import pytest
from fault_trials import decoding, disks, hostile, kills, races, states
from fault_trials.command import Ended, control_character, problem
from fault_trials.damage import DAMAGES
from fault_trials.promise import Promise, table
from fault_trials.site import SCENES, Site, contents, difference, write_corpus


def kept(promise: Promise) -> None:
    assert promise.trials
    assert not promise.broken


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A finished build."""
    folder = tmp_path_factory.mktemp("built")
    site = Site(folder / "site", write_corpus(folder / "corpus", SCENES), stems="keep")
    site.expect()
    return site


def test_the_table_counts_what_was_kept() -> None:
    promise = Promise("All is well", "2 s")
    promise.trial("one", None)
    promise.trial("two", "exit code 1")
    assert table([promise]).splitlines()[2] == "| All is well | 2 | 1 | 2 s |"
    assert promise.broken == ["two: exit code 1"]


@pytest.mark.parametrize(
    ("ended", "found"),
    [
        (Ended(0, "done", 1.0), None),
        (Ended(2, "error: no such folder\n  → name one", 1.0), "exit code 2, error: no such folder"),
        (
            Ended(1, "Traceback (most recent call last):\n  x\nKeyError: 'a'\n", 1.0),
            "traceback, KeyError: 'a'",
        ),
        (Ended(-9, "", 60.0, stopped="still running after 60 s"), "still running after 60 s"),
    ],
)
def test_what_is_wrong_with_an_end_is_said(ended: Ended, found: str | None) -> None:
    assert problem(ended) == found


@pytest.mark.parametrize("text", ["a\x1b[31m", "a\x9b2J", "a\rb", "a\u202eb"])
def test_characters_that_a_terminal_acts_on_are_found(text: str) -> None:
    assert control_character(text)
    assert control_character("clip ü\n\tdone, \\x1b[31m") is None


def test_every_damage_changes_a_file(tmp_path: Path) -> None:
    for name, damage in DAMAGES.items():
        path = tmp_path / name / "part.jsonl"
        path.parent.mkdir()
        path.write_text('{"start": 0.25}\n{"start": 0.5}\n')
        before = contents(path.parent)
        damage(path)
        assert difference(contents(path.parent), before), name


def test_a_killed_build_continues(built: Site, tmp_path: Path) -> None:
    kept(kills.at_file_changes(tmp_path, built.corpus, 1))


def test_a_killed_build_blocks_no_other(built: Site, tmp_path: Path) -> None:
    kept(races.killed_holder(tmp_path, built.corpus, contents(built.out), [0.5]))


def test_a_shard_that_is_gone_comes_back(built: Site, tmp_path: Path) -> None:
    shard = "data/train-00000-of-00001.parquet"
    kept(states.damaged_set(tmp_path, built, contents(built.out), ("deleted",), (shard,)))


def test_parts_that_are_gone_are_made_again(built: Site, tmp_path: Path) -> None:
    assert {"separate/part-.jsonl", "separate/stems-.zip", "clips.jsonl"} <= set(
        states.state_files(built.work)
    )
    kept(states.damaged_work(tmp_path, built, contents(built.out), ("deleted",), ("tag/part-.jsonl",)))


def test_a_stem_whose_place_a_folder_took_is_made_again(built: Site, tmp_path: Path) -> None:
    kept(states.damaged_work(tmp_path, built, contents(built.out), ("a folder",), ("separate/stems-.zip",)))


def test_a_file_in_the_way_is_kept(built: Site, tmp_path: Path) -> None:
    kept(disks.in_the_way(tmp_path, built.corpus, (("out", False),)))


def test_audio_is_read_to_its_end(tmp_path: Path) -> None:
    promises = list(
        decoding.trials(tmp_path, files=4, tricks=("flac, total 0",), cut=("au",), formats=("wav", "mp3"))
    )
    assert [promise.trials for promise in promises] == [1, 1, 4]
    for promise in promises:
        kept(promise)


def test_hostile_files_are_judged(tmp_path: Path) -> None:
    for promise in hostile.trials(tmp_path, ("locks", "tables"), limit=1):
        assert promise.trials == 1
