"""Insertion of pauses in stage I: positions, number, and labels without loss."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from recipes.data.collate import IGNORE, ROWS, pad
from recipes.pauses.insertion import Inserter, Likelihood
from recipes.sections import Insertion

PAUSE, PAD = 99, 0
TARGET = [list(range(10, 40)), list(range(50, 60))]
HEAD = 5


def batch() -> dict:
    ids = [torch.tensor([1] * HEAD + target) for target in TARGET]
    labels = [torch.tensor([IGNORE] * HEAD + target) for target in TARGET]
    return {**pad(ids, labels, PAD), "input_features": torch.zeros(2, 3), ROWS: ["a", "b"]}


def places(found: dict, row: int) -> list[int]:
    """Before which of the target's tokens a row pauses."""
    ids = found["input_ids"][row].tolist()
    return [
        len([token for token in ids[:n] if token != PAUSE]) - HEAD
        for n, token in enumerate(ids)
        if token == PAUSE and ids[n - 1] != PAUSE
    ]


def test_pauses_are_read_and_never_learned_and_nothing_else_changes() -> None:
    inserter = Inserter(Insertion(bursts=(1, 3)), n=4, token_id=PAUSE, pad_id=PAD)
    for step in range(30):
        found = inserter.insert(batch(), step)
        assert found["input_features"].shape == (2, 3)
        for row, target in enumerate(TARGET):
            ids, labels = found["input_ids"][row], found["labels"][row]
            mask = found["attention_mask"][row].bool()
            assert ids[mask & (ids != PAUSE)].tolist() == [1] * HEAD + target
            assert labels[labels != IGNORE].tolist() == target
            assert (labels[ids == PAUSE] == IGNORE).all()
            assert (ids[labels != IGNORE] == labels[labels != IGNORE]).all()
            assert 1 <= len(places(found, row)) <= 3
            assert (ids == PAUSE).sum() == 4 * len(places(found, row))
            assert min(places(found, row)) >= 0  # within the answer, never in the question


def test_step_and_seed_decide_and_none_is_a_number_too() -> None:
    inserters = [Inserter(Insertion(), 2, PAUSE, PAD, seed) for seed in (0, 0, 1)]
    at = [[places(one.insert(batch(), step), 0) for step in range(60)] for one in inserters]
    assert at[0] == at[1]
    assert at[0] != at[2]
    assert {len(line) for line in at[0]} == {0, 1, 2, 3}


def test_they_go_where_the_model_hesitates_once_it_is_known() -> None:
    settings = Insertion(bursts=(2, 2), random_share=0.0, quantile=0.1)
    inserter = Inserter(settings, 2, PAUSE, PAD)
    plain = batch()
    logs = torch.full((2, plain["labels"].shape[1] - 1), -0.01)
    logs[0, HEAD - 1 + 7] = -5.0  # before the target's eighth token
    logs[0, HEAD - 1 + 20] = -4.0
    logs[0, HEAD - 1 + 21] = -3.0
    inserter.likelihood.note(["a", "b"], plain["labels"], logs)
    for step in range(20):
        assert set(places(inserter.insert(batch(), step), 0)) <= {7, 20, 21}
    elsewhere = Inserter(settings.model_copy(update={"random_share": 1.0}), 2, PAUSE, PAD)
    elsewhere.likelihood = inserter.likelihood
    spread = {place for step in range(60) for place in places(elsewhere.insert(batch(), step), 0)}
    assert len(spread) > 20


def test_an_unseen_row_is_judged_by_its_tokens() -> None:
    known = Likelihood()
    assert known.of("c", np.array([10, 11])) is None
    plain = batch()
    logs = torch.full((2, plain["labels"].shape[1] - 1), -1.0)
    logs[0, HEAD - 1 + 3] = -6.0
    known.note(["a", "b"], plain["labels"], logs)
    found = known.of("c", np.array([10, 13, 11, 77]))
    assert found is not None
    assert found[1] < -5
    assert np.allclose(found[[0, 2]], -1)
    assert -6 < found[3] < -1  # a token never met: the average
    exact = known.of("a", np.array(TARGET[0]))
    assert exact is not None
    assert exact.argmin() == 3


def test_memory_is_bounded_and_survives_being_written(tmp_path: Path) -> None:
    known = Likelihood(rows=3)
    plain = batch()
    for n in range(4):
        logs = torch.full((2, plain["labels"].shape[1] - 1), -float(n + 1))
        known.note([f"a{n}", f"b{n}"], plain["labels"], logs)
    again = Likelihood()
    known.save(tmp_path / "known.npz")
    again.load(tmp_path / "known.npz")
    assert sorted(again._seen) == ["a3", "b2", "b3"]
    for row, target in (("a3", 0), ("b2", 1), ("unseen", 1)):
        one, two = known.of(row, np.array(TARGET[target])), again.of(row, np.array(TARGET[target]))
        assert one is not None
        assert two is not None
        assert (one == two).all()
    empty = Likelihood()
    empty.save(tmp_path / "empty.npz")
    empty.load(tmp_path / "empty.npz")
    assert empty.of("a", np.array([1])) is None
