"""Mixing of a folder of scenes, resumable, with any number of workers.

Layout::

    OUT/manifest.jsonl          one line a scene, in order; written last
    OUT/spec.yaml  pools.json   the specification, and the folders of the pools on this machine
    OUT/scenes/ID.json          the design, from which the scene can be rendered again
    OUT/rows/ID.json            the scene's line of the manifest, written when the scene is complete
    OUT/audio/ID.flac           16-bit FLAC
    OUT/rttm/ID.rttm  text/ID.stm  jams/ID.jams  stems/ID/{S1,…,E1,…,N}.flac

A scene with a row and the same design is not mixed again.
"""

from __future__ import annotations

import io
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from paqa_builder.errors import ConfigError
from paqa_builder.files import write_atomic, write_rows
from paqa_builder.licenses import conflict
from paqa_builder.mix import truth_files
from paqa_builder.mix.design import design_scene
from paqa_builder.mix.listings import read_recordings
from paqa_builder.mix.material import Material
from paqa_builder.mix.recordings import RecordingPool
from paqa_builder.mix.render import render
from paqa_builder.mix.scene import Design, design_json
from paqa_builder.mix.spec import Spec
from paqa_builder.runtime.hold import hold
from paqa_builder.turns import rttm

_write = partial(write_atomic, setting="--out")

MANIFEST = "manifest.jsonl"
POOLS = "pools.json"


@dataclass(frozen=True)
class Job:
    """Specification, output folder and pools of a folder of scenes.

    ``places`` are the pools of speech and of sounds as named on the command line.
    """

    spec: Spec
    out: Path
    speech: RecordingPool | None
    events: RecordingPool | None
    places: tuple[tuple[str, ...], tuple[str, ...]]

    @property
    def roots(self) -> dict[str, Path]:
        """Folders of both pools by name."""
        pools = [pool for pool in (self.speech, self.events) if pool]
        return {name: root for pool in pools for name, root in pool.roots.items()}


_LATER: dict[str, Any] = {"license_allow": [], "license_conflicts": "refuse"}
"""Keys that spec.yaml of earlier versions lacks, with the values that they had in effect."""


@dataclass(frozen=True, slots=True)
class _Task:
    """Scenes for one worker, which reads the pools itself: they may be too large to send."""

    spec: Spec
    out: Path
    places: tuple[tuple[str, ...], tuple[str, ...]]
    indices: tuple[int, ...]


def prepare(spec: Spec, out: Path, speech: Sequence[str], events: Sequence[str]) -> Job:
    """Reads the pools, and checks them against the specification.

    Raises:
        ConfigError: A pool is missing, or has fewer speakers than a scene may need.
        SourceError: A pool cannot be read, or its splits share material.
    """
    if not speech and max(spec.speech.speakers) > 0:
        raise ConfigError("the scenes have speakers, but no speech was given", fix="add --speech …")
    wants_sounds = (spec.events and max(spec.events.kinds) > 0) or (spec.ambience and spec.ambience.share > 0)
    if not events and (wants_sounds or (spec.events and spec.events.blanks)):
        raise ConfigError(
            "the scenes have sounds, but no sounds were given",
            fix="add --events …, or set events and ambience to null",
        )
    job = Job(
        spec,
        out,
        read_recordings("speech", speech, spec, out) if speech else None,
        read_recordings("events", events, spec, out) if events else None,
        (tuple(speech), tuple(events)),
    )
    for split in spec.used_splits if job.speech else ():
        speakers = len(job.speech.groups(split)) if job.speech else 0
        if speakers < max(spec.speech.speakers):
            raise ConfigError(
                f"split {split!r} has {speakers} speakers, but scenes may have {max(spec.speech.speakers)}",
                fix="add --speech …, lower speech.speakers, or give the split a larger share",
            )
    if spec.license_conflicts == "refuse":
        _check_licenses(job)
    return job


def _check_licenses(job: Job) -> None:
    """Raises ConfigError if recordings of one split have licences that do not permit a mixture."""
    pools = [pool for pool in (job.speech, job.events) if pool]
    for split in job.spec.used_splits:
        recordings = [r for pool in pools for r in pool.recordings if r.split == split]
        found = conflict({recording.license for recording in recordings})
        if found:
            one, other, reason = found
            named = [next(r for r in recordings if name in r.license) for name in dict.fromkeys((one, other))]
            examples = ", ".join(f"{r.path} ({r.license})" for r in named)
            raise ConfigError(
                f"recordings of split {split!r} may not be mixed: {reason}; such as {examples}",
                fix="choose licences with --license-allow, such as --license-allow open; for scenes that are "
                "never published: --license-conflicts keep",
            )


