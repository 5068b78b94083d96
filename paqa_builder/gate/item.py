"""A question as somebody sees it who cannot hear."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BlindItem:
    """The text of one multiple-choice question.

    Attributes:
        answer: The place of the right choice, from 0.
        clip: What the question is about. Questions on one clip are never split between learning and
            judging.
        template: Which questions are judged together; may be empty.
    """

    id: str
    question: str
    choices: tuple[str, ...]
    answer: int
    clip: str
    template: str = ""

    @property
    def chance(self) -> float:
        """How often a guess is right."""
        return 1.0 / len(self.choices)
