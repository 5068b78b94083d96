"""A whole build: source → stages → questions → gate → shards.

Each step of :func:`build` processes only what the work folder does not have yet. An interrupted build
therefore continues, and a finished one does nothing.
"""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from paqa_builder import files
from paqa_builder.config import Config
from paqa_builder.dataset import lock, shared_audio, upload, write
from paqa_builder.dataset.summary import Summary
from paqa_builder.errors import ConfigError, NotReadyError, PaqaError
from paqa_builder.files import manifest, stamps
from paqa_builder.files.ledger import Ledger
from paqa_builder.files.memo import Memo
from paqa_builder.gate.report import Verdicts
from paqa_builder.leaks.resolve import LeakReport
from paqa_builder.pipeline import ask, doctor, grounded, leaks, perceive, replaced, stems
from paqa_builder.pipeline import judge as gate
from paqa_builder.pipeline import reword as llm
from paqa_builder.pipeline.estimate import Error, errors_of
from paqa_builder.pipeline.kept_warnings import keep_warnings
from paqa_builder.pipeline.plan import Plan, make
from paqa_builder.pipeline.reuse import CHANGED
from paqa_builder.pipeline.reword import LlmReport
from paqa_builder.pipeline.step import NoProgress, Progress, StageReport
from paqa_builder.pipeline.together import Together
from paqa_builder.questions import load_templates
from paqa_builder.questions.question import Quarantined, Question
from paqa_builder.questions.templates import template_hash
from paqa_builder.records import Failure, Scene, to_json
from paqa_builder.remote import url_of
from paqa_builder.runtime.executors import executor_for
from paqa_builder.runtime.hold import hold
from paqa_builder.runtime.version import __version__
from paqa_builder.text.privacy import published

log = logging.getLogger(__name__)

REPORT = "last-build.json"
"""File in the work folder with the costs of the last run, which ``paqa bench`` reads."""
SUMMARY = "summary.json"
"""File in the work folder with the counts of the data set, so that a finished one is not counted again."""
SHARDS = "shards.json"
"""File in the work folder with sizes and times of change of the data set's files when they were last read."""
CLIPS = "clips-hash.json"
"""File in the work folder with the hash of the clips for the lock."""

PUBLISHED = "published"
"""Folder in the work folder with the data set that is uploaded to a URL."""


@dataclass(frozen=True, slots=True)
class BuildReport:
    """Result and cost of a build.

    Attributes:
        failures: (clip id, failure) of every failed stage of a clip, in the order of the clips.
        quarantined: Number of refused questions by problem.
        verdicts: Verdicts of the blind gate.
        unchanged: Whether the shards were already up to date.
        llm: Requests to a language model; its ``model`` is empty if none was used.
        warnings: All different warnings of this run.
        grounded: What became of the corpus's own questions; see :mod:`paqa_builder.pipeline.grounded`.
        leaks: Groups and doubles: what crosses splits, and the clips that were dropped or moved.
        estimate_errors: Errors of the estimate of ``paqa plan --calibrate``, where there is one.
    """

    config: Config
    summary: Summary
    stages: tuple[StageReport, ...]
    failures: tuple[tuple[str, Failure], ...]
    quarantined: Counter[str]
    verdicts: Verdicts
    unchanged: bool
    llm: LlmReport | None = None
    warnings: tuple[str, ...] = ()
    grounded: Counter[str] = field(default_factory=Counter)
    leaks: LeakReport = field(default_factory=LeakReport)
    estimate_errors: tuple[Error, ...] = ()


def build(config: Config, progress: Progress | None = None, *, retry_failed: bool = False) -> BuildReport:
    """Builds a data set into ``config.out`` and reuses the finished work of earlier runs.

    Args:
        progress: Receives progress updates.
        retry_failed: Whether to process clips again that failed in an earlier run.

    Raises:
        ConfigError: The configuration is wrong, or ``config.out`` holds other files or another
            corpus's data set.
        SourceError: The corpus cannot be listed.
        NotReadyError: A package, a model or disk space is missing, or another build uses one of the folders.
            Finished work is kept.
    """
    if config.shard:
        raise ConfigError(
            f"a build of all clips cannot be shard {config.shard}",
            fix="run the shard with paqa build --shard, or paqa_builder.pipeline.shards.run",
        )
    if url := url_of(config.out):
        return _build_at(url, config, progress, retry_failed)
    with (
        keep_warnings() as warnings,
        write.claim(config.out, to_read=True) as writable,
        hold(config.work_folder, "--work"),
    ):
        report = _build(config, progress or NoProgress(), retry_failed, writable)
    of_workers = [message for stage in report.stages for message in stage.warnings]
    return replace(report, warnings=tuple(dict.fromkeys([*warnings, *of_workers])))


