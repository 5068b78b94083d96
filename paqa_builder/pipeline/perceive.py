"""Runs the perception stages on the missing parts of a plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from paqa_builder import files
from paqa_builder.errors import NotReadyError
from paqa_builder.files import state
from paqa_builder.pipeline import stage_task
from paqa_builder.pipeline.plan import Plan, StagePlan
from paqa_builder.pipeline.reuse import Reuse
from paqa_builder.pipeline.stage_task import StageTask
from paqa_builder.pipeline.step import Done, Progress, StageReport, Step
from paqa_builder.records import Failure
from paqa_builder.runtime.executor import Crash, Executor
from paqa_builder.runtime.time_limit import limit_reached

_WORKER_DIED = "the worker process died on this clip (out of memory, or a crash in a model's native code)"


def run_stage(
    plan: Plan, stage: StagePlan, executor: Executor, progress: Progress, *, retry_failed: bool = False
) -> StageReport:
    """Runs a stage on all parts that it has not finished.

    Args:
        retry_failed: Whether to process clips again that failed in an earlier run.

    Raises:
        NotReadyError: A model or disk space is missing, or the worker process dies while it loads the model.
    """
    reuse = Reuse(plan, stage, retry_failed=retry_failed)
    missing = reuse.missing()
    step = Step(
        stage.name, plan.parts, missing, progress, lambda: plan.ledger(stage).settle(plan.parts_of(stage))
    )
    return step.run(_results(_tasks(plan, stage, missing, reuse), stage, executor) if missing else ())


def _tasks(plan: Plan, stage: StagePlan, missing: list[files.Part], reuse: Reuse) -> Iterator[StageTask]:
    limits = plan.config.max_clip_seconds, plan.config.clip_time_limit
    for part, rows in reuse.known(missing):
        yield StageTask(stage, part, plan.work, tuple(plan.config.plugins), rows, None, *limits)


def _results(tasks: Iterator[StageTask], stage: StagePlan, executor: Executor) -> Iterator[Done]:
    """Runs tasks. Where a worker dies, finds the clip that causes it and records it as a failure."""
    loads: bool | None = None
    for task, result in executor.run(stage_task.run, tasks):
        if not isinstance(result, Crash):
            yield result
            continue
        if loads is None:
            loads = not isinstance(executor.run_alone(stage_task.try_load, task), Crash)
        if not loads:
            raise NotReadyError(
                f"stage {stage.name}: the worker process dies while it "
                + (f"loads backend {stage.backend!r}" if stage.backend else "starts"),
                fix="paqa doctor",
            )
        yield _isolate(task, executor)


def _isolate(task: StageTask, executor: Executor) -> Done:
    late = limit_reached(task.file)
    result = Crash(True) if late else executor.run_alone(stage_task.run, task)
    if not isinstance(result, Crash):
        return result  # another task caused the crash, or memory was too short for both
    late = late or limit_reached(task.file)
    known = dict(task.known)
    for item, row in _narrowed(task, task.part.fingerprints, executor, late):
        known[item.identity] = row
    return stage_task.run(replace(task, known=known))  # all rows are known, so no model is loaded


def _narrowed(
    task: StageTask, items: Sequence[files.Fingerprint], executor: Executor, late: float | None
) -> Iterator[tuple[files.Fingerprint, dict[str, Any]]]:
    """Rows of clips of a task that crashes its worker: halves are run alone until the clip is found.

    Args:
        late: The time limit that the clips reached together, if they did.
    """
    if len(items) == 1:
        single = stage_task.single(task, items[0])
        died = Failure(task.stage.name, "WorkerDied", _WORKER_DIED)
        stage_task.fail(single, stage_task.late(task.stage.name, late) if late else died)
        yield items[0], state.read_rows(single.file)[0]
        return
    middle = len(items) // 2
    for half in (items[:middle], items[middle:]):
        (part,) = files.parts_of(half, len(half))
        attempt = replace(task, part=part, upstream_part=task.part)
        outcome = executor.run_alone(stage_task.run, attempt)
        if isinstance(outcome, Crash):
            yield from _narrowed(task, half, executor, limit_reached(attempt.file))
        else:
            yield from zip(half, state.read_rows(attempt.file), strict=True)
