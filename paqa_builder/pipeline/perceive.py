"""Runs the perception stages on the missing parts of a plan."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from paqa_builder import files
from paqa_builder.errors import NotReadyError
from paqa_builder.files import state
from paqa_builder.pipeline import stage_task, stems
from paqa_builder.pipeline.plan import Plan, StagePlan
from paqa_builder.pipeline.reuse import Reuse
from paqa_builder.pipeline.stage_task import StageTask
from paqa_builder.pipeline.step import Done, Progress, StageReport, Step
from paqa_builder.pipeline.together import Together
from paqa_builder.records import Failure
from paqa_builder.runtime.executor import Crash, Executor
from paqa_builder.runtime.time_limit import limit_reached

_WORKER_DIED = "the worker process died on this clip (out of memory, or a crash in a model's native code)"


def run_stage(
    plan: Plan,
    stage: StagePlan,
    executor: Executor,
    progress: Progress,
    *,
    retry_failed: bool = False,
    together: Together | None = None,
) -> StageReport:
    """Runs a stage on all parts that it has not finished.

    Args:
        retry_failed: Whether to process clips again that failed in an earlier run.
        together: Stages that may run in the tasks of this one, and results of those that did.

    Raises:
        NotReadyError: A model or disk space is missing, or the worker process dies while it loads the model.
    """
    reuse = Reuse(plan, stage, retry_failed=retry_failed)
    missing = reuse.missing()
    together = together or Together(plan, (stage,))
    ahead = together.ahead.pop(stage.name, [])
    absent = {part.index for part in missing}
    own = {part.index: part for part in plan.parts}
    done = [(own[index], result) for index, result in ahead if index not in absent]
    step = Step(
        stage.name,
        plan.parts,
        [*(part for part, _ in done), *missing],
        progress,
        lambda: plan.ledger(stage).settle(plan.parts_of(stage)),
    )
    tasks = _tasks(plan, stage, missing, reuse, together)
    return step.run(_with([result for _, result in done], _results(tasks, stage, executor, together)))


def _with(done: list[Done], results: Generator[Done]) -> Generator[Done]:
    """Results of tasks that ran before, then those of the tasks of this stage."""
    yield from done
    yield from results


def _tasks(
    plan: Plan, stage: StagePlan, missing: list[files.Part], reuse: Reuse, together: Together
) -> Iterator[StageTask]:
    if not missing:
        return
    limits = plan.config.max_clip_seconds, plan.config.clip_time_limit
    plugins, after = tuple(plan.config.plugins), together.after(stage)
    later = tuple((other, stems.drops(plan, other)) for other in after)
    in_memory = plan.config.stems == "drop" and all(user in after for user in stems.users(plan))
    for part, rows in reuse.known(missing):
        alone = rows or not together.fresh(part, after)
        yield StageTask(
            stage, part, plan.work, plugins, rows, None, *limits,
            packs=reuse.packs(rows), drop_stems=stems.drops(plan, stage), later=() if alone else later,
            stems_in_memory=in_memory and not alone,
        )  # fmt: skip


def _results(
    tasks: Iterator[StageTask], stage: StagePlan, executor: Executor, together: Together
) -> Generator[Done]:
    """Runs tasks. Where a worker dies, finds the clip that causes it and records it as a failure."""
    loads: bool | None = None
    for task, result in executor.run(stage_task.run, tasks):
        if not isinstance(result, Crash):
            together.done(task.part, [later for later, _ in task.later], result.later)
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
    task = replace(task, later=(), stems_in_memory=False)
    result = Crash(True) if late else executor.run_alone(stage_task.run, task)
    if not isinstance(result, Crash):
        return result  # another task caused the crash, or memory was too short for both
    late = late or limit_reached(task.file)
    known, packs = dict(task.known), list[Path]()
    for item, row in _narrowed(task, task.part.fingerprints, executor, late, packs):
        known[item.identity] = row
    packs = [path for path in packs if task.stage.name == stems.STAGE and path.is_file()]
    # All rows are known, so no model is loaded.
    done = stage_task.run(replace(task, known=known, packs=(*task.packs, *packs)))
    for path in packs:
        path.unlink(missing_ok=True)
    return done


def _narrowed(
    task: StageTask,
    items: Sequence[files.Fingerprint],
    executor: Executor,
    late: float | None,
    packs: list[Path],
) -> Iterator[tuple[files.Fingerprint, dict[str, Any]]]:
    """Rows of clips of a task that crashes its worker: halves are run alone until the clip is found.

    Args:
        late: The time limit that the clips reached together, if they did.
        packs: Output list for the packs where *separate* writes the stems.
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
        attempt = replace(task, part=part, upstream_part=task.part, drop_stems=False)
        outcome = executor.run_alone(stage_task.run, attempt)
        if isinstance(outcome, Crash):
            yield from _narrowed(task, half, executor, limit_reached(attempt.file), packs)
        else:
            packs.append(stems.pack_file(attempt.file.parent, part))
            yield from zip(half, state.read_rows(attempt.file), strict=True)
