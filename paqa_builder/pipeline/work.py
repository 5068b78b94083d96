"""Running one stage on one part: the task that every executor hands out.

A task is small and picklable, and says everything by value; running it twice, or on another
machine that sees the same work folder, makes the same file.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from paqa_builder import files
from paqa_builder.audio import Audio, encode_flac
from paqa_builder.errors import NotReadyError
from paqa_builder.perception.stage import ClipContext, Stage
from paqa_builder.pipeline.plan import StagePlan, build_stage
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

BATCH_SECONDS = 600.0
"""Audio that is held in memory at once, unless a single clip is longer."""


@dataclass(frozen=True, slots=True)
class Task:
    """One stage on one part.

    ``known`` holds rows that an earlier listing already made; only the other clips are run.
    ``upstream_part`` is the part under whose name upstream stages wrote, where it is another.
    """

    stage: StagePlan
    part: files.Part
    work: Path
    plugins: tuple[Path, ...]
    known: dict[files.Identity, dict[str, Any]]
    upstream_part: files.Part | None = None

    @property
    def file(self) -> Path:
        return self.part.file(self.stage.folder(self.work))


_loaded: dict[str, Stage] = {}


def load_stage(plan: StagePlan, plugins: tuple[Path, ...]) -> Stage:
    """Returns the stage with its weights loaded, once per process; forgets other stages."""
    if plan.key not in _loaded:
        from paqa_builder import registry

        registry.load_plugins(plugins)
        _loaded.clear()  # one model in memory at a time
        stage = build_stage(plan.name, plan.config)
        if plan.config is not None:
            stage.backend.load()
        _loaded[plan.key] = stage
    return _loaded[plan.key]


def run(task: Task) -> Done:
    """Runs a task and writes its part.

    A clip that fails becomes a row with its failure; a clip that failed upstream keeps that
    failure and is not heard.

    Raises:
        NotReadyError: A model or disk space is missing: no clip is to blame.
    """
    began = time.process_time()
    halved = len(device.halvings())
    before = (task.upstream_part or task.part).with_truth(False)
    upstream = {
        name: {
            (row["clip"], row["sha256"]): row
            for row in files.read_rows(before.file(task.work / f"{name}-{key}"))
        }
        for name, key in task.stage.upstream
    }
    rows: dict[files.Identity, dict[str, Any]] = {}
    batch: list[tuple[files.Fingerprint, ClipContext]] = []
    batch_seconds = heard_seconds = 0.0
    for printed in task.part.prints:
        if printed.identity in task.known:
            rows[printed.identity] = task.known[printed.identity]
            continue
        sources = {name: found[printed.clip.id, printed.sha256] for name, found in upstream.items()}
        blamed = next((row["failure"] for row in sources.values() if "failure" in row), None)
        if blamed is not None:
            rows[printed.identity] = _row(printed, failure=from_json(Failure, blamed))
            continue
        seconds = _duration(sources)
        if batch and batch_seconds + seconds > BATCH_SECONDS:
            rows |= _run_batch(task, batch)
            batch, batch_seconds = [], 0.0
        batch.append((printed, _view(task, printed, sources)))
        batch_seconds += seconds
        heard_seconds += seconds
    rows |= _run_batch(task, batch)
    ordered = [rows[printed.identity] for printed in task.part.prints]
    files.write_rows(task.file, ordered)
    failed = sum("failure" in row for row in ordered)
    if task.stage.name == "read":  # only now is it known how much there was to read
        fresh = (row for identity, row in rows.items() if identity not in task.known)
        heard_seconds = sum(row["records"][0]["duration"] for row in fresh if "records" in row)
    cpu = time.process_time() - began
    return Done(len(ordered), failed, heard_seconds, cpu, _peak_bytes(), device.halvings()[halved:])


def _peak_bytes() -> int:
    """The largest resident set of this process so far, in bytes."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def load(task: Task) -> None:
    """Loads a task's model and does nothing with it."""
    load_stage(task.stage, task.plugins)


def single(task: Task, printed: files.Fingerprint) -> Task:
    """The same task for one of its clips alone."""
    (part,) = files.parts_of([printed], 1)
    return replace(task, part=part, upstream_part=task.part)


def with_known(task: Task, known: dict[files.Identity, dict[str, Any]]) -> Task:
    """The same task with more rows already made; where all are, it loads no model."""
    return replace(task, known=known)


def fail(task: Task, failure: Failure) -> Done:
    """Writes a one-clip task's part as a failure, for a clip that kills its worker."""
    assert len(task.part.prints) == 1
    files.write_rows(task.file, [_row(task.part.prints[0], failure=failure)])
    return Done(1, 1, 0.0, 0.0)


def _run_batch(
    task: Task, batch: list[tuple[files.Fingerprint, ClipContext]]
) -> dict[files.Identity, dict[str, Any]]:
    if not batch:
        return {}
    stage = load_stage(task.stage, task.plugins)
    try:
        for _, view in batch:
            view.abstentions.clear()  # a batch that failed left what it had come to
        results = stage.run([view for _, view in batch])
        return {
            printed.identity: _row(printed, records=records, abstentions=view.abstentions)
            for (printed, view), records in zip(batch, results, strict=True)
        }
    except NotReadyError:
        raise
    except Exception as error:
        if len(batch) == 1:
            printed, _ = batch[0]
            failure = Failure(
                stage.name, type(error).__name__, getattr(error, "message", None) or str(error) or repr(error)
            )
            return {printed.identity: _row(printed, failure=failure)}
    # One of several failed: hear them one by one, so that only the culprit is lost.
    rows: dict[files.Identity, dict[str, Any]] = {}
    for item in batch:
        rows |= _run_batch(task, [item])
    return rows


def _row(
    printed: files.Fingerprint,
    *,
    records: Any = None,
    abstentions: Sequence[Abstention] = (),
    failure: Failure | None = None,
) -> dict[str, Any]:
    row: dict[str, Any] = {"clip": printed.clip.id, "sha256": printed.sha256}
    if printed.truth:
        row["truth"] = printed.truth
    if failure:
        return row | {"failure": to_json(failure)}
    row["records"] = to_json(records)
    return row | ({"abstentions": to_json(tuple(abstentions))} if abstentions else {})


def _duration(sources: dict[str, dict[str, Any]]) -> float:
    return sources["read"]["records"][0]["duration"] if "read" in sources else 0.0


def _view(task: Task, printed: files.Fingerprint, sources: dict[str, dict[str, Any]]) -> ClipContext:
    def records(stage: str, cls: type) -> tuple[Any, ...] | None:
        if stage not in sources:
            return None
        return tuple(from_json(cls, record) for record in sources[stage]["records"])

    def save_stem(name: str, audio: Audio) -> str:
        # Named by content, not by part: parts change with the listing, stems with the audio only.
        folder = task.stage.folder(Path()) / "stems" / printed.sha256[:2]
        path = folder / f"{printed.sha256}.{name}.flac"
        files.write_atomic(task.work / path, encode_flac(audio))
        return path.as_posix()

    known = records("read", AudioInfo)
    return ClipContext(
        printed.clip,
        task.work,
        stems=records("separate", Stem),
        turns=records("diarize", Turn),
        tags=records("tag", Tag),
        utterances=records("transcribe", Utterance),
        save_stem=save_stem,
        known_info=known[0] if known else None,
    )
