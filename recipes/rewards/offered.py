"""Whether the answer is among the choices."""

from __future__ import annotations

from collections.abc import Sequence

from recipes.rewards import reading
from recipes.rows import Row


def offered(
    completions: Sequence[str], rows: Sequence[Row], tokens: Sequence[int] | None = None
) -> list[float]:
    """1 where the answer is the text of one choice, right or wrong, and where there are no choices.

    A policy that names what it heard, be it offered or not, gives nothing away to :func:`accuracy` by
    picking the nearest choice, but a group that is wrong throughout teaches it nothing of the kind.
    """
    said = map(reading.answer, completions)
    return [
        float(not row.choices or (one is not None and any(reading.same(one, c) for c in row.choices)))
        for one, row in zip(said, rows, strict=True)
    ]
