"""What a linter says: one finding a check, graded, with examples."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Grade = Literal["ok", "warning", "error", "skipped"]
EXAMPLES = 5
"""Examples that a finding names, at most."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    Attributes:
        check: The check's name.
        grade: How bad it is; ``"skipped"`` where the data has nothing to look at.
        message: What was found, with its figures.
        count: Questions that are affected; 0 where the check is about the whole.
        examples: Ids of some of them.
        figures: The numbers, by name.
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
        """Plain data."""
        return asdict(self)


class Tally:
    """Counts questions and remembers the first few."""

    def __init__(self) -> None:
        self.count = 0
        self.examples: list[str] = []

    def add(self, name: str) -> None:
        """Counts one."""
        self.count += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(name)

    def finding(self, check: str, grade: Grade, message: str, **figures: Any) -> Finding:
        """``ok`` with nothing counted, else ``grade``."""
        return Finding(
            check, grade if self.count else "ok", message, self.count, tuple(self.examples), figures
        )
