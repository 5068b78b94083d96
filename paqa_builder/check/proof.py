"""Verification of finished shards: proves every question again from the scenes in the same folder."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from paqa_builder import registry
from paqa_builder.config import validate_options
from paqa_builder.dataset import lock
from paqa_builder.dataset.read import check_ids, rows
from paqa_builder.dataset.schema import check_columns
from paqa_builder.errors import DamagedError, PaqaError
from paqa_builder.files import file_sha256
from paqa_builder.runtime.executor import Crash, Processes
from paqa_builder.untrusted import tables

_GROUPS = 8  # row groups (of 100 rows) in one task
_PROBLEMS, _LENGTH = 20, 300  # most reasons of one question, and characters of one
_SAME = ("source", "split", "license", "attribution", "source_url")
CONTRIBUTIONS = ("weak", "strong", None)


@dataclass(frozen=True, slots=True)
class Refuted:
    """A question that cannot be proved, and the reasons."""

    id: str
    clip: str
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """The result of verifying shards.

    Attributes:
        questions: Number of questions.
        refuted: The questions that cannot be proved, in the order of the shards.
        damaged: Problems of the files, templates and ids.
    """

    questions: int
    refuted: tuple[Refuted, ...]
    damaged: tuple[str, ...]

    @property
    def good(self) -> bool:
        return not self.refuted and not self.damaged


@dataclass(frozen=True, slots=True)
class _Task:
    folder: Path
    file: str
    groups: tuple[int, ...]
    options: str
    templates: tuple[Path, ...]
    plugins: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class _Proved:
    """Result of a task: the refuted questions, the ids of all, and what could not be read."""

    refuted: list[Refuted]
    ids: list[str]
    unreadable: list[str]


_UNREADABLE = (
    DamagedError, OSError, ValueError, KeyError, TypeError, NotImplementedError, MemoryError, OverflowError,
)  # fmt: skip
"""What reading a damaged Parquet file raises: Arrow's own errors are of these kinds."""


def prove(
    folder: Path, templates: Sequence[Path] = (), jobs: int = 1, *, plugins: Sequence[Path] = ()
) -> Proof:
    """Proves every question of a finished build again.

    Args:
        folder: The shards.
        templates: Folders with the build's own templates.
        jobs: Worker processes; the result does not depend on them.
        plugins: Files with the build's own fact kinds.

    Raises:
        PaqaError: The folder has no finished build, or its lock lacks the options of the questions.
    """
    from paqa_builder.questions import QaOptions

    locked = lock.read(folder)
    if locked is None:
        raise PaqaError(
            f"{folder}: no finished build in there (no {lock.LOCK})", fix=f"paqa build … --out '{folder}'"
        )
    recorded = locked.build.get("questions")
    if not isinstance(recorded, dict) or not isinstance(recorded.get("options"), dict):
        raise PaqaError(f"{folder / lock.LOCK}: has no options of the questions", fix="build again")
    if not isinstance(recorded.get("templates") or {}, dict):
        raise PaqaError(f"{folder / lock.LOCK}: its templates are not a mapping", fix="build again")
    options = validate_options(
        QaOptions, recorded["options"], f"the questions in {folder / lock.LOCK}"
    ).model_dump_json()
    registry.load_plugins(plugins)
    changed = list(_files(folder, locked))
    damaged = [*changed, *_templates(recorded.get("templates"), templates)]
    tasks: list[_Task] = []
    for file in locked.files:
        if file.path.startswith("data/") and (folder / file.path).is_file():
            try:
                tasks += _tasks(folder, file.path, options, tuple(templates), tuple(plugins))
            except _UNREADABLE as error:
                damaged.append(f"{file.path} cannot be read: {error}")
    refuted: list[Refuted] = []
    ids: Counter[str] = Counter()
    for proved in _run(tasks, jobs, safe=not changed):
        refuted += proved.refuted
        ids.update(proved.ids)
        damaged += proved.unreadable
    damaged += [f"{n} questions have the id {name}" for name, n in ids.items() if n > 1]
    return Proof(sum(ids.values()), tuple(refuted), tuple(damaged))


def _files(folder: Path, locked: lock.Lock) -> Iterator[str]:
    for file in locked.files:
        path = folder / file.path
        if not path.is_file():
            yield f"{file.path} is missing"
        elif path.stat().st_size != file.bytes or file_sha256(path) != file.sha256:
            yield f"{file.path} was changed after the build: its SHA-256 differs from {lock.LOCK}"
    known = {file.path for file in locked.files}
    for path in sorted(folder.glob("*/*.parquet")):
        if path.relative_to(folder).as_posix() not in known:
            yield f"{path.relative_to(folder).as_posix()} is not in {lock.LOCK}"


def _templates(recorded: Mapping[str, str] | None, folders: Sequence[Path]) -> Iterator[str]:
    from paqa_builder.questions import load_templates
    from paqa_builder.questions.templates import template_hash

    here = {template.name: template_hash(template) for template in load_templates(list(folders))}
    for name, value in (recorded or {}).items():
        if name not in here:
            yield f"template {name} is unknown: give its folder with --templates"
        elif here[name] != value:
            yield f"template {name} differs from the one in the build"


