"""Leaks and doubles of a plan: fingerprints its clips, reports what crosses splits, drops or moves clips.

This happens before the models run: a clip that is dropped costs no model's time. The fingerprints are a stage
of their own, on which no other stage depends, so that a change of the settings redoes no model.
"""

from __future__ import annotations

import logging
from array import array
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from paqa_builder import files
from paqa_builder.config import Config, validate_options
from paqa_builder.dataset import shared_audio
from paqa_builder.files import state
from paqa_builder.files.manifest import Manifest
from paqa_builder.files.selection import Selection
from paqa_builder.leaks.fingerprint import AcousticFingerprint, StoredFingerprint
from paqa_builder.leaks.groups import DOUBLE, by_kind, is_strict, sentence
from paqa_builder.leaks.matching import components, pairs
from paqa_builder.leaks.options import LeakOptions
from paqa_builder.leaks.prints import Prints
from paqa_builder.leaks.resolve import LeakReport, resolve
from paqa_builder.perception.stage import stage_class
from paqa_builder.pipeline import perceive
from paqa_builder.pipeline.plan import Plan, StagePlan, parts_of
from paqa_builder.pipeline.step import Progress, StageReport, code_hash
from paqa_builder.pipeline.together import Together
from paqa_builder.records import NO_TRUTH, from_json
from paqa_builder.runtime.executors import executor_for

log = logging.getLogger(__name__)

STAGE = "fingerprint"
DOUBLES = "doubles.json"
"""File in the folder of the stage with the clips of each recording that several clips hold."""
LEFT = "parts-left.json"
"""File in the work folder with the hashes of the parts without dropped clips."""
_SMALL = 20_000_000
"""Bytes of clips that are fingerprinted faster than worker processes start. The stage *read* has decoded them
before, so those that crash a decoder are known."""


def options_of(config: Config) -> LeakOptions:
    """The validated ``leaks`` section of a configuration."""
    return validate_options(LeakOptions, config.leaks, "leaks")


def stage_of(plan: Plan) -> StagePlan | None:
    """The stage *fingerprint* of a plan; None where duplicates are not looked for."""
    if options_of(plan.config).duplicates == "off":
        return None
    upstream = tuple((stage.name, stage.key) for stage in plan.stages if stage.name == "read")
    return StagePlan(STAGE, None, upstream, files.digest([STAGE, stage_class(STAGE).version, upstream]), "")


def stages_of(plan: Plan) -> list[StagePlan]:
    """The stages of a plan with *fingerprint* right after *read*, in the order in which they run."""
    fingerprint = stage_of(plan)
    ordered = list(plan.stages)
    if fingerprint is not None:
        after_read = next((n for n, stage in enumerate(ordered, 1) if stage.name == "read"), 0)
        ordered.insert(after_read, fingerprint)
    return ordered


def run(
    plan: Plan, progress: Progress, *, retry_failed: bool = False
) -> tuple[Plan, tuple[StageReport, ...], LeakReport]:
    """Fingerprints the clips of a plan and applies its settings.

    Returns:
        The plan without dropped clips and with changed splits, the costs of the stages *read* and
        *fingerprint*, and the report.
    """
    reports = []
    stage = stage_of(plan)
    if stage is not None:
        both = (*(s for s in plan.stages if s.name == "read"), stage)
        together = Together(plan, both)
        for needed in both:
            small = needed is stage and _size(plan) < _SMALL
            config = plan.config.model_copy(update={"executor": "inline"}) if small else plan.config
            executor = executor_for(config)
            reports.append(
                perceive.run_stage(
                    plan, needed, executor, progress, retry_failed=retry_failed, together=together
                )
            )
    fresh = any(report.clips for report in reports)
    plan, report = applied(plan, save=True, search=fresh)
    _warn(report)
    return plan, tuple(reports), report


def _size(plan: Plan) -> int:
    """Bytes of all clips."""
    return plan.listing.size if plan.listing else 0


