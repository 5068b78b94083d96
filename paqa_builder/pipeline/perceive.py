"""Runs the perception stages over the parts of a plan that are missing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from paqa_builder import files
from paqa_builder.errors import NotReadyError
from paqa_builder.pipeline import work
from paqa_builder.pipeline.plan import Plan, StagePlan
from paqa_builder.pipeline.step import Done, Progress, StageReport, Step
from paqa_builder.records import Failure
from paqa_builder.runtime.executor import Crash, Executor


def run_stage(
    plan: Plan, stage: StagePlan, executor: Executor, progress: Progress, *, retry_failed: bool = False
) -> StageReport:
    """Brings a stage to completion.

    Args:
        retry_failed: Whether clips that failed in an earlier run are tried once more.

    Raises:
        NotReadyError: A model or disk space is missing, or the model's process dies on loading.
    """
    folder = stage.folder(plan.work)
    parts = plan.parts_of(stage)
    missing = plan.missing(stage)
    if retry_failed:
        missing = [part for part in parts if part in missing or _failures(part, folder)]
    step = Step(stage.name, parts, missing, progress, lambda: sum(_failures(part, folder) for part in parts))
    return step.run(_results(_tasks(plan, stage, missing, retry_failed), stage, executor) if missing else ())


def _failures(part: files.Part, folder: Path) -> int:
    return sum("failure" in row for row in files.read_rows(part.file(folder)))


def _tasks(
    plan: Plan, stage: StagePlan, missing: list[files.Part], retry_failed: bool
) -> Iterator[work.Task]:
    folder = stage.folder(plan.work)
    wanted = {printed.identity for part in missing for printed in part.prints}
    done = {part.file(folder) for part in plan.parts_of(stage) if part not in missing}
    known = files.known_rows(folder, wanted, done)
    for part in missing:
        rows = {p.identity: known[p.identity] for p in part.prints if p.identity in known}
        if retry_failed:
            rows = {identity: row for identity, row in rows.items() if "failure" not in row}
        yield work.Task(stage, part, plan.work, tuple(plan.config.plugins), rows)


def _results(tasks: Iterator[work.Task], stage: StagePlan, executor: Executor) -> Iterator[Done]:
    """Runs tasks; where a worker died, finds the clip that killed it and makes it a failure row."""
    loads: bool | None = None
    for task, result in executor.run(work.run, tasks):
        if not isinstance(result, Crash):
            yield result
            continue
        if loads is None:
            loads = not isinstance(executor.run_alone(work.load, task), Crash)
        if not loads:
            raise NotReadyError(
                f"stage {stage.name}: the worker dies while it loads backend {stage.backend!r}",
                fix="paqa doctor",
            )
        yield _isolate(task, executor)


def _isolate(task: work.Task, executor: Executor) -> Done:
    result = executor.run_alone(work.run, task)
    if not isinstance(result, Crash):
        return result  # it was another task's fault, or there was too little memory for both
    singles = [work.single(task, printed) for printed in task.part.prints]
    known = dict(task.known)
    for single in singles:
        outcome = executor.run_alone(work.run, single) if len(singles) > 1 else result
        if isinstance(outcome, Crash):
            work.fail(single, Failure(task.stage.name, "WorkerDied", _WORKER_DIED))
        known |= {
            printed.identity: row
            for printed, row in zip(single.part.prints, files.read_rows(single.file), strict=True)
        }
    return work.run(work.with_known(task, known))


_WORKER_DIED = "the worker process died on this clip (out of memory, or a crash in a model's native code)"
