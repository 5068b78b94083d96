"""Whether a completion is a trace."""

from __future__ import annotations

from collections.abc import Sequence

from paqa_builder.questions.traces import grammar
from recipes.data.rows import Row


def format_(
    completions: Sequence[str], rows: Sequence[Row], tokens: Sequence[int] | None = None
) -> list[float]:
    """1 where a completion follows the grammar to the letter; empty elements do not."""
    return [float(not grammar.validate(completion)) for completion in completions]
