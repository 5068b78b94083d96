"""Runs one stage on one part: the task that executors distribute.

A task is small, can be pickled and has all its inputs by value. Running it twice, or on another machine
with the same work folder, writes the same file.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from paqa_builder import files, registry
from paqa_builder.audio import Audio, packs
from paqa_builder.audio.decode import MAX_SECONDS
from paqa_builder.errors import NotReadyError, PaqaError
from paqa_builder.files import Fingerprint, state
from paqa_builder.perception.results import check_finite
from paqa_builder.perception.shared import SharedAudio
from paqa_builder.perception.stage import ClipContext, Stage
from paqa_builder.pipeline import stems
from paqa_builder.pipeline.kept_warnings import keep_warnings
from paqa_builder.pipeline.plan import StagePlan, build_stage
from paqa_builder.pipeline.reuse import TOO_LONG
from paqa_builder.pipeline.stems import PartStems
from paqa_builder.pipeline.step import Done
from paqa_builder.records import (
    Abstention,
    AudioInfo,
    Failure,
    Stem,
    Tag,
    Turn,
    Utterance,
    from_json,
    to_json,
)
from paqa_builder.runtime import device
from paqa_builder.runtime.time_limit import TimeLimitReached, in_worker, time_limit
from paqa_builder.text.privacy import portable

BATCH_SECONDS = 600.0
"""Seconds of audio in memory at once, unless a single clip is longer."""

LIMIT_SECONDS, LIMIT_FACTOR = 600.0, 60.0
"""Time limit of a clip in seconds: the first, and the second times the clip's duration."""

LOAD_SECONDS = 1800.0
"""Time limit for loading a model."""

SLOWEST_BYTES = 16_000
"""Bytes per second of audio that a file of unknown duration is assumed to have."""

MESSAGE_LENGTH = 2000
"""Characters of an error's message that are stored."""

Row = dict[str, Any]
Rows = dict[files.Identity, Row]


@dataclass(frozen=True, slots=True)
class StageTask:
    """One stage on one part.

    Attributes:
        known: Rows that earlier builds made; only the other clips are processed.
        upstream_part: The part under whose name earlier stages wrote, if it is another one.
        max_seconds: Largest duration of a clip.
        clip_time_limit: Seconds that a clip may take; None for a limit that depends on its duration.
        packs: For *separate*: packs with stems of the clips in ``known``.
        drop_stems: Whether to delete the stems of the part afterwards.
        later: Stages that run afterwards on the same audio, and for each its ``drop_stems``.
        stems_in_memory: Whether only these stages use the stems, so that they need no file.
    """

    stage: StagePlan
    part: files.Part
    work: Path
    plugins: tuple[Path, ...]
    known: Rows
    upstream_part: files.Part | None = None
    max_seconds: float = MAX_SECONDS
    clip_time_limit: float | None = None
    packs: tuple[Path, ...] = ()
    drop_stems: bool = False
    later: tuple[tuple[StagePlan, bool], ...] = ()
    stems_in_memory: bool = False

    @property
    def file(self) -> Path:
        return self.part.file(self.stage.folder(self.work))


_loaded: dict[str, Stage] = {}


def load(task: StageTask) -> Stage:
    """Returns a task's stage with its weights loaded, once per process.

    Unloads other stages, except from a GPU with half of its memory free.
    """
    plan = task.stage
    if plan.key not in _loaded:
        registry.load_plugins(task.plugins)
        for key in [key for key, other in _loaded.items() if not _stays(other)]:
            del _loaded[key]
        stage = build_stage(plan.name, plan.config)
        if plan.config is not None:
            _load_backend(task, stage)
        _loaded[plan.key] = stage
    return _loaded[plan.key]


def _stays(stage: Stage) -> bool:
    return stage.loaded_on != "cpu" and device.half_free(stage.loaded_on)


def _load_backend(task: StageTask, stage: Stage) -> None:
    seconds = max(LOAD_SECONDS, task.clip_time_limit or 0.0)
    try:
        with time_limit(seconds, task.file):
            stage.backend.load()
    except (PaqaError, KeyboardInterrupt):
        raise
    except TimeLimitReached:
        why = f"not finished after {seconds:g} s"
    except BaseException as error:
        why = describe(error)
    else:
        return
    raise NotReadyError(
        f"stage {stage.name}: backend {task.stage.backend!r} cannot be loaded: {why}", fix="paqa doctor"
    )


def try_load(task: StageTask) -> None:
    """Loads a task's stage; unlike :func:`load`, it returns nothing that would have to be pickled."""
    load(task)


