"""Measurements of a calibration: what the tasks of each stage cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

from paqa_builder.files import state
from paqa_builder.pipeline import stage_task
from paqa_builder.pipeline.costs import Length, Task
from paqa_builder.pipeline.estimate import FILE, machine
from paqa_builder.pipeline.plan import Plan, StagePlan
from paqa_builder.pipeline.step import Done
from paqa_builder.runtime.executor import Crash, Executor


class Measuring:
    """An executor that measures the tasks which another executor runs.

    Attributes:
        workers: Processes of the other executor.
        tasks: Costs of the tasks that processed a clip.
        load_cpu, load_wall: Seconds in which all processes together loaded models.
    """

    def __init__(self, inner: Executor) -> None:
        self.inner = inner
        self.workers = workers_of(inner)
        self.tasks: list[Task] = []
        self.load_cpu = self.load_wall = 0.0

    def run(self, function: Callable[[Any], Any], tasks: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        for task, result in self.inner.run(partial(_timed, function), tasks):
            if isinstance(result, Crash):
                yield task, result
                continue
            done, load_cpu, load_wall, wall = result
            self.load_cpu += load_cpu
            self.load_wall += load_wall
            clips = len(task.part.fingerprints) - len(getattr(task, "known", ())) if type(done) is Done else 0
            if clips:
                self.tasks.append(Task(clips, done.audio_seconds, done.cpu_seconds, wall))
            yield task, done

    def run_alone(self, function: Callable[[Any], Any], task: Any) -> Any:
        return self.inner.run_alone(function, task)


def workers_of(executor: Executor) -> int:
    """The processes of an executor; 1 where there are none, or their number is not known before a run."""
    return getattr(executor, "workers", None) or 1


def _timed(function: Callable[[Any], Any], task: Any) -> tuple[Any, float, float, float]:
    """Loads a task's model, then runs the task; returns its result and the seconds of both."""
    cpu, began = time.process_time(), time.monotonic()
    if function is stage_task.run and len(task.known) < len(task.part.fingerprints):
        stage_task.try_load(task)
    load_cpu, loaded = time.process_time() - cpu, time.monotonic()
    return function(task), load_cpu, loaded - began, time.monotonic() - loaded


@dataclass
class OfStage:
    """Measurements of a stage.

    Attributes:
        load_cpu, load_wall: Seconds in which the workers of one run loaded the model.
        workers: Processes of this run.
        idle: Wall seconds of this run in which no task ran, such as the start of its workers.
        bytes: Bytes that the tasks wrote to the disk.
    """

    key: str
    tasks: list[Task] = field(default_factory=list)
    load_cpu: float = 0.0
    load_wall: float = 0.0
    workers: int = 1
    idle: float = 0.0
    bytes: int = 0


@dataclass
class OfShards:
    """Measurements of the steps after the stages, on ``clips`` clips with ``audio_bytes`` bytes.

    Attributes:
        tasks: Tasks of the step *questions*.
        corpus: (clips, CPU seconds) for the pools and the rehearsal of two samples.
        gate, shards: CPU seconds.
        work_bytes, shard_bytes: Bytes that the steps wrote to the work folder and to the shards.
    """

    clips: int
    audio_bytes: int
    tasks: list[Task]
    corpus: list[tuple[int, float]]
    gate: float
    shards: float
    work_bytes: int
    shard_bytes: int


@dataclass
class Measurements:
    """All measurements of a work folder on one machine.

    Attributes:
        stages: By the name of the stage.
        lengths: Size and duration of each clip of the sample, by its id.
        failed: Ids of clips with a failure.
    """

    stages: dict[str, OfStage] = field(default_factory=dict)
    lengths: dict[str, Length] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)
    shards: OfShards | None = None

    def add(self, stage: StagePlan, measuring: Measuring, wall: float, written: int) -> None:
        """Adds a run of a stage.

        Args:
            wall: Seconds that the run took.
            written: Bytes that it wrote.
        """
        known = self.stages.get(stage.name)
        if known is None or known.key != stage.key:
            known = self.stages[stage.name] = OfStage(stage.key)
        if not measuring.tasks:
            return
        known.tasks += measuring.tasks
        known.bytes += written
        known.load_cpu, known.load_wall = measuring.load_cpu, measuring.load_wall
        known.workers = min(measuring.workers, len(measuring.tasks))
        busy = measuring.load_wall + sum(task.wall for task in measuring.tasks)
        known.idle = max(0.0, wall - busy / known.workers)

    @classmethod
    def read(cls, plan: Plan) -> Measurements:
        """The measurements of earlier calibrations of a plan, on this machine."""
        content = state.read(plan.work / FILE)
        if not content or content["machine"] != machine():
            return cls()
        stages = {
            name: OfStage(**data | {"tasks": [Task(*task) for task in data["tasks"]]})
            for name, data in content["stages"].items()
        }
        lengths = {name: Length(*length) for name, length in content["lengths"].items()}
        shards = content["shards"]
        if shards:
            tasks = [Task(*task) for task in shards["tasks"]]
            corpus = [(clips, seconds) for clips, seconds in shards["corpus"]]
            shards = OfShards(**shards | {"tasks": tasks, "corpus": corpus})
        return cls(stages, lengths, set(content["failed"]), shards)

    def to_json(self) -> dict[str, Any]:
        """All measurements as JSON values."""
        return {**asdict(self), "failed": sorted(self.failed), "machine": machine()}
