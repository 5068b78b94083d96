"""Results of the blind gate: scores of the set and verdicts on its questions."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Literal

from paqa_builder.gate.score import BlindScore

Contribution = Literal["weak", "strong"]


@dataclass(frozen=True)
class GateReport:
    """Scores and counts of the gate, for summary, lock and card.

    Attributes:
        judged: False if there are too few questions or the gate is off; there are no scores then.
        passed: Neither the set nor a template beats chance significantly by more than its margin.
        before: Score of all proved questions.
        after: Score of the published questions.
        templates: Template -> score before and after. Only templates with enough questions; a refused
            one has 0 questions after.
        balanced: Template -> number of questions dropped to balance the answers.
        refused: Template -> number of its questions, for refused templates.
        weak: Number of published questions that are answered without the audio.
    """

    judged: bool = False
    passed: bool = True
    before: BlindScore | None = None
    after: BlindScore | None = None
    templates: dict[str, tuple[BlindScore, BlindScore]] = field(default_factory=dict)
    balanced: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    weak: int = 0

    def to_json(self) -> dict[str, Any]:
        """JSON-compatible dictionary, for lock and ``--json``."""
        return {field.name: getattr(self, field.name) for field in fields(self)} | {
            "before": self.before and self.before.to_json(),
            "after": self.after and self.after.to_json(),
            "templates": {
                name: {"before": a.to_json(), "after": b.to_json()} for name, (a, b) in self.templates.items()
            },
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> GateReport:
        """Inverse of :meth:`to_json`."""
        scores = {
            "before": data["before"] and BlindScore(**data["before"]),
            "after": data["after"] and BlindScore(**data["after"]),
            "templates": {
                name: (BlindScore(**pair["before"]), BlindScore(**pair["after"]))
                for name, pair in data["templates"].items()
            },
        }
        return cls(**{**data, **scores})


@dataclass(frozen=True)
class Verdicts:
    """The gate's decision on every question.

    Attributes:
        refused: Question's id -> reason for not publishing it.
        weak: Ids of published questions that are answered without the audio.
    """

    report: GateReport
    refused: dict[str, str]
    weak: frozenset[str]

    def contribution(self, question: str) -> Contribution | None:
        """``"weak"`` or ``"strong"`` by question id; None if nothing was judged."""
        if not self.report.judged:
            return None
        return "weak" if question in self.weak else "strong"
