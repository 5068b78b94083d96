"""Reward for the right answer."""

from __future__ import annotations

from collections.abc import Sequence

from recipes.data.rows import Row
from recipes.rewards import reading


def accuracy(
    completions: Sequence[str], rows: Sequence[Row], tokens: Sequence[int] | None = None
) -> list[float]:
    """1 if the answer is the text of the right choice, ignoring case and punctuation; else 0.

    Stricter than the scoring of benchmarks: letters, lists of choices and text outside the answer's
    element are wrong.
    """
    return [
        float(answer is not None and reading.same(answer, row.answer))
        for answer, row in zip(map(reading.answer, completions), rows, strict=True)
    ]
