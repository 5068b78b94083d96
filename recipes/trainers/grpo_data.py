"""Data sets for the GRPO trainer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from recipes.data import prompts
from recipes.data.rows import Row
from recipes.families import Family


def dataset(rows: Sequence[Row] | Callable[[], Iterable[Row]], family: Family) -> Any:
    """Data set of ``prompt``, a chat that the trainer logs, and ``row``.

    Args:
        rows: All rows, or a function that yields them, for a streaming data set.
    """
    from datasets import Dataset, IterableDataset

    if callable(rows):
        return IterableDataset.from_generator(_Stream(rows, family))

    def pick(batch: dict[str, list[int]]) -> dict[str, list[Any]]:
        examples = [_example(rows[index], family) for index in batch["index"]]
        return {key: [example[key] for example in examples] for key in ("prompt", "row")}

    # Arrow would add "audio: None" to the text parts of a chat, so it stores only indices.
    return Dataset.from_dict({"index": range(len(rows))}).with_transform(pick)


def _example(row: Row, family: Family) -> dict[str, Any]:
    return {"prompt": family.messages(prompts.prompt(row)), "row": row}


class _Stream:
    """Generator function for ``datasets``, which hashes it by its pickle: a constant one, without rows."""

    def __init__(self, rows: Callable[[], Iterable[Row]], family: Family) -> None:
        self.rows, self.family = rows, family

    def __call__(self) -> Iterator[dict[str, Any]]:
        return (_example(row, self.family) for row in self.rows())

    def __deepcopy__(self, memo: object) -> _Stream:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return (str, ("rows",))
