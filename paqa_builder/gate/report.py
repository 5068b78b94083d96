"""What the gate found, of the whole and of each question."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from paqa_builder.gate.score import BlindScore

Contribution = Literal["weak", "strong"]


@dataclass(frozen=True)
class GateReport:
    """What the gate found, for summary, lock and card.

    Attributes:
        judged: False where there were too few questions, or the gate is off; then there are no scores.
        passed: Neither the whole nor a template surely beats chance by more than its margin.
        before: All questions as they were asked.
        after: Those that are published.
        templates: Score before and after by template, those with enough questions only; a template
            that was refused has 0 questions after.
        balanced: Questions taken out to even out the answers, by template.
        refused: Questions of refused templates, by template.
        weak: Published questions with a weak contribution of the audio.
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
        """Plain data for lock and ``--json``."""
        return {
            "judged": self.judged,
            "passed": self.passed,
            "before": self.before and self.before.to_json(),
            "after": self.after and self.after.to_json(),
            "templates": {
                name: {"before": a.to_json(), "after": b.to_json()} for name, (a, b) in self.templates.items()
            },
            "balanced": self.balanced,
            "refused": self.refused,
            "weak": self.weak,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> GateReport:
        """Rebuilds a report from :meth:`to_json`'s output."""

        def scored(value: dict[str, Any] | None) -> BlindScore | None:
            return BlindScore(**value) if value else None

        templates = {
            name: (BlindScore(**pair["before"]), BlindScore(**pair["after"]))
            for name, pair in data["templates"].items()
        }
        return cls(
            data["judged"], data["passed"], scored(data["before"]), scored(data["after"]), templates,
            data["balanced"], data["refused"], data["weak"],
        )  # fmt: skip


@dataclass(frozen=True)
class Verdicts:
    """The gate's word on every question.

    Attributes:
        refused: Question's id -> why it is not published.
        weak: Ids of published questions that are answered without the audio.
    """

    report: GateReport
    refused: dict[str, str]
    weak: frozenset[str]

    def contribution(self, question: str) -> Contribution | None:
        """``"weak"`` or ``"strong"``; None where nothing was judged."""
        if not self.report.judged:
            return None
        return "weak" if question in self.weak else "strong"
