"""Bases for kinds whose answer is one of a fixed list: families, settings, degrees, lengths of time."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import AnswerType, Fact, FactKind, Verdict
from paqa_builder.questions.facts.bases import Subject
from paqa_builder.questions.question import Evidence
from paqa_builder.questions.reading.interpretation import Interpretation


class ListedKind(FactKind):
    """The answer is one of :meth:`answers`. Fill in that, :meth:`subjects` and :meth:`holds`."""

    form = AnswerType.LISTED

    @abstractmethod
    def answers(self) -> tuple[str, ...]:
        """All choices that there can ever be, as they are printed."""

    def offered(self, reading: Interpretation) -> tuple[str, ...]:
        """Those that are worth a thought in this clip."""
        return self.answers()

    @abstractmethod
    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        """What can be asked about."""

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
    """A length of time, known between two bounds in seconds, and what proves it."""

    least: float
    most: float
    because: str
    evidence: tuple[Evidence, ...]


# Each is twice the one before: ears tell these apart without a watch.
LENGTHS = {
    "About half a second": 0.5,
    **{f"About {wording.count(n, 'second')}": float(n) for n in (1, 2, 4, 8, 16, 32)},
}
# A length is "about" a step within the first pair of factors, and surely not beyond the second.
_NEAR, _FAR = (0.8, 1.25), (0.7, 1.4)


class LengthKind(ListedKind):
    """The answer is a length of time, from half a second up in doubling steps. Fill in :meth:`length`."""

    def answers(self) -> tuple[str, ...]:
        return tuple(LENGTHS)

    def offered(self, reading: Interpretation) -> tuple[str, ...]:
        # Nothing in a clip lasts longer than the clip.
        return tuple(answer for answer, step in LENGTHS.items() if step <= reading.duration)

    @abstractmethod
    def length(self, reading: Interpretation, about: Any) -> Length | None:
        """How long it takes; None where that is not known."""

    def holds(self, reading: Interpretation, about: Any, answer: str) -> Verdict:
        found, step = self.length(reading, about), LENGTHS[answer]
        if found is None:
            return Verdict(None)
        if _NEAR[0] * step <= found.least and found.most <= _NEAR[1] * step:
            return Verdict(True, found.because, found.evidence)
        if found.most < _FAR[0] * step or found.least > _FAR[1] * step:
            return Verdict(False, "", found.evidence)
        return Verdict(None)
