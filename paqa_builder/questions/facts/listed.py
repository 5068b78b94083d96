"""Bases of kinds with a fixed list of answers: families, settings, degrees, durations."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, NamedTuple

from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import AnswerType, Fact, Verdict
from paqa_builder.questions.facts.bases import SubjectKind
from paqa_builder.questions.question import Evidence
from paqa_builder.questions.reading.interpretation import Interpretation


class ListedKind(SubjectKind):
    """The answer is one of a fixed list. Override :meth:`answers`, :meth:`subjects` and :meth:`holds`."""

    form = AnswerType.LISTED

    @abstractmethod
    def answers(self) -> tuple[str, ...]:
        """All possible answers, as they are printed."""

    def offered(self, reading: Interpretation) -> tuple[str, ...]:
        """The answers that are plausible for a clip."""
        return self.answers()

    @abstractmethod
    def holds(self, reading: Interpretation, about: Any, answer: str) -> Verdict:
        """Judges one of the answers."""

    def find(self, reading: Interpretation) -> Iterator[Fact]:
        answers = self.offered(reading)
        for subject in self.subjects(reading):
            for answer in answers:
                verdict = self.holds(reading, subject.about, answer)
                if verdict.true:
                    own = (other for other in answers if other != answer)
                    yield subject.fact(verdict, answer, answer, own, grounds=subject.evidence)

    def judge(self, reading: Interpretation, about: Any, choice: str) -> Verdict:
        return self.holds(reading, about, choice) if choice in self.answers() else Verdict(None)


class Length(NamedTuple):
    """A duration between two bounds in seconds, with the sentence and the evidence that prove it."""

    least: float
    most: float
    because: str
    evidence: tuple[Evidence, ...]


# Each is twice the one before, so that listeners can tell them apart without a clock.
LENGTHS = {
    "About half a second": 0.5,
    **{f"About {wording.count(n, 'second')}": float(n) for n in (1, 2, 4, 8, 16, 32)},
}
# A duration is "about" a step within the first pair of factors, and certainly not outside the second.
_NEAR, _FAR = (0.8, 1.25), (0.7, 1.4)


class LengthKind(ListedKind):
    """The answer is a duration, from half a second up in doubling steps. Override :meth:`length`."""

    def answers(self) -> tuple[str, ...]:
        return tuple(LENGTHS)

    def offered(self, reading: Interpretation) -> tuple[str, ...]:
        return tuple(answer for answer, step in LENGTHS.items() if step <= reading.duration)

    @abstractmethod
    def length(self, reading: Interpretation, about: Any) -> Length | None:
        """The duration; None if it is unknown."""

    def holds(self, reading: Interpretation, about: Any, answer: str) -> Verdict:
        length, step = self.length(reading, about), LENGTHS[answer]
        if length is None:
            return Verdict(None)
        if _NEAR[0] * step <= length.least and length.most <= _NEAR[1] * step:
            return Verdict(True, length.because, length.evidence)
        if length.most < _FAR[0] * step or length.least > _FAR[1] * step:
            return Verdict(False, "", length.evidence)
        return Verdict(None)
