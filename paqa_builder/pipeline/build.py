"""A whole build: source → stages → questions → gate → shards.

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

from paqa_builder import files
from paqa_builder.config import Config
from paqa_builder.dataset import lock, write
from paqa_builder.dataset.schema import quarantine_row, question_row
from paqa_builder.dataset.summary import Summary
from paqa_builder.errors import PaqaError
from paqa_builder.gate.report import Verdicts
from paqa_builder.pipeline import ask, doctor, perceive
from paqa_builder.pipeline import judge as gate
from paqa_builder.pipeline import reword as llm
from paqa_builder.pipeline.plan import Plan, make
from paqa_builder.pipeline.reword import LlmReport
from paqa_builder.pipeline.step import NoProgress, Progress, StageReport
from paqa_builder.questions import load_templates
from paqa_builder.questions.question import Quarantined, Question
from paqa_builder.questions.templates import template_hash
from paqa_builder.records import Failure, Scene, to_json
from paqa_builder.runtime.executor import executor_for

REPORT = "last-build.json"


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build made and what it cost.

    Attributes:
        failures: (clip id, failure) of every clip that failed, in the clips' order.
        quarantined: Problems of questions that were refused, with their numbers.
        verdicts: What the blind gate says of every question.
        unchanged: True where the shards were already those that this build makes.
        llm: Requests to a language model; its ``model`` is empty where none was used.
    """

    config: Config
    summary: Summary
    stages: tuple[StageReport, ...]
    failures: tuple[tuple[str, Failure], ...]
    quarantined: Counter[str]
    verdicts: Verdicts
    unchanged: bool
    llm: LlmReport | None = None


def build(config: Config, progress: Progress | None = None, *, retry_failed: bool = False) -> BuildReport:
    """Builds a data set into ``config.out``, reusing all work that is already done.

    Args:
        progress: Receives progress updates.
        retry_failed: Whether clips that failed before are tried once more.

    Raises:
        ConfigError: The configuration is wrong.
        SourceError: The corpus cannot be listed.
        NotReadyError: A package, a model or disk space is missing. What is done is kept.
    """
    progress = progress or NoProgress()
    write.claim(config.out)
    files.remove_stale(config.work_folder)
    plan = make(config)
    doctor.require(
        (stage.name, stage.backend) for stage in plan.stages if stage.config and plan.missing(stage)
    )
    reports = [
        perceive.run_stage(
            plan, stage, executor_for(config, on_gpu=stage.on_gpu), progress, retry_failed=retry_failed
        )
        for stage in plan.stages
    ]
    folder, report = ask.run(plan, executor_for(config), progress)
    requests, talk = LlmReport(), llm.start(plan)
    folder, reworded = llm.run(plan, folder, talk, requests, progress)
    reader, reader_key, read = llm.read_blind(plan, folder, talk, requests, progress)
    verdicts, judged = gate.run(plan, folder, progress, reader, reader_key)
    reports += [report, *reworded, *read, judged]
    result = publish(plan, folder, verdicts, tuple(reports), requests)
    _remember(plan, result)
    return result


def publish(
    plan: Plan,
    folder: Path,
    verdicts: Verdicts,
    reports: tuple[StageReport, ...] = (),
    requests: LlmReport | None = None,
) -> BuildReport:
    """Writes the shards from finished parts, unless they are there already.

    Args:
        folder: The parts with the questions; see :func:`paqa_builder.pipeline.ask.run`.
        verdicts: See :func:`paqa_builder.pipeline.judge.run`.
        requests: Requests to a language model, if one was used.
    """
    failures: list[tuple[str, Failure]] = []
    quarantined: Counter[str] = Counter()

    def items() -> Iterator[tuple[Scene, list[Question], list[Quarantined]]]:
        for scene, proved, refused in ask.items(plan, folder):
            failures.extend((scene.clip.id, failure) for failure in scene.failures)
            kept = [question for question in proved if question.id not in verdicts.refused]
            refused += [
                Quarantined(question, (verdicts.refused[question.id],), "gate")
                for question in proved
                if question.id in verdicts.refused
            ]
            quarantined.update(problem for item in refused for problem in item.problems)
            yield scene, kept, refused

    made = account(plan, folder, verdicts) | (
        {"llm": requests.to_json()} if requests and requests.model else {}
    )
    unchanged = lock.up_to_date(plan.config.out, made)
    if unchanged:
        summary = Summary(gate=verdicts.report)
        for scene, kept, refused in items():
            clip = scene.clip
            summary.add(scene, [question_row(q, clip, verdicts.contribution(q.id)) for q in kept])
            summary.refuse([quarantine_row(item.question, clip, item.by, item.problems) for item in refused])
    else:
        summary = write.write_shards(
            plan.config.out,
            items(),
            made,
            shard_bytes=plan.config.shard_mb * write.MB,
            verdicts=verdicts,
        )
    return BuildReport(
        plan.config, summary, reports, tuple(failures), quarantined, verdicts, unchanged, requests
    )


def account(plan: Plan, folder: Path, verdicts: Verdicts) -> dict[str, Any]:
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
        "clips": {"count": len(clips), "hash": files.digest(clips, 64)},
        "stages": stages,
        "questions": {
            # In full: another version may have other defaults, and proofs depend on them.
            "options": ask.options_of(config).model_dump(mode="json"),
            "templates": {t.name: template_hash(t) for t in load_templates(config.templates)},
            "seed": config.seed,
            "key": folder.name.partition("-")[2],
        },
        "gate": {
            "options": gate.options_of(config).model_dump(mode="json"),
            "report": verdicts.report.to_json(),
        },
        "shard_mb": config.shard_mb,
    }


def _remember(plan: Plan, report: BuildReport) -> None:
    """Leaves the run's figures in the work folder, for people and benchmarks."""
    ran = [asdict(stage) | {"rtf": stage.rtf} for stage in report.stages if stage.clips]
    if ran:
        data = {"clips": len(plan.clips), "jobs": plan.config.workers, "stages": ran}
        files.write_atomic(plan.work / REPORT, json.dumps(data, indent=2).encode())


def exit_error(report: BuildReport) -> PaqaError | None:
    """The error to report where no clip at all could be used."""
    clips = sum(report.summary.clips.values())
    if report.summary.failed == clips:
        _, failure = report.failures[0]
        return PaqaError(f"all {clips} clips failed; the first: {failure.message}", fix="paqa doctor")
    return None