def _tasks(
    folder: Path, file: str, options: str, templates: tuple[Path, ...], plugins: tuple[Path, ...]
) -> Iterator[_Task]:
    table = tables.open_table(folder / file)
    names = check_columns(table.schema_arrow, "data")
    if missing := [name for name in ("id", "clip_id") if name not in names]:
        raise ValueError(f"no column {missing[0]!r}")
    tables.check(folder / file)
    groups = table.num_row_groups
    for at in range(0, groups, _GROUPS):
        yield _Task(folder, file, tuple(range(at, min(at + _GROUPS, groups))), options, templates, plugins)


def _run(tasks: Sequence[_Task], jobs: int, *, safe: bool) -> Iterator[_Proved]:
    """Runs tasks in this process or in workers.

    Args:
        safe: Whether all files have their checksums. Other files may crash the Parquet reader's native code,
            so they are read by a worker.
    """
    if safe and (jobs == 1 or len(tasks) < 2):
        yield from map(_prove, tasks)
        return
    done: dict[_Task, _Proved] = {}
    for task, result in Processes(min(jobs, len(tasks))).run(_prove, tasks) if tasks else ():
        if isinstance(result, Crash):
            if safe:
                raise PaqaError(
                    f"{task.folder / task.file}: a worker died while proving its questions",
                    fix="try --jobs 1",
                )
            again = Processes(1).run_alone(_prove, task)  # another task may have been the cause
            died = f"{task.file} cannot be read: it crashes the Parquet reader"
            result = _Proved([], [], [died]) if isinstance(again, Crash) else again
        done[task] = result
    yield from (done[task] for task in tasks)  # in the order of the shards


def _prove(task: _Task) -> _Proved:
    """Proves the questions of some row groups."""
    proved = _Proved([], [], [])
    for group in task.groups:
        try:
            scenes = _scenes(task, group)
            for row in tables.rows(task.folder / task.file, groups=[group]):
                check_ids(row)
                proved.ids.append(row["id"])
                problems = _problems(row, scenes.get(row["clip_id"]), task)
                if problems:
                    proved.refuted.append(Refuted(row["id"], row["clip_id"], tuple(_shortened(problems))))
        except _UNREADABLE as error:
            proved.unreadable.append(f"{task.file}, row group {group}, or its scenes cannot be read: {error}")
    return proved


def _shortened(problems: Sequence[str]) -> Iterator[str]:
    for problem in problems[:_PROBLEMS]:
        yield problem if len(problem) <= _LENGTH else f"{problem[: _LENGTH - 1]}…"
    if len(problems) > _PROBLEMS:
        yield f"and {len(problems) - _PROBLEMS} more"


def _scenes(task: _Task, group: int) -> dict[str, dict[str, Any]]:
    """The scenes of the clips of a row group, by id."""
    clips: set[str] = set()
    for row in tables.rows(task.folder / task.file, ["clip_id"], [group]):
        check_ids(row)
        clips.add(row["clip_id"])
    files = f"{Path(task.file).name.removeprefix(lock.NC).partition('-')[0]}-*.parquet"
    return {scene["clip_id"]: scene for scene in rows(task.folder, "scenes", files=files, clip_id=clips)}


def _problems(row: dict[str, Any], scene_row: dict[str, Any] | None, task: _Task) -> list[str]:
    if scene_row is None:
        return [f"the split has no scene of clip {row['clip_id']!r}"]
    try:
        return _found(row, scene_row, task)
    except (TypeError, LookupError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
        return [f"a field is missing or malformed ({type(error).__name__}: {error})"]


def _found(row: dict[str, Any], scene_row: dict[str, Any], task: _Task) -> list[str]:
    from paqa_builder.dataset.schema import question_from_row, scene_from_row
    from paqa_builder.questions import verify

    problems = [
        f"{name} is {row[name]!r}, the scene's is {scene_row[name]!r}"
        for name in _SAME
        if row[name] != scene_row[name]
    ]
    audio = (row["audio"] or {}).get("bytes") or b""
    if _sha256(audio) != scene_row["sha256"]:
        problems.append("the SHA-256 of the audio differs from the scene's")
    if row.get("audio_contribution") not in CONTRIBUTIONS:
        problems.append(f"audio_contribution is {row['audio_contribution']!r}")
    registry.load_plugins(task.plugins)
    options, templates = _tools(task.options, task.templates)
    question, scene = question_from_row(row), scene_from_row(scene_row)
    return [*problems, *verify(question, scene, options, templates)]


@lru_cache(maxsize=1)
def _sha256(audio: bytes) -> str:
    """The SHA-256 of audio; the questions of a clip follow each other."""
    return hashlib.sha256(audio).hexdigest()


@cache
def _tools(options: str, templates: tuple[Path, ...]) -> tuple[Any, Any]:
    from paqa_builder.questions import QaOptions, load_templates

    return QaOptions.model_validate_json(options), load_templates(list(templates))
