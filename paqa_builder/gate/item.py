"""The text of a question, as given to solvers without audio."""

from __future__ import annotations

from dataclasses import dataclass

from paqa_builder.formats.item import Item


@dataclass(frozen=True, slots=True)
class BlindItem(Item):
    """A question whose right choice is known.

    Questions on one clip are never split between learning and judging; those of one template are
    judged together.
    """

    answer: int
