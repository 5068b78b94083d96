"""Findings of ``paqa check``: one for each check, with a grade and examples."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Grade = Literal["ok", "warning", "error", "skipped"]
EXAMPLES = 5
"""Most examples in a finding."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    Attributes:
        check: The check's name.
        grade: Severity; ``"skipped"`` if the data lacks what the check needs.
        message: The result as a sentence with its figures.
        count: Affected questions; 0 if the check is about the whole data set.
        examples: Ids of the first of them.
        figures: The figures by name.
    """

    check: str
    grade: Grade
    message: str
    count: int = 0
    examples: tuple[str, ...] = ()
    figures: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Report:
    """All findings on one data set."""

    path: str
    format: str
    questions: int
    findings: tuple[Finding, ...]

    @property
    def clean(self) -> bool:
        """True if there is neither a warning nor an error."""
        return all(finding.grade in ("ok", "skipped") for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """The report as JSON data."""
        return asdict(self)


class Tally:
    """Counts questions and keeps the ids of the first ones."""

    def __init__(self) -> None:
        self.count = 0
        self.examples: list[str] = []

    def add(self, name: str) -> None:
        """Counts one question."""
        self.count += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(name)

    def finding(self, check: str, grade: Grade, message: str, **figures: Any) -> Finding:
        """The finding: ``ok`` if nothing was counted, else ``grade``."""
        return Finding(
            check, grade if self.count else "ok", message, self.count, tuple(self.examples), figures
        )