def applied(plan: Plan, *, save: bool = False, search: bool = False) -> tuple[Plan, LeakReport]:
    """Applies the settings to a plan as far as its clips have fingerprints; runs nothing.

    Args:
        save: Whether to keep the doubles that were found in the work folder.
        search: Whether to look for doubles although the work folder has those of an earlier search.
    """
    options, listing = options_of(plan.config), plan.listing
    assert isinstance(listing, Manifest)
    doubles: list[list[int]] = []
    unknown = 0
    if (stage := stage_of(plan)) is not None:
        key = files.digest([[part.hash for part in plan.parts], code_hash("leaks/*.py")])
        kept_file = stage.folder(plan.work) / DOUBLES
        earlier = None if search or plan.missing(stage) else state.read(kept_file)
        if isinstance(earlier, dict) and earlier["key"] == key:
            doubles, unknown = earlier["doubles"], earlier["unknown"]
        else:
            prints, positions, unknown = _fingerprints(plan, stage, plan.work if save else None)
            doubles = _doubles(listing, prints, positions)
            if save:
                state.write(kept_file, {"key": key, "doubles": doubles, "unknown": unknown})
    selection, report = _resolved(listing, doubles, options)
    if selection is not None:
        if selection.count < listing.count:
            parts = parts_of(selection, plan.config, LEFT, save=save)
        else:
            parts = tuple(replace(part, clips=selection) for part in plan.parts)
        plan = replace(plan, parts=parts, listing=selection)
    return plan, replace(report, unknown=unknown)


def _resolved(
    listing: Manifest, doubles: list[list[int]], options: LeakOptions
) -> tuple[Selection | None, LeakReport]:
    """Applies the settings to the clips that have groups or doubles; None if no clip changes."""
    in_doubles = sorted(index for members in doubles for index in members)
    if listing.grouped:
        wanted = set(in_doubles)
        found = [(n, item) for n, item in enumerate(listing) if item.clip.groups or n in wanted]
    else:
        found = [(n, listing.items(n, 1)[0]) for n in in_doubles]
    # Of the annotation nothing is needed, and it may be large.
    clips = [replace(item.clip, truth=NO_TRUTH, questions=()) for _, item in found]
    places = {position: n for n, (position, _) in enumerate(found)}
    resolved, report = resolve(clips, [[places[n] for n in members] for members in doubles], options)
    left_out, changes = [], {}
    for (position, _), before, after in zip(found, clips, resolved, strict=True):
        if after is None:
            left_out.append(position)
        elif (after.split, after.groups) != (before.split, before.groups):
            changes[position] = after.split, after.groups
    return Selection(listing, left_out, changes) if left_out or changes else None, report


def _fingerprints(plan: Plan, stage: StagePlan, temporary: Path | None) -> tuple[Prints, np.ndarray, int]:
    """Fingerprints, the positions of their clips, and the number of clips that could not be fingerprinted.

    Clips that could not be read are not counted; they are failures of the stage *read*.

    Args:
        temporary: Folder for temporary files.
    """
    positions, failed = array("q"), 0
    folder, ledger = stage.folder(plan.work), plan.ledger(stage)

    def known() -> Iterator[AcousticFingerprint]:
        nonlocal failed
        position = 0
        for part in plan.parts:
            rows = state.read_rows(part.file(folder)) if ledger.entry(part.name) else []
            for number, row in enumerate(rows):
                if records := row.get("records"):
                    positions.append(position + number)
                    yield AcousticFingerprint.of(from_json(StoredFingerprint, records[0]))
                else:
                    failed += row["failure"]["stage"] == STAGE
            position += part.size

    prints = Prints(known(), temporary)
    return prints, np.array(positions, np.int64), failed


def _doubles(listing: Manifest, prints: Prints, positions: np.ndarray) -> list[list[int]]:
    """Positions of the clips of each recording that several clips hold."""
    found = positions[pairs(prints)]
    # Eight bytes of each hash tell which clips are worth a second look.
    starts = np.fromiter((_start(item.sha256) for item in listing), np.uint64, listing.count)
    values, counts = np.unique(starts, return_counts=True)
    repeated = np.flatnonzero(np.isin(starts, values[counts > 1])).tolist()
    same: dict[str, list[int]] = defaultdict(list)
    for index in repeated:
        sha256 = listing.items(index, 1)[0].sha256
        if sha256 and sha256 != shared_audio.EMPTY:
            same[sha256].append(index)
    equal = [(members[0], other) for members in same.values() for other in members[1:]]
    return components(listing.count, np.concatenate([found, np.array(equal, np.int64).reshape(-1, 2)]))


def _start(sha256: str) -> int:
    return int(sha256[:16] or "0", 16)


def _warn(report: LeakReport) -> None:
    for kind, crossing in by_kind(report.crossing).items():
        if is_strict(kind, report.options.strict):
            setting = "duplicates" if kind == DOUBLE else "groups"
            log.warning("%s: `paqa push` refuses the data set without --force; see the setting leaks.%s",
                        sentence(kind, crossing), setting)  # fmt: skip
        else:
            log.warning(
                "%s; reported only: the setting leaks.strict does not name this kind",
                sentence(kind, crossing),
            )
    if report.unknown:
        log.warning("%d readable clips have no fingerprint and were not compared", report.unknown)
