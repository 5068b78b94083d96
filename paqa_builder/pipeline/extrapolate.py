"""Extrapolates the measurements of a calibration to what a build has still to do."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from paqa_builder.pipeline.costs import (
    Corpus,
    Task,
    Values,
    proportional,
    range_of,
    seconds_of,
    summed,
    total_of,
)
from paqa_builder.pipeline.estimate import Estimate, StepEstimate, machine
from paqa_builder.pipeline.measured import Measurements, OfShards, OfStage, workers_of
from paqa_builder.pipeline.plan import Plan, StagePlan
from paqa_builder.pipeline.status import of_plan
from paqa_builder.questions.rehearsal import CLIPS as REHEARSED
from paqa_builder.runtime import device

Costs = dict[str, Values]
"""Values of ``cpu``, ``wall``, ``gpu`` and ``disk``."""


def estimated(
    plan: Plan, stages: Sequence[StagePlan], corpus: Corpus, measurements: Measurements
) -> Estimate:
    """The estimate of what a build of the plan has still to do; with the setting ``shard``, of one shard."""
    generator = np.random.default_rng(plan.config.seed)
    lengths = list(measurements.lengths.values())
    audio = seconds_of(corpus.bytes, lengths, generator) if lengths else np.zeros(1)
    to_do = {row["stage"]: row["to_do"] for row in of_plan(plan)}
    # A shard runs its share of the parts through the stages, and no other step.
    shards_in_all = int((plan.config.shard or "1/1").partition("/")[2])
    steps = []
    for stage in stages:
        measured = measurements.stages.get(stage.name)
        clips, workers = math.ceil(to_do[stage.name] / shards_in_all), _workers(plan, stage)
        costs: Costs = {}
        if measured is not None and measured.tasks and measured.key == stage.key:
            seconds = audio * clips / max(1, corpus.clips)
            costs = _of_stage(measured, clips, seconds, workers, _on_gpu(plan, stage), generator)
        steps.append(_step(stage.name, stage.key, clips, workers, costs))
    rest = corpus.clips if any(to_do.values()) and shards_in_all == 1 else 0
    shards = measurements.shards
    after = _after(shards, corpus, rest, plan.config.workers, generator) if shards else {}
    for name in ("corpus", "questions", "gate", "shards"):
        workers = plan.config.workers if name == "questions" else 1
        steps.append(_step(name, "", rest, workers, after.get(name, {})))
    return Estimate(
        clips=corpus.clips,
        audio=range_of(audio),
        sampled=len(lengths),
        sampled_seconds=sum(length.seconds for length in lengths),
        failed=len(measurements.failed),
        machine=machine(),
        jobs=plan.config.workers,
        steps=tuple(steps),
        total=_total(steps, corpus.clips, plan.config.workers),
    )


def _of_stage(
    measured: OfStage, clips: int, seconds: Values, workers: int, on_gpu: bool, generator: np.random.Generator
) -> Costs:
    if not clips:
        return {name: np.zeros(len(seconds)) for name in ("cpu", "wall", "disk")}
    cpu = total_of(clips, seconds, measured.tasks, "cpu", generator)
    busy = total_of(clips, seconds, measured.tasks, "wall", generator)
    loads = workers / measured.workers
    busy_and_loading = busy + measured.load_wall * loads
    costs = {
        "cpu": cpu + measured.load_cpu * loads,
        "wall": busy_and_loading / workers + measured.idle,
        "disk": measured.bytes * _share(measured.tasks, clips, seconds),
    }
    return costs | ({"gpu": busy_and_loading} if on_gpu else {})


def _share(tasks: Sequence[Task], clips: int, seconds: Values) -> Values:
    """How many times the sample is in the rest, by seconds of audio."""
    measured = sum(task.seconds for task in tasks)
    if measured:
        return seconds / measured
    return np.full(len(seconds), clips / sum(task.clips for task in tasks))


def _after(
    shards: OfShards, corpus: Corpus, clips: int, workers: int, generator: np.random.Generator
) -> dict[str, Costs]:
    """The costs of the steps after the stages, which depend on the number of clips."""
    if not clips:
        return {}
    asked = total_of(
        clips, np.zeros(len(proportional(0.0, generator))), _by_clip(shards.tasks), "cpu", generator
    )
    share = clips / shards.clips
    pools = proportional(_linear(shards.corpus, min(clips, REHEARSED)), generator)
    gate = proportional(shards.gate * share, generator)
    writing = proportional(shards.shards * share, generator)
    size = shards.shard_bytes * sum(corpus.bytes.values()) / max(1, shards.audio_bytes)
    return {
        "corpus": {"cpu": pools, "wall": pools},
        "questions": {
            "cpu": asked,
            "wall": asked / workers,
            "disk": proportional(shards.work_bytes * share, generator),
        },
        "gate": {"cpu": gate, "wall": gate},
        "shards": {"cpu": writing, "wall": writing, "disk": proportional(size, generator)},
    }


def _by_clip(tasks: Sequence[Task]) -> list[Task]:
    return [task._replace(seconds=0.0) for task in tasks]


def _linear(points: Sequence[tuple[int, float]], clips: int) -> float:
    """The cost of ``clips`` clips on the line through two points; it does not fall with more clips."""
    (few, low), (many, high) = points[0], points[-1]
    slope = max(0.0, (high - low) / (many - few)) if many > few else 0.0
    return high + slope * (clips - many)


def _workers(plan: Plan, stage: StagePlan) -> int:
    return workers_of(stage.executor(plan.config))


def _on_gpu(plan: Plan, stage: StagePlan) -> bool:
    return stage.on_gpu and device.workers(plan.config.device or "auto") is not None


def _total(steps: Sequence[StepEstimate], clips: int, workers: int) -> StepEstimate:
    columns = {}
    for column in ("cpu", "wall", "gpu", "disk"):
        known = [value for step in steps if (value := getattr(step, column)) is not None]
        columns[column] = summed(known) if known else None
    return StepEstimate("total", "", clips, workers, **columns)


def _step(name: str, key: str, clips: int, workers: int, costs: Costs) -> StepEstimate:
    return StepEstimate(name, key, clips, workers, **{column: range_of(v) for column, v in costs.items()})
