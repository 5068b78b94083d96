"""Reward for completions within the token budget."""

from __future__ import annotations

from collections.abc import Sequence

from recipes.data.rows import Row
from recipes.rewards import reading

_FREE = 0.75


def length(
    completions: Sequence[str], rows: Sequence[Row], tokens: Sequence[int] | None = None, *, budget: int = 768
) -> list[float]:
    """1 up to three quarters of the budget, then linearly down to 0 at its end.

    This is the soft overlong punishment of DAPO (Yu et al. 2025).

    Args:
        tokens: Sampled tokens per completion, excluding forced pauses; None: words are counted instead.
        budget: Most tokens of a completion.
    """
    counts = [len(reading.words(text)) for text in completions] if tokens is None else tokens
    free = _FREE * budget
    return [min(1.0, max(0.0, (budget - count) / (budget - free))) for count in counts]
