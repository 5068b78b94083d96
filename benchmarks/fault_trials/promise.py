"""Promises, the trials that test them, and the table of both."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Promise:
    """One row of the table.

    Attributes:
        text: What is promised.
        figure: What was measured, for the last column.
        broken: Names of the trials that broke the promise, each with its problem.
    """

    text: str
    figure: str = ""
    trials: int = 0
    broken: list[str] = field(default_factory=list)

    def trial(self, name: str, problem: str | None) -> None:
        """Counts a trial; ``problem`` is None where the promise was kept."""
        self.trials += 1
        if problem:
            self.broken.append(f"{name}: {problem}")


def table(promises: Iterable[Promise]) -> str:
    """The promises as a table in Markdown."""
    rows = [
        f"| {one.text} | {one.trials} | {one.trials - len(one.broken)} | {one.figure} |" for one in promises
    ]
    return "\n".join(["| promise | trials | kept | figure |", "| --- | ---: | ---: | --- |", *rows])
