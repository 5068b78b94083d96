"""A whole build: source → stages → questions → shards.

:func:`build` is the pipeline, readable from top to bottom. Each step asks the work folder what is
already there, so an interrupted build goes on where it was, and a finished one does nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from paqa_builder import ask, doctor, lock, perceive, shards, store
from paqa_builder.config import Config
from paqa_builder.errors import PaqaError
from paqa_builder.executors import executor_for
from paqa_builder.perceive import Listener, Nobody, StageReport
from paqa_builder.plan import Plan, make
from paqa_builder.records import Failure, Scene, to_json
from paqa_builder.schema import question_row
from paqa_builder.summary import Summary

REPORT = "last-build.json"


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build made and what it cost.

    Attributes:
        failures: (clip id, failure) of every clip that failed, in the clips' order.
        quarantined: Problems of questions that were refused, with their numbers.
        unchanged: True where the shards were already those that this build makes.
    """

    config: Config
    summary: Summary
    stages: tuple[StageReport, ...]
    failures: tuple[tuple[str, Failure], ...]
    quarantined: Counter[str]
    unchanged: bool


def build(config: Config, listener: Listener | None = None, *, retry_failed: bool = False) -> BuildReport:
    """Builds a data set into ``config.out``, reusing all work that is already done.

    Args:
        listener: Told how far the build is.
        retry_failed: Whether clips that failed before are tried once more.

    Raises:
        ConfigError: The configuration is wrong.
        SourceError: The corpus cannot be listed.
        NotReadyError: A package, a model or disk space is missing. What is done is kept.
    """
    listener = listener or Nobody()
    shards.claim(config.out)
    store.remove_litter(config.work_folder)
    plan = make(config)
    doctor.require(
        (stage.name, stage.backend) for stage in plan.stages if stage.config and plan.missing(stage)
    )
    reports = [
        perceive.run_stage(
            plan, stage, executor_for(config, on_gpu=stage.on_gpu), listener, retry_failed=retry_failed
        )
        for stage in plan.stages
    ]
    folder, report = ask.run(plan, executor_for(config), listener)
    reports.append(report)
    result = publish(plan, folder, tuple(reports))
    _remember(plan, result)
    return result


def publish(plan: Plan, folder: Path, reports: tuple[StageReport, ...] = ()) -> BuildReport:
    """Writes the shards from finished parts, unless they are there already.

    Args:
        folder: The parts with the questions; see :func:`paqa_builder.ask.run`.
    """
    failures: list[tuple[str, Failure]] = []
    quarantined: Counter[str] = Counter()

    def items() -> Iterator[tuple[Scene, list[Any]]]:
        for scene, kept, refused in ask.items(plan, folder):
            failures.extend((scene.clip.id, failure) for failure in scene.failures)
            quarantined.update(problem for item in refused for problem in item.problems)
            yield scene, kept

    made = account(plan, folder)
    unchanged = lock.up_to_date(plan.config.out, made)
    if unchanged:
        summary = Summary()
        for scene, kept in items():
            summary.add(scene, [question_row(question, scene.clip) for question in kept])
    else:
        summary = shards.write_shards(
            plan.config.out, items(), made, shard_bytes=plan.config.shard_mb * shards.MB
        )
    return BuildReport(plan.config, summary, reports, tuple(failures), quarantined, unchanged)


def account(plan: Plan, folder: Path) -> dict[str, Any]:
    """What the build was made of, for its lock: the same on every machine, so no paths."""
    config = plan.config
    stages = [
        {
            "stage": stage.name,
            "backend": stage.backend,
            "revision": stage.revision,
            "options": stage.config.options if stage.config else {},
            "listen": stage.config.listen if stage.config else {},
            "key": stage.key,
        }
        for stage in plan.stages
    ]
    clips = [
        [to_json(printed.clip) | {"path": None}, printed.sha256]
        for part in plan.parts
        for printed in part.prints
    ]
    return {
        "source": {"name": config.source, "options": config.source_options, "limit": config.limit},
        "clips": {"count": len(clips), "hash": store.digest(clips, 64)},
        "stages": stages,
        "questions": {"options": config.questions, "seed": config.seed, "key": folder.name.partition("-")[2]},
        "shard_mb": config.shard_mb,
    }


def _remember(plan: Plan, report: BuildReport) -> None:
    """Leaves the run's figures in the work folder, for people and benchmarks."""
    ran = [asdict(stage) | {"rtf": stage.rtf} for stage in report.stages if stage.clips]
    if ran:
        data = {"clips": len(plan.clips), "jobs": plan.config.workers, "stages": ran}
        store.write_atomic(plan.work / REPORT, json.dumps(data, indent=2).encode())


def exit_error(report: BuildReport) -> PaqaError | None:
    """The error to report where no clip at all could be used."""
    clips = sum(report.summary.clips.values())
    if report.summary.failed == clips:
        _, failure = report.failures[0]
        return PaqaError(f"all {clips} clips failed; the first: {failure.message}", mend="paqa doctor")
    return None
