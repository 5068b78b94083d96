"""A resumable step of a build: its missing parts, its progress and its cost.

Every step of a build (perception, questions, language model, blind gate) runs through :class:`Step`, which
counts the clips, reports progress and returns the :class:`StageReport`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Protocol

from paqa_builder.files import Part, digest
from paqa_builder.runtime.device import BatchReduction


@dataclass(frozen=True, slots=True)
class Done:
    """Result of a task: clips, failures, seconds of audio processed, CPU seconds spent.

    Attributes:
        peak_bytes: Largest memory of the worker so far, including models; 0 where unknown.
        halvings: Batch reductions of this task; see :mod:`paqa_builder.runtime.device`.
        warnings: Warnings of the log while the task ran.
        later: Results of later stages that ran in the same task.
    """

    clips: int
    failed: int
    audio_seconds: float
    cpu_seconds: float
    peak_bytes: int = 0
    halvings: tuple[BatchReduction, ...] = ()
    warnings: tuple[str, ...] = ()
    later: tuple[Done, ...] = ()

    def plus(self, other: Done) -> Done:
        """The counts, seconds and the peak of two tasks together."""
        return Done(
            self.clips + other.clips,
            self.failed + other.failed,
            self.audio_seconds + other.audio_seconds,
            self.cpu_seconds + other.cpu_seconds,
            max(self.peak_bytes, other.peak_bytes),
        )


@dataclass(frozen=True, slots=True)
class StageReport:
    """Cost of one step in this run.

    Attributes:
        clips: Clips processed in this run, which the seconds refer to.
        reused: Clips that an earlier run finished.
        failed: Failed clips of this and earlier runs.
        peak_bytes: Largest memory of any worker; 0 where unknown.
        halvings: Batch reductions for lack of GPU memory.
        warnings: Different warnings of the log in the tasks of this run.
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
    warnings: tuple[str, ...] = ()

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
    """Ignores progress updates."""

    def begin(self, stage: str, clips: int, done: int) -> None: ...

    def advance(self, stage: str, done: Done) -> None: ...

    def end(self, report: StageReport) -> None: ...


def tell_replies(progress: Progress, stage: str, answered: int, of: int) -> None:
    """Calls ``progress.replies``, which is optional: how many requests to a language model are answered."""
    if receive := getattr(progress, "replies", None):
        receive(stage, answered, of)


@dataclass(frozen=True)
class Step:
    """One step over the parts of a plan.

    Attributes:
        parts: All parts of the plan.
        missing: The parts that this run processes.
        failures: Counts the failed clips of all parts after the run.
        began: Start time (``time.monotonic``).
    """

    name: str
    parts: Sequence[Part]
    missing: Sequence[Part]
    progress: Progress
    failures: Callable[[], int] = lambda: 0
    began: float = field(default_factory=time.monotonic)

    def run(self, results: Iterable[Done]) -> StageReport:
        """Consumes the results of the missing parts, one task at a time, and sums up their cost."""
        clips = sum(part.size for part in self.parts)
        reused = clips - sum(part.size for part in self.missing)
        self.progress.begin(self.name, clips, reused)
        total, halvings, warnings = Done(0, 0, 0.0, 0.0), list[BatchReduction](), dict[str, None]()
        try:
            for result in results:
                halvings += result.halvings
                warnings |= dict.fromkeys(result.warnings)
                total = total.plus(result)
                self.progress.advance(self.name, result)
        finally:
            if isinstance(results, Generator):
                results.close()  # ends the workers also if an interrupt does not come from within
        report = StageReport(
            self.name,
            total.clips,
            reused,
            self.failures(),
            total.audio_seconds,
            total.cpu_seconds,
            time.monotonic() - self.began,
            total.peak_bytes,
            tuple(halvings),
            tuple(warnings),
        )
        self.progress.end(report)
        return report


@cache
def code_hash(*patterns: str) -> str:
    """Hash of the package's files that match glob patterns, for the key of a step that they decide."""
    package = Path(str(resources.files("paqa_builder")))
    paths = sorted(path for pattern in patterns for path in package.glob(pattern))
    return digest([[path.name, path.read_text(encoding="utf-8")] for path in paths])
