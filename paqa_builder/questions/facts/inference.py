"""Facts that follow from several sounds: the place, the activity, the cause.

The cues of each answer are in ``data/inference.yaml``. An answer is true if enough of its cues are certainly
present, and false only if all of its cues are certainly absent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, ClassVar

from paqa_builder.labels import audioset
from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import Verdict, register
from paqa_builder.questions.facts.bases import Subject
from paqa_builder.questions.facts.listed import ListedKind
from paqa_builder.questions.facts.subjects import heard
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.reading.sounds import Sound


@dataclass(frozen=True)
class Conclusion:
    """An answer and its cues. Each cue is a set of equivalent labels; ``needed`` cues prove the answer."""

    choice: str
    cues: tuple[frozenset[str], ...]
    needed: int

    def present(self, sounds: Iterable[Sound]) -> tuple[Sound, ...]:
        """The first sound of each cue that is present."""
        cues = []
        for cue in self.cues:
            cues += [s for s in sounds if {s.label, *audioset.ancestors(s.label)} & cue][:1]
        return tuple(dict.fromkeys(cues))


@cache
def conclusions(subject: str) -> dict[str, Conclusion]:
    """All answers in a section of the data file, by choice."""
    import yaml

    text = files("paqa_builder").joinpath("data/inference.yaml").read_text(encoding="utf-8")
    section = yaml.safe_load(text)[subject]
    answers = {}
    for choice, cues in section["answers"].items():
        sets = tuple(frozenset(cue if isinstance(cue, list) else [cue]) for cue in cues)
        unknown = frozenset().union(*sets) - set(audioset.labels())
        assert not unknown, unknown
        answers[choice] = Conclusion(choice, sets, section["cues"])
    return answers


class InferenceKind(ListedKind):
    """The answer follows from sounds; ``subject`` names its section of the data file."""

    needs: ClassVar[tuple[str, ...]] = ("tags",)
    subject: ClassVar[str]

    def answers(self) -> tuple[str, ...]:
        return tuple(conclusions(self.subject))

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return [Subject()] if reading.sounds.heard else []

    def holds(self, reading: Interpretation, about: Any, answer: str) -> Verdict:
        conclusion = conclusions(self.subject)[answer]
        cues = conclusion.present(reading.sounds.heard)
        if len(cues) >= conclusion.needed:
            evidence = tuple(e for sound in cues for e in sound.presence_evidence)
            return Verdict(True, " ".join(map(heard, cues)), evidence)
        if cues or not all(reading.sounds.absent(label) for cue in conclusion.cues for label in cue):
            return Verdict(None)
        names = ", ".join(wording.bare_sound(min(cue)) for cue in conclusion.cues[:2])
        return Verdict(False, evidence=reading.layer("tags"), missing=names)


@register
class Setting(InferenceKind):
    """The place, from two or more sounds together."""

    subject = "setting"


@register
class Activity(InferenceKind):
    """The activity of a person, from a sound that it makes."""

    subject = "activity"


@register
class Cause(InferenceKind):
    """The event or problem that causes a sound."""

    subject = "cause"
