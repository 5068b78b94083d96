"""Selection of questions for stage II."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from helpers import rl_data

from recipes.data.rows import Row
from recipes.scoring.answering import Answerer, Answers
from recipes.trainers import practice


@dataclass
class Scripted:
    """Answers each question as it is told, pass by pass."""

    script: dict[str, list[str]]
    asked: list[dict[str, Any]] = field(default_factory=list)

    def ask(self, rows: list[Row], **how: Any) -> list[Answers]:
        self.asked.append(how)
        return [
            Answers([f"<RESPONSE>{self.script[row.id][n]}</RESPONSE>" for row in rows], [], [], 0.0)
            for n in range(how["samples"])
        ]


def pick(script: dict[str, list[str]], batch: int = 2) -> list[str]:
    one: Any = Scripted(script)
    kept = practice.undecided(one, rl_data.rows(len(script)), tries=2, temperature=0.7, batch=batch, seed=3)
    assert one.asked[0]["sampling"].temperature == 0.7
    return [row.id for row in kept]


def test_questions_that_are_always_right_or_wrong_are_dropped(capsys: pytest.CaptureFixture[str]) -> None:
    script = {"q0": ["dog", "dog"], "q1": ["dog", "rain"], "q2": ["rain", "rain"], "q3": ["rain", "dog"]}
    assert pick(script) == ["q1", "q3"]
    assert "2 of 4 questions have right and wrong answers" in capsys.readouterr().err


def test_all_are_kept_where_too_few_are_left_for_a_batch() -> None:
    assert pick({"q0": ["dog", "dog"], "q1": ["dog", "rain"]}, batch=8) == ["q0", "q1"]


def test_a_model_tries_with_its_pauses_and_stays_as_it_was() -> None:
    model, processor, _ = rl_data.model_of("qwen2_audio")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    one = Answerer(rl_data.family("qwen2_audio"), model, processor, max_new_tokens=8, pause=rl_data.PAUSE)
    rows = rl_data.rows(3)
    kept = practice.undecided(one, rows, tries=2, temperature=1.0, batch=4, seed=0)
    assert kept == rows  # a random model is never right
    assert all((before[name] == value).all() for name, value in model.state_dict().items())


def test_some_are_the_same_for_a_seed() -> None:
    rows = rl_data.rows(12)
    first = practice.sample(rows, 5, seed=1)
    assert len({row.id for row in first}) == 5
    assert first == practice.sample(rows, 5, seed=1) != practice.sample(rows, 5, seed=2)
    assert practice.sample(rows, None, seed=1) == practice.sample(rows, 20, seed=1) == rows