def mix(job: Job, workers: int = 1) -> Iterator[dict[str, Any]]:
    """Mixes all scenes of a folder; yields their manifest lines in the order of completion.

    The manifest is written after the last scene. The bytes do not depend on the number of workers.

    Raises:
        NotReadyError: Another process mixes into the folder, or it is not writable.
    """
    with hold(job.out, "--out"):
        _begin(job)
        count = job.spec.scenes
        # Neighbouring scenes share no recordings: chunks only reduce the overhead of tasks.
        size = max(1, min(25, count // (4 * workers) or 1))
        chunks = [tuple(range(at, min(at + size, count))) for at in range(0, count, size)]
        rows: dict[str, dict[str, Any]] = {}
        for row in _results(job, chunks, workers):
            rows[row["id"]] = row
            yield row
        write_rows(job.out / MANIFEST, (rows[name] for name in sorted(rows)))


def _begin(job: Job) -> None:
    import yaml

    file = job.out / "spec.yaml"
    settings = job.spec.model_dump(mode="json")
    if file.is_file():
        before = yaml.safe_load(file.read_text(encoding="utf-8"))
        if isinstance(before, dict):  # of an earlier version, which had fewer keys
            before = {**_LATER, **before}
        if not isinstance(before, dict) or {**before, "scenes": 0} != {**settings, "scenes": 0}:
            raise ConfigError(
                f"{job.out}: holds scenes of another specification or seed",
                fix="choose another --out, or delete it",
            )
        (job.out / MANIFEST).unlink(missing_ok=True)  # it lacks the scenes to be mixed now
    elif others := [name for name in ("spec.yaml", MANIFEST, POOLS) if os.path.lexists(job.out / name)]:
        raise ConfigError(
            f"{job.out}: has a {others[0]} that `paqa mix` did not write", fix="choose another --out"
        )
    _write(file, yaml.safe_dump(settings, sort_keys=False, allow_unicode=True).encode())
    roots = {name: str(root) for name, root in sorted(job.roots.items())}
    _write(job.out / POOLS, (json.dumps(roots, indent=1, ensure_ascii=False) + "\n").encode())


def _results(job: Job, chunks: list[tuple[int, ...]], workers: int) -> Iterator[dict[str, Any]]:
    if workers == 1:
        material = Material(job.spec, job.speech, job.events)
        yield from (_scene(job, material, index) for chunk in chunks for index in chunk)
        return
    from paqa_builder.runtime.executor import Crash, Processes

    tasks = (_Task(job.spec, job.out, job.places, chunk) for chunk in chunks)
    for task, result in Processes(workers).run(_work, tasks):
        if isinstance(result, Crash):
            raise ConfigError(
                f"a worker died at scenes {task.indices[0]} to {task.indices[-1]} (out of memory?)",
                fix="the same command with --jobs 1 goes on from here",
            )
        yield from result


_held: tuple[Job, Material] | None = None


def _work(task: _Task) -> list[dict[str, Any]]:
    """Mixes the scenes of a task in a worker process, which keeps its material for the next task."""
    global _held
    if _held is None:
        job = prepare(task.spec, task.out, *task.places)
        _held = job, Material(job.spec, job.speech, job.events)
    return [_scene(*_held, index) for index in task.indices]


def _scene(job: Job, material: Material, index: int) -> dict[str, Any]:
    design = design_scene(job.spec, material, index)
    text = design_json(design)
    done, designed = job.out / "rows" / f"{design.id}.json", job.out / "scenes" / f"{design.id}.json"
    if done.is_file() and designed.is_file() and designed.read_text(encoding="utf-8") == text:
        return json.loads(done.read_text(encoding="utf-8"))
    _write(designed, text.encode())
    row = write_scene(design, job.roots, job.out, stems=job.spec.stems, jams=job.spec.jams)
    _write(done, json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode())
    return row


def write_scene(
    design: Design, roots: Mapping[str, Path], out: Path, *, stems: bool, jams: bool
) -> dict[str, Any]:
    """Renders a design and writes all files except the design itself; returns its manifest line."""
    rendered = render(design, roots)
    row = truth_files.manifest_row(design, rendered, stems)
    files = {f"rttm/{design.id}.rttm": rttm(design.id, truth_files.turns(design))}
    if (text := truth_files.stm(design)) is not None:
        files[f"text/{design.id}.stm"] = text
    if jams:
        files[f"jams/{design.id}.jams"] = truth_files.jams(design)
    for name, content in files.items():
        _write(out / name, content.encode())
    for name, path in row["stems"].items():
        _write(out / path, _flac(rendered.stems[name], rendered.rate))
    _write(out / row["audio"], _flac(rendered.mixture, rendered.rate))
    return row


def pool_roots(out: Path) -> dict[str, Path]:
    """The folders of the pools by name, from ``pools.json`` of a folder of scenes; empty without the file."""
    file = out / POOLS
    roots = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return {name: Path(root) for name, root in roots.items()}


def summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Counts over the manifest of a folder of scenes."""

    def count(values: Iterator[str]) -> dict[str, int]:
        return dict(sorted(Counter(values).items()))

    return {
        "scenes": len(rows),
        "seconds": round(sum(row["duration"] for row in rows), 1),
        "splits": count(row["split"] for row in rows),
        "speakers": count(str(row["num_speakers"]) for row in rows),
        "events": sum(len(row["events"]) for row in rows),
        "with_overlap": sum(row["has_overlap"] for row in rows),
        "with_text": sum(row["text_complete"] for row in rows),
        "licenses": count(row["license"] for row in rows),
    }


def _flac(samples: np.ndarray, rate: int) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()
