"""One resumable step of a build: what is missing, how far it is, what it cost.

Every step of a build (perception, questions, language model, blind gate) runs through :class:`Step`:
it counts the clips, passes progress on and makes the :class:`StageReport`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from paqa_builder.files import Part
from paqa_builder.runtime.device import BatchReduction


@dataclass(frozen=True, slots=True)
class Done:
    """Result of a task: clips, failures, seconds of audio processed, CPU seconds spent.

    ``peak_bytes`` is the most memory that the worker held so far, models included; 0 where unknown.
    ``halvings`` are the batch reductions of this task: see :mod:`paqa_builder.runtime.device`.
    """

    clips: int
    failed: int
    audio_seconds: float
    cpu_seconds: float
    peak_bytes: int = 0
    halvings: tuple[BatchReduction, ...] = ()


@dataclass(frozen=True, slots=True)
class StageReport:
    """Cost of one step in this run. Clips that an earlier run finished (``reused``) cost nothing.

    ``clips``, ``audio_seconds``, ``cpu_seconds`` and ``wall_seconds`` cover the clips of this run;
    ``failed`` counts all clips that failed; ``peak_bytes`` is the most memory that any one worker held
    (0 where unknown); ``halvings`` are the batch reductions for lack of GPU memory.
    """

    name: str
    clips: int
    reused: int
    failed: int
    audio_seconds: float
    cpu_seconds: float
    wall_seconds: float
    peak_bytes: int = 0
    halvings: tuple[BatchReduction, ...] = ()

    @property
    def rtf(self) -> float | None:
        """CPU seconds per second of audio (real-time factor); None where no audio was processed."""
        return self.cpu_seconds / self.audio_seconds if self.audio_seconds else None


class Progress(Protocol):
    """Receives progress updates from a running build."""

    def begin(self, stage: str, clips: int, done: int) -> None: ...

    def advance(self, stage: str, done: Done) -> None: ...

    def end(self, report: StageReport) -> None: ...


class NoProgress:
    """Progress updates that are dropped."""

    def begin(self, stage: str, clips: int, done: int) -> None: ...

    def advance(self, stage: str, done: Done) -> None: ...

    def end(self, report: StageReport) -> None: ...


@dataclass(frozen=True)
class Step:
    """One step over a plan's parts, of which only the missing ones are worked on.

    Attributes:
        parts: All parts of the plan, as the step knows them.
        missing: Those that this run works on.
        failures: Counts the failed clips of all parts, once they are done.
        began: Start of the wall clock (``time.monotonic``).
    """

    name: str
    parts: Sequence[Part]
    missing: Sequence[Part]
    progress: Progress
    failures: Callable[[], int] = lambda: 0
    began: float = field(default_factory=time.monotonic)

    def run(self, results: Iterable[Done]) -> StageReport:
        """Draws the results of the missing parts, one task at a time, and sums up their cost."""
        total, due = (sum(len(part.prints) for part in some) for some in (self.parts, self.missing))
        self.progress.begin(self.name, total, total - due)
        done: list[Done] = []
        for result in results:
            done.append(result)
            self.progress.advance(self.name, result)
        report = StageReport(
            self.name,
            sum(result.clips for result in done),
            total - due,
            self.failures(),
            sum(result.audio_seconds for result in done),
            sum(result.cpu_seconds for result in done),
            time.monotonic() - self.began,
            max((result.peak_bytes for result in done), default=0),
            tuple(reduction for result in done for reduction in result.halvings),
        )
        self.progress.end(report)
        return report
