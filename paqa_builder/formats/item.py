"""Records of a question file: a multiple-choice question, or a row that could not be read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Item:
    """One multiple-choice question of any format.

    Attributes:
        answer: Index of the right choice, from 0; None if the row names no single choice.
        clip: Name of the question's clip.
        template: Name of the question's template or category; empty if unknown.
        trace: Reasoning from perception to answer; None if the data has none.
        audio: Name or path of the audio as in the file; None if the data has none.
        recording: Name of the recording from which the clip was cut; empty if unknown.
        speakers: Speaker names, unique over the corpus.
        split: Name of the split; empty if unknown.
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