def run(task: StageTask) -> Done:
    """Runs a task and writes its part.

    A clip that fails becomes a row with its failure. A clip that failed in an earlier stage keeps that
    failure and is not processed.

    Raises:
        NotReadyError: A model or disk space is missing, which no single clip causes.
    """
    shared = SharedAudio() if task.later else None
    done = _warned(task, shared)
    later = (
        replace(
            task, stage=stage, part=task.part.with_truth(stage.uses_truth), known={}, packs=(),
            drop_stems=drop, later=(), stems_in_memory=False,
        )
        for stage, drop in task.later
    )  # fmt: skip
    return replace(done, later=tuple(_warned(after, shared) for after in later))


def _warned(task: StageTask, shared: SharedAudio | None) -> Done:
    with keep_warnings() as warnings:
        done = _run(task, shared)
    return replace(done, warnings=tuple(warnings))


def _run(task: StageTask, shared: SharedAudio | None) -> Done:
    began = time.process_time()
    halvings_before = len(device.halvings())
    upstream_part = (task.upstream_part or task.part).with_truth(False)
    upstream = {
        name: {
            (row["clip"], row["sha256"]): row
            for row in state.read_rows(upstream_part.file(task.work / f"{name}-{key}"))
        }
        for name, key in task.stage.upstream
    }
    separate = next((key for name, key in task.stage.upstream if name == stems.STAGE), task.stage.key)
    part = task.part if task.stage.name == stems.STAGE else upstream_part
    part_stems = stems.PartStems(task.work / f"{stems.STAGE}-{separate}", part, task.work, task.packs)
    with part_stems:
        rows, audio_seconds = _rows(task, upstream, part_stems, shared)
    ordered = list(rows.values())
    state.write_rows(task.file, ordered)
    if task.drop_stems:
        part_stems.drop()
    failed = sum("failure" in row for row in ordered)
    if task.stage.name == "read":  # durations are known only after this stage
        new_rows = (row for identity, row in rows.items() if identity not in task.known)
        audio_seconds = sum(row["records"][0]["duration"] for row in new_rows if "records" in row)
    cpu = time.process_time() - began
    halvings = device.halvings()[halvings_before:]
    return Done(len(ordered), failed, audio_seconds, cpu, _peak_bytes(), halvings)


def _rows(
    task: StageTask,
    upstream: dict[str, dict[tuple[str, str], Row]],
    part_stems: PartStems,
    shared: SharedAudio | None,
) -> tuple[Rows, float]:
    """The rows of all clips of a task, in order, and the seconds of audio that were processed."""
    rows: Rows = {}
    batch: list[tuple[Fingerprint, ClipContext]] = []
    batch_seconds = audio_seconds = 0.0
    items = task.part.fingerprints
    for item in items:
        if item.identity in task.known:
            rows[item.identity] = row = task.known[item.identity]
            if task.packs:
                part_stems.copy(record["path"] for record in row.get("records", ()))
            continue
        if item.problem:
            rows[item.identity] = _row(item, failure=Failure("read", "ClipError", item.problem))
            continue
        inputs = {name: stage_rows[item.clip.id, item.sha256] for name, stage_rows in upstream.items()}
        failure = next((row["failure"] for row in inputs.values() if "failure" in row), None)
        if failure is not None:
            rows[item.identity] = _row(item, failure=from_json(Failure, failure))
            continue
        # The stage `read`, which finds the durations, processes one clip at a time.
        seconds = inputs["read"]["records"][0]["duration"] if "read" in inputs else BATCH_SECONDS
        if batch and batch_seconds + seconds > BATCH_SECONDS:
            rows |= _run_batch(task, batch, part_stems)
            batch, batch_seconds = [], 0.0
        batch.append((item, _context(task, item, inputs, part_stems, shared)))
        batch_seconds += seconds
        audio_seconds += seconds
    rows |= _run_batch(task, batch, part_stems)
    return {item.identity: rows[item.identity] for item in items}, audio_seconds


def _peak_bytes() -> int:
    """The largest resident set of this process so far, in bytes."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def single(task: StageTask, item: Fingerprint) -> StageTask:
    """The same task for one of its clips alone."""
    (part,) = files.parts_of([item], 1)
    return replace(task, part=part, upstream_part=task.part, drop_stems=False, later=())


def fail(task: StageTask, failure: Failure) -> None:
    """Writes a one-clip task's part as a failure, for a clip that crashes its worker."""
    (item,) = task.part.fingerprints
    state.write_rows(task.file, [_row(item, failure=failure)])


