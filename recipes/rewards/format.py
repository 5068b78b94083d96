"""Reward for the format of a trace."""

from __future__ import annotations

from collections.abc import Sequence

from paqa_builder.questions.traces import grammar
from recipes.data.rows import Row


def format_(
    completions: Sequence[str], rows: Sequence[Row], tokens: Sequence[int] | None = None
) -> list[float]:
    """1 if a completion follows the trace grammar and no element is empty; else 0."""
    return [float(not grammar.validate(completion)) for completion in completions]
