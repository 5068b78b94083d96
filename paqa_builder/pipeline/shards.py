"""A shard of a build: the stages of some of its parts, beside other shards that use the same work folder.

A shard lists the whole corpus and takes every n-th part. What depends on all clips (leaks and doubles,
questions, the blind gate, the data set) is left to :func:`paqa_builder.pipeline.build.build` with the same
settings, which finds the finished parts in the work folder.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from paqa_builder import files
from paqa_builder.config import Config
from paqa_builder.errors import ConfigError
from paqa_builder.pipeline import doctor, leaks, perceive
from paqa_builder.pipeline.plan import Plan, make, resolve_stages, with_root
from paqa_builder.pipeline.step import NoProgress, Progress, StageReport
from paqa_builder.pipeline.together import Together
from paqa_builder.registry import load_plugins
from paqa_builder.runtime.shard_hold import hold_for_shard, one_at_a_time


@dataclass(frozen=True, slots=True)
class ShardReport:
    """Result and cost of a shard.

    Attributes:
        parts: Number of parts of the shard.
        of_parts: Number of parts of the build.
        clips: Number of clips of the shard.
        failed: Number of clips with a failure. Their rows are complete; the build reports them.
    """

    shard: str
    parts: int
    of_parts: int
    clips: int
    failed: int
    stages: tuple[StageReport, ...]


def run(config: Config, progress: Progress | None = None, *, retry_failed: bool = False) -> ShardReport:
    """Runs the stages of one shard and reuses its finished parts.

    Args:
        progress: Receives progress updates.
        retry_failed: Whether to process clips again that failed in an earlier run.

    Raises:
        ConfigError: The configuration is wrong, or names no shard.
        SourceError: The corpus cannot be listed.
        NotReadyError: A package, a model or disk space is missing; another build, or another process with the
            same shard, uses the work folder.
    """
    if config.shard is None:
        raise ConfigError("no shard is configured", fix="add --shard 1/4 for the first of four")
    progress = progress or NoProgress()
    load_plugins(config.plugins)
    leaks.options_of(config)
    with hold_for_shard(config.work_folder, "--work", _plan_key(config), config.shard):
        with one_at_a_time(config.work_folder):  # the first hashes the files, the others read its list
            whole = make(config)
        plan = part_of(whole, config.shard)
        stages = leaks.stages_of(plan)
        together = Together(whole, stages)  # parts of other shards are no parts of other builds
        doctor.require(
            (stage.name, stage.backend) for stage in stages if stage.config and plan.missing(stage)
        )
        reports = []
        for stage in stages:
            executor = stage.executor(config)
            reports.append(
                perceive.run_stage(
                    plan, stage, executor, progress, retry_failed=retry_failed, together=together
                )
            )
    clips = plan.count
    failed = max((report.failed for report in reports), default=0)
    return ShardReport(config.shard, len(plan.parts), len(whole.parts), clips, failed, tuple(reports))


def part_of(plan: Plan, shard: str) -> Plan:
    """The parts of one shard, given as ``"2/8"``."""
    number, _, count = shard.partition("/")
    return replace(plan, parts=plan.parts[int(number) - 1 :: int(count)])


def _plan_key(config: Config) -> str:
    """Hash of the settings that decide which clips and parts there are and what is computed."""
    config, _ = with_root(config)
    return files.digest(
        [
            (config.shard or "").partition("/")[2], config.source, config.source_options, config.limit,
            config.part_size, config.license_allow, config.speaker_names, str(config.truth),
            [(stage.name, stage.key) for stage in resolve_stages(config)],
        ]
    )  # fmt: skip
