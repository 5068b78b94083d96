"""Whether the answer is right."""

from __future__ import annotations

from collections.abc import Sequence

from recipes.data.rows import Row
from recipes.rewards import reading


def accuracy(
    completions: Sequence[str], rows: Sequence[Row], tokens: Sequence[int] | None = None
) -> list[float]:
    """1 where the answer is the text of the right choice, but for case and punctuation.

    Stricter than the scoring of benchmarks: a letter is no answer, nor is a list of choices, nor an
    answer outside its element.
    """
    return [
        float(said is not None and reading.same(said, row.answer))
        for said, row in zip(map(reading.answer, completions), rows, strict=True)
    ]
