"""Records of a question file: a multiple-choice question, or a row that could not be read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Item:
    """One multiple-choice question, in whatever format its file is.

    Attributes:
        answer: Index of the right choice, from 0; None where the row does not settle on one choice.
        clip: Name of the clip that the question is about; questions on one clip share it.
        template: Name of the question's template or category; empty where the data has none.
        trace: Reasoning from perception to answer; None where the data has none.
        audio: Name or path of the audio as the file gives it; None where it gives none.
        recording: Name of the recording that the clip was cut from; empty where unknown.
        speakers: Speaker names that hold across the corpus.
        split: Name of the split; empty where the data has none.
    """

    id: str
    question: str
    choices: tuple[str, ...]
    answer: int | None
    clip: str = ""
    template: str = ""
    skill: str = ""
    level: str = ""
    trace: str | None = None
    audio: str | None = None
    recording: str = ""
    speakers: tuple[str, ...] = ()
    split: str = ""

    @property
    def chance(self) -> float:
        """Accuracy of guessing."""
        return 1.0 / len(self.choices)


@dataclass(frozen=True, slots=True)
class Broken:
    """A row that is not a question.

    Attributes:
        where: Its line, entry or row in the file, from 1.
        why: The reason.
    """

    where: str
    why: str
