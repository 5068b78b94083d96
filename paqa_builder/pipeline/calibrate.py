"""Calibration: runs a sample of a corpus through the steps of a build, and estimates the costs of the rest.

The sample runs in the build's work folder, so the build uses its rows again. It is chosen by a hash of the
clips' ids: a larger sample contains a smaller one, and adds to its measurements.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import asdict, replace
from pathlib import Path

from paqa_builder import files
from paqa_builder.config import Config
from paqa_builder.errors import NotReadyError, PaqaError
from paqa_builder.files import state
from paqa_builder.pipeline import calibrate_shards, doctor, leaks, perceive
from paqa_builder.pipeline.costs import Corpus, Length
from paqa_builder.pipeline.estimate import FILE, Estimate, bytes_in, disk_of
from paqa_builder.pipeline.extrapolate import estimated
from paqa_builder.pipeline.measured import Measurements, Measuring
from paqa_builder.pipeline.plan import Plan, make
from paqa_builder.pipeline.step import NoProgress, Progress
from paqa_builder.runtime.hold import hold
from paqa_builder.seeded import digest

_TASKS = 8
"""Least number of tasks of a sample that has as many clips: the differences between them give the range."""


def run(config: Config, count: int, progress: Progress | None = None) -> tuple[Plan, Estimate]:
    """Measures a sample of ``count`` clips and estimates what a build has still to do.

    Raises:
        ConfigError: The configuration is wrong.
        SourceError: The corpus cannot be listed.
        NotReadyError: A package, a model or disk space is missing, or a build uses the work folder.
    """
    with hold(config.work_folder, "--work"):
        files.remove_stale(config.work_folder)
        plan, _ = leaks.applied(make(config))
        doctor.require(
            (stage.name, stage.backend) for stage in plan.stages if stage.config and plan.missing(stage)
        )
        measurements = Measurements.read(plan)
        sample = _sample(plan, count, measurements.lengths.keys())
        if sample.parts:
            _measure(sample, measurements, progress or NoProgress())
        estimate = estimated(plan, leaks.stages_of(plan), _corpus(plan), measurements)
        content = {"estimate": asdict(estimate), "disk": disk_of(plan), **measurements.to_json()}
        state.write(plan.work / FILE, content)
        return plan, estimate


def _sample(plan: Plan, count: int, earlier: Collection[str]) -> Plan:
    """A plan of ``count`` of the clips that the first unfinished stage lacks.

    Args:
        earlier: Ids of the clips of an earlier sample, which are chosen again.
    """
    missing: set[int] = set()
    for stage in plan.stages:
        if missing := {part.index for part in plan.missing(stage)}:
            break

    def waiting() -> Iterator[files.Fingerprint]:
        for part in plan.parts if missing else ():
            for item in part.fingerprints:
                if (part.index in missing or item.clip.id in earlier) and item.sha256 and not item.problem:
                    yield item

    def order(item: files.Fingerprint) -> str:
        return digest(plan.config.seed, "calibrate", item.clip.id)

    chosen = heapq.nsmallest(count, waiting(), key=order)
    largest = max((part.size for part in plan.parts), default=1)
    tasks = max(_TASKS, 4 * plan.config.workers)
    size = max(1, min(largest, len(chosen) // tasks))
    return replace(plan, parts=tuple(files.parts_of(chosen, size)), listing=None)


def _measure(sample: Plan, measurements: Measurements, progress: Progress) -> None:
    """Runs the steps of a build on a sample and adds their costs to the measurements."""
    for stage in leaks.stages_of(sample):
        folder = stage.folder(sample.work)
        measuring = Measuring(stage.executor(sample.config))
        before = bytes_in([folder])
        report = perceive.run_stage(sample, stage, measuring, progress)
        measurements.add(stage, measuring, report.wall_seconds, bytes_in([folder]) - before)
        for part in sample.parts_of(stage):
            rows = state.read_rows(part.file(folder))
            measurements.failed |= {row["clip"] for row in rows if "failure" in row}
            if stage.name == "read":
                _add_lengths(measurements, part, rows)
    try:
        measurements.shards = calibrate_shards.measure(sample, progress)
    except NotReadyError:
        raise
    except PaqaError:  # no clip of the sample can be used, for example
        measurements.shards = None


def _add_lengths(measurements: Measurements, part: files.Part, rows: list[dict]) -> None:
    for item, row in zip(part.fingerprints, rows, strict=True):
        seconds = row["records"][0]["duration"] if "records" in row else 0.0
        length = Length(Path(item.clip.path).suffix.lower(), files.size_of(item.clip.path), seconds)
        measurements.lengths[item.clip.id] = length


def _corpus(plan: Plan) -> Corpus:
    """The number of clips, and their bytes by suffix."""
    clips, sizes = 0, Counter[str]()
    for part in plan.parts:
        for item in part.fingerprints:
            clips += 1
            sizes[Path(item.clip.path).suffix.lower()] += files.size_of(item.clip.path)
    return Corpus(clips, dict(sizes))
