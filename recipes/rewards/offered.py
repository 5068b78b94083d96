"""Whether the answer is among the choices."""

from __future__ import annotations

from collections.abc import Sequence

from recipes.data.rows import Row
from recipes.rewards import reading


def offered(
    completions: Sequence[str], rows: Sequence[Row], tokens: Sequence[int] | None = None
) -> list[float]:
    """1 where the answer is the text of one choice, right or wrong, and where there are no choices.

    To :func:`accuracy` a wrong choice and none at all are the same, so a group without a right answer
    does not teach it to choose.
    """
    return [
        float(not row.choices or reading.chosen(completion, row.choices) is not None)
        for completion, row in zip(completions, rows, strict=True)
    ]