def _run_batch(task: StageTask, batch: list[tuple[Fingerprint, ClipContext]], part_stems: PartStems) -> Rows:
    if not batch:
        return {}
    stage = load(task)
    seconds = _limit(task, [context for _, context in batch])
    try:
        with time_limit(seconds, task.file):
            return _run_stage(stage, batch, part_stems)
    except KeyboardInterrupt:
        if not in_worker():
            raise
        # A worker ignores Ctrl-C, so the backend raised it.
        failure = failure_of(stage.name, KeyboardInterrupt())
    except TimeLimitReached:
        _loaded.clear()  # the model was interrupted and may be in any state
        failure = late(stage.name, seconds)
    except NotReadyError as error:
        if isinstance(error.__cause__, OSError):
            raise  # the disk is full or read-only, whatever the clip
        failure = failure_of(stage.name, error)
    except BaseException as error:
        failure = failure_of(stage.name, error)
    if len(batch) == 1:
        item, context = batch[0]
        message = portable(failure.message, Path(item.clip.path).parent, task.work)
        failure = replace(failure, message=message)
        return {item.identity: _row(item, failure=failure, max_seconds=context.max_seconds)}
    # One of several clips failed: process them one by one, so that only that clip is lost.
    rows: Rows = {}
    for pair in batch:
        rows |= _run_batch(task, [pair], part_stems)
    return rows


def _run_stage(stage: Stage, batch: list[tuple[Fingerprint, ClipContext]], part_stems: PartStems) -> Rows:
    for _, context in batch:  # a failed batch leaves those of its clips
        context.abstentions.clear()
        context.stored.clear()
    results = stage.run([context for _, context in batch])
    rows = {}
    for (item, context), records in zip(batch, results, strict=True):
        check_finite((records, context.abstentions))
        rows[item.identity] = _row(item, records=records, abstentions=context.abstentions)
    for _, context in batch:
        for path in sorted(context.stored):
            part_stems.add(path, context.stored[path])
        context.stored.clear()
    return rows


def _limit(task: StageTask, contexts: Sequence[ClipContext]) -> float:
    """Seconds that a batch may take. A batch that takes longer is repeated clip by clip."""
    if task.clip_time_limit is not None:
        return task.clip_time_limit * len(contexts)
    seconds = sum(
        info.duration if (info := context.known_info) else files.size_of(context.clip.path) / SLOWEST_BYTES
        for context in contexts
    )
    return LIMIT_SECONDS + (LIMIT_FACTOR if len(contexts) == 1 else LIMIT_FACTOR / 3) * seconds


def late(stage: str, seconds: float) -> Failure:
    """The failure of a clip that took too long."""
    return Failure(
        stage,
        "TimeLimit",
        f"not finished after {seconds:g} s (raise clip_time_limit and build with --retry-failed)",
    )


def failure_of(stage: str, error: BaseException) -> Failure:
    """The failure of a clip for which a backend raised an error."""
    return Failure(stage, type(error).__name__, describe(error))


def describe(error: BaseException) -> str:
    """The message of any error, as text that can be stored."""
    try:
        text = getattr(error, "message", None) or str(error) or repr(error)
        if not isinstance(error, Exception):
            text = f"the backend raised {error!r}"
    except Exception:
        text = f"an error of type {type(error).__name__} without a readable message"
    return str(text)[:MESSAGE_LENGTH].encode("utf-8", "backslashreplace").decode()


def _row(
    item: Fingerprint,
    *,
    records: Any = None,
    abstentions: Sequence[Abstention] = (),
    failure: Failure | None = None,
    max_seconds: float = MAX_SECONDS,
) -> Row:
    row: Row = {"clip": item.clip.id, "sha256": item.sha256}
    if item.truth:
        row["truth"] = item.truth
    if failure:
        limit = {"max_seconds": max_seconds} if failure.error == TOO_LONG else {}
        return row | {"failure": to_json(failure)} | limit
    row["records"] = to_json(records)
    return row | ({"abstentions": to_json(tuple(abstentions))} if abstentions else {})


def _context(
    task: StageTask,
    item: Fingerprint,
    inputs: dict[str, Row],
    part_stems: PartStems,
    shared: SharedAudio | None,
) -> ClipContext:
    def records(stage: str, cls: type) -> tuple[Any, ...] | None:
        if stage not in inputs:
            return None
        return tuple(from_json(cls, record) for record in inputs[stage]["records"])

    def save_stem(name: str, audio: Audio) -> str:
        path = part_stems.path(item.sha256, name)
        if not (context.share_stem(path, audio) and task.stems_in_memory):
            context.stored[path] = packs.encoded(audio, task.work)
        return path

    info = records("read", AudioInfo)
    context = ClipContext(
        item.clip,
        task.work,
        stems=records("separate", Stem),
        turns=records("diarize", Turn),
        tags=records("tag", Tag),
        utterances=records("transcribe", Utterance),
        save_stem=save_stem,
        load_stem=part_stems.read,
        shared=shared,
        known_info=info[0] if info else None,
        sha256=item.sha256,
        max_seconds=task.max_seconds,
    )
    return context