def _build_at(url: str, config: Config, progress: Progress | None, retry_failed: bool) -> BuildReport:
    """Builds into the work folder, then uploads the data set."""
    remote = upload.RemoteFolder.at(url)
    upload.check(remote, {"name": config.source})  # an error before the work, not after it
    work = config.work_folder
    local = config.model_copy(update={"work": work, "out": work / PUBLISHED})
    report = build(local, progress, retry_failed=retry_failed)
    uploaded = upload.publish(local.out, remote)
    return replace(report, config=config, unchanged=not uploaded)


def _build(config: Config, progress: Progress, retry_failed: bool, writable: bool) -> BuildReport:
    began = time.monotonic()
    files.remove_stale(config.work_folder)
    leaks.options_of(config)
    plan = make(config)
    if not writable and any(map(plan.missing, plan.stages)):
        with write.claim(config.out):  # an error before the work, not after it
            pass
    replaced.check(plan)
    doctor.require(
        (stage.name, stage.backend) for stage in plan.stages if stage.config and plan.missing(stage)
    )
    listed = plan
    plan, first_reports, leak_report = leaks.run(plan, progress, retry_failed=retry_failed)
    if leak_report.options.duplicates == "off":
        _warn_of_shared_audio(plan)
    reports = list(first_reports)
    together = Together(plan, [stage for stage in plan.stages if not first_reports or stage.name != "read"])
    for stage in plan.stages:
        if first_reports and stage.name == "read":
            if plan.missing(stage):  # clips were dropped, so the parts differ
                perceive.run_stage(plan, stage, executor_for(config), NoProgress())
            continue
        executor = stage.executor(config)
        reports.append(
            perceive.run_stage(plan, stage, executor, progress, retry_failed=retry_failed, together=together)
        )
    stems.sweep(plan)
    folder, ask_report = ask.run(plan, executor_for(config), progress)
    requests, talk = LlmReport(), llm.start(plan)
    folder, reword_reports = llm.run(plan, folder, talk, requests, progress)
    reader, reader_key, blind_reports = llm.read_blind(plan, folder, talk, requests, progress)
    verdicts, gate_report = gate.run(plan, folder, progress, reader, reader_key)
    reports += [ask_report, *reword_reports, *blind_reports, gate_report]
    report = publish(plan, folder, verdicts, tuple(reports), requests, leak_report)
    with suppress(NotReadyError):  # the data set is complete, even if the disk of the work folder is full
        replaced.record(plan)
        changed = {clip_id for clip_id, failure in report.failures if failure.error == CHANGED}
        if changed:
            manifest.forget(plan.work, [clip.path for clip in listed.clips if clip.id in changed])
        costs = [asdict(stage) | {"rtf": stage.rtf} for stage in reports if stage.clips]
        if costs:
            data = {"clips": plan.count, "jobs": config.workers, "stages": costs}
            files.write_atomic(plan.work / REPORT, json.dumps(data, indent=2).encode())
    return replace(report, estimate_errors=errors_of(plan, reports, time.monotonic() - began))


def _warn_of_shared_audio(plan: Plan) -> None:
    items = (item for part in plan.parts for item in part.fingerprints)
    groups = shared_audio.shared_audio((item.clip.id, item.clip.split, item.sha256) for item in items)
    if groups:
        log.warning("%s: `paqa push` refuses the data set without --force", shared_audio.message(groups))


