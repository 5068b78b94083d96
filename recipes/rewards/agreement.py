"""Reward for an answer that follows from the reasoning."""

from __future__ import annotations

from collections.abc import Sequence

from recipes.data.rows import Row
from recipes.rewards import reading


def agreement(
    completions: Sequence[str], rows: Sequence[Row], tokens: Sequence[int] | None = None
) -> list[float]:
    """1 if the conclusion names the answer and no other choice, 0 if it names another choice.

    The conclusion is the last sentence of REFLECT, or without REFLECT those of REASONING and SUMMARY. A
    conclusion that names no choice gives 0.5, for example "one person speaks" if the choices are Yes and
    No. An answer that is none of the choices gives 0.
    """
    return [_agrees(completion, row) for completion, row in zip(completions, rows, strict=True)]


def _agrees(completion: str, row: Row) -> float:
    chosen = reading.chosen(completion, row.choices)
    if chosen is None:
        return 0.0
    ends = [reading.leaf(completion, "REFLECT")]
    if ends[0] is None:
        ends = [reading.leaf(completion, "REASONING"), reading.leaf(completion, "SUMMARY")]
    texts = [reading.sentences(text)[-1] for text in ends if text]
    if not texts:
        return 0.0
    named = set().union(*(reading.mentions(text, row.choices) for text in texts))
    if not named:
        return 0.5
    return float(named == {chosen})
