"""Whether a completion keeps within its budget."""

from __future__ import annotations

from collections.abc import Sequence

from recipes.data.rows import Row
from recipes.rewards import reading

_FREE = 0.75


def length(
    completions: Sequence[str], rows: Sequence[Row], tokens: Sequence[int] | None = None, *, budget: int = 768
) -> list[float]:
    """1 up to three quarters of the budget, then less, 0 at its end (soft overlong punishment, Yu et
    al. 2025, "DAPO").

    Args:
        tokens: Sampled tokens per completion, excluding forced pauses; counted in words where None.
        budget: Tokens that a completion may take.
    """
    counts = [len(reading.words(text)) for text in completions] if tokens is None else tokens
    free = _FREE * budget
    return [min(1.0, max(0.0, (budget - count) / (budget - free))) for count in counts]