def publish(
    plan: Plan,
    folder: Path,
    verdicts: Verdicts,
    reports: tuple[StageReport, ...] = (),
    requests: LlmReport | None = None,
    leak_report: LeakReport | None = None,
) -> BuildReport:
    """Writes the shards from finished parts, unless they are up to date.

    Args:
        folder: The folder of the questions; see :func:`paqa_builder.pipeline.ask.run`.
        verdicts: See :func:`paqa_builder.pipeline.judge.run`.
        requests: Requests to a language model, if one was used.
        leak_report: Groups and doubles; see :func:`paqa_builder.pipeline.leaks.run`.
    """
    failures: list[tuple[str, Failure]] = []
    unpublished: list[tuple[str, Failure]] = []
    quarantined: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    thresholds = ask.options_of(plan.config).thresholds

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
            asked.update(grounded.results(scene, kept, thresholds))
            yield scene, kept, refused

    description = _describe(plan, folder, verdicts)
    if requests and requests.model:
        description["llm"] = requests.to_json()
    leak_report = leak_report or LeakReport(leaks.options_of(plan.config))
    description["leaks"] = leak_report.to_json()
    checked = Memo(plan.work / SHARDS)
    unchanged = lock.up_to_date(plan.config.out, description, checked)
    memo, key = Memo(plan.work / SUMMARY), _results_key(plan, folder, verdicts, description)
    known = memo.get(key) if unchanged else None
    if known is not None:
        summary = Summary.from_json(known["summary"])
        failures += [(clip_id, Failure(**failure)) for clip_id, failure in known["failures"]]
        quarantined.update(known["quarantined"])
        asked.update(known["grounded"])
    elif unchanged:
        summary = write.summarise(items(), verdicts)
    else:
        summary = write.write_shards(
            plan.config.out,
            items(),
            description,
            shard_bytes=plan.config.shard_mb * write.MB,
            verdicts=verdicts,
            failures=unpublished,
        )
        stamps.wait()
        lock.remember(plan.config.out, checked)
    if known is None and not unpublished:
        value = {
            "summary": summary.to_json(),
            "failures": [[clip_id, asdict(failure)] for clip_id, failure in failures],
            "quarantined": quarantined,
            "grounded": asked,
        }
        memo.put(key, value)
    failures += unpublished
    return BuildReport(
        plan.config, summary, reports, tuple(failures), quarantined, verdicts, unchanged, requests,
        grounded=asked, leaks=leak_report,
    )  # fmt: skip


def _results_key(plan: Plan, folder: Path, verdicts: Verdicts, description: dict[str, Any]) -> str:
    """Hash of everything that the report of a build follows from."""
    return files.digest(
        [
            __version__, description, plan.content, plan.results(), Ledger(folder).checksums(plan.parts),
            verdicts.refused, sorted(verdicts.weak),
        ],
        64,
    )  # fmt: skip


def _clips_hash(plan: Plan) -> str:
    """Hash of what is published of the clips and their files."""
    memo = Memo(plan.work / CLIPS)
    known = memo.get(plan.content)
    if known is None:
        items = (item for part in plan.parts for item in part.fingerprints)
        rows = ([to_json(item.clip) | {"path": None}, item.sha256] for item in items)
        known = files.digest_of_all(rows, 64)
        memo.put(plan.content, known)
    return str(known)


def _describe(plan: Plan, folder: Path, verdicts: Verdicts) -> dict[str, Any]:
    """Description of the build for its lock; no paths, no secrets, the same on every machine."""
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
    description = {
        "source": {"name": config.source, "options": config.source_options, "limit": config.limit},
        "clips": {"count": plan.count, "hash": _clips_hash(plan)},
        "stages": stages,
        "questions": {
            # Including defaults: another version may have other ones, and proofs depend on them.
            "options": ask.options_of(config).model_dump(mode="json"),
            "templates": {t.name: template_hash(t) for t in load_templates(config.templates)},
            "seed": config.seed,
            "key": folder.name.partition("-")[2],
        },
        "gate": {
            "options": gate.options_of(config).model_dump(mode="json"),
            "report": verdicts.report.to_json(),
        },
        "speaker_names": config.speaker_names,
        "license_allow": config.license_allow,
        "shard_mb": config.shard_mb,
    }
    return published(description, *filter(None, [config.root, config.out, config.work_folder]))


def exit_error(report: BuildReport) -> PaqaError | None:
    """The error to raise if every clip failed; else None."""
    clips = sum(report.summary.clips.values())
    if report.summary.failed == clips:
        _, failure = report.failures[0]
        return PaqaError(
            f"all {clips} clips failed; the first error is: {failure.message}", fix="paqa doctor"
        )
    return None
