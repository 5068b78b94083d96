"""The text of a question, as given to solvers without audio."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from paqa_builder.formats.item import Item


@dataclass(frozen=True, slots=True)
class BlindItem(Item):
    """A question with a known answer.

    Questions on one clip are in one fold. Questions of one template are judged together.
    """

    answer: int


def batched(items: Iterable[BlindItem], size: int) -> Iterator[list[BlindItem]]:
    """Lists of at most ``size`` consecutive items."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
