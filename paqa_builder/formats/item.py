"""A question of anybody's, and a row that is none."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Item:
    """One question, whatever file it comes from.

    Attributes:
        answer: The place of the right choice; None where it is not among them.
        trace: From perception to answer; None where the data has none.
        audio: The audio as the file refers to it; None where it does not.
        clip: What the question is about; questions on one clip go together.
        recording: Where the clip was cut from, if it is said.
        speakers: Who speaks, if it is said, by a name that holds in the whole corpus.
        split: Empty where the data has none.
    """

    id: str
    question: str
    choices: tuple[str, ...]
    answer: int | None
    trace: str | None = None
    audio: str | None = None
    clip: str = ""
    recording: str = ""
    speakers: tuple[str, ...] = ()
    split: str = ""
    template: str = ""


@dataclass(frozen=True, slots=True)
class Broken:
    """A row that is no question. ``where`` is a line or a place in the list, from 1."""

    where: str
    why: str
