"""Estimate of a build's time, disk and GPU hours, and its error once the build is done.

``WORK/calibration.json`` holds what :mod:`paqa_builder.pipeline.calibrate` measured, and the estimate.
"""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from paqa_builder.files import state
from paqa_builder.pipeline.costs import Range
from paqa_builder.pipeline.plan import Plan
from paqa_builder.pipeline.step import StageReport

FILE = "calibration.json"


@dataclass(frozen=True, slots=True)
class StepEstimate:
    """What a step has still to do.

    Attributes:
        key: Key of the stage; empty for the steps after the stages.
        clips: Clips to process.
        workers: Processes that share the work.
        cpu, wall: Seconds; None if the sample had no clip to measure the step with.
        gpu: Seconds in which a GPU is in use; None without a GPU.
        disk: Bytes that it writes.
    """

    name: str
    key: str
    clips: int
    workers: int
    cpu: Range | None = None
    wall: Range | None = None
    gpu: Range | None = None
    disk: Range | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """Estimate of what a build has still to do.

    Attributes:
        clips: Clips of the corpus.
        audio: Seconds of audio of the corpus.
        sampled: Clips of the sample; ``sampled_seconds`` their audio, ``failed`` those with a failure.
        machine: Processor and number of cores that were measured.
        jobs: Worker processes of a stage on the CPU.
        total: The sum of the steps.
    """

    clips: int
    audio: Range
    sampled: int
    sampled_seconds: float
    failed: int
    machine: str
    jobs: int
    steps: tuple[StepEstimate, ...]
    total: StepEstimate

    @property
    def unmeasured(self) -> list[str]:
        """The steps without figures, which the total lacks."""
        return [step.name for step in self.steps if step.clips and step.cpu is None]

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Estimate:
        """Restores what ``asdict`` and JSON made of an estimate."""
        steps, total = [_step(step) for step in data["steps"]], _step(data["total"])
        return cls(**data | {"audio": Range(*data["audio"]), "steps": tuple(steps), "total": total})


@dataclass(frozen=True, slots=True)
class Error:
    """Estimate and measurement of one quantity of a build.

    Attributes:
        name: ``"wall"``, ``"audio"``, ``"disk"``, or the CPU seconds of a step under its name.
        estimated: Scaled to the clips that the build processed.
    """

    name: str
    unit: str
    estimated: Range
    actual: float

    @property
    def relative(self) -> float:
        """(estimate - actual) / actual."""
        return (self.estimated.value - self.actual) / self.actual if self.actual else math.inf

    @property
    def within(self) -> bool:
        """Whether the actual value is in the range."""
        return self.estimated.low <= self.actual <= self.estimated.high

    def to_json(self) -> dict[str, Any]:
        """The error as JSON values."""
        relative = round(self.relative, 4) if self.actual else None
        return asdict(self) | {"relative": relative, "within": self.within}


def errors_of(plan: Plan, reports: Sequence[StageReport], wall: float) -> tuple[Error, ...]:
    """Compares the estimate in the work folder with a finished build.

    A build that was interrupted, or began before the calibration, is compared by the share of the clips that
    this run processed. Steps whose settings have changed since are left out.

    Args:
        wall: Seconds that this run took.

    Returns:
        The errors; empty without a calibration or if this run processed nothing.
    """
    content = state.read(plan.work / FILE)
    if not content or not content.get("estimate"):
        return ()
    estimate = Estimate.from_json(content["estimate"])
    keys = {stage.name: stage.key for stage in plan.stages}
    steps = {step.name: step for step in estimate.steps if not step.key or keys.get(step.name) == step.key}
    errors, shares = [], []
    for report in reports:
        step = steps.get(report.name)
        if not (report.clips and step and step.clips and step.cpu):
            continue
        share = min(1.0, report.clips / step.clips)
        shares.append((share, step))
        errors.append(Error(report.name, "CPU s", _scaled(step.cpu, share), report.cpu_seconds))
        if report.name == "read":
            part = _scaled(estimate.audio, share * step.clips / max(1, estimate.clips))
            errors.append(Error("audio", "s", part, report.audio_seconds))
    if not shares or estimate.total.wall is None:
        return ()
    known = [(share, step.wall) for share, step in shares if step.wall]
    weight = sum(step_wall.value for _, step_wall in known) or 1.0
    share = sum(share * step_wall.value for share, step_wall in known) / weight
    errors.insert(0, Error("wall", "s", _scaled(estimate.total.wall, share), wall))
    if share == 1.0 and estimate.total.disk is not None:
        grown = disk_of(plan) - content["disk"]
        errors.insert(1, Error("disk", "MB", _scaled(estimate.total.disk, 1e-6), grown / 1e6))
    return tuple(errors)


def disk_of(plan: Plan) -> int:
    """Bytes that a build's folders take up on the disk."""
    return bytes_in([plan.work, plan.config.out])


def bytes_in(folders: Iterable[Path]) -> int:
    """Bytes that folders take up on the disk; a folder that is missing has none."""
    total = 0
    for folder in folders:
        for place, _, names in os.walk(folder):
            for name in names:
                try:
                    status = os.lstat(os.path.join(place, name))
                except FileNotFoundError:
                    continue
                total += 512 * status.st_blocks if hasattr(status, "st_blocks") else status.st_size
    return total


def machine() -> str:
    """The processor and the number of its cores that this process may use."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{model}, {cores} cores"


def _scaled(value: Range, factor: float) -> Range:
    return Range(*(factor * number for number in value))


def _step(data: dict[str, Any]) -> StepEstimate:
    ranges = {name: Range(*data[name]) if data[name] else None for name in ("cpu", "wall", "gpu", "disk")}
    return StepEstimate(**data | ranges)
