"""Commands on hostile files: exit code, seconds, memory, and what the terminal would get."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from fault_trials import hostile_json, hostile_locks, hostile_names, hostile_settings, hostile_shards
from fault_trials.command import control_character, paqa, problem
from fault_trials.hostile_case import Case
from fault_trials.promise import Promise
from fault_trials.site import SCENES, Site, write_corpus

SECONDS = 15.0
"""Of processor time; 8 times as long on the clock, on a machine that does other work."""
MEGABYTES = 1000.0
_STOPPED_MEGABYTES = 3000.0
_END = "an exit code that fits, no traceback, no escape byte, bounded time and memory"

KINDS: dict[str, tuple[str, Callable[[Site, Path], Iterator[Case]]]] = {
    "names": (
        "Terminal escapes and markup in names, questions, labels and messages are shown as text",
        hostile_names.with_names,
    ),
    "locks": ("A malformed lock, or one that names foreign files", hostile_locks.locks),
    "json": ("A hostile question file in JSON", lambda _, folder: hostile_json.json_files(folder)),
    "parquet": ("A hostile shard", hostile_shards.shards),
    "yaml": ("Hostile settings and templates in YAML", hostile_settings.yaml_files),
    "work": ("A hostile work folder", hostile_settings.work_folders),
    "tables": ("A hostile `metadata.csv`", hostile_settings.tables),
}


def trials(
    folder: Path, kinds: tuple[str, ...] = tuple(KINDS), limit: int | None = None
) -> Iterator[Promise]:
    """Runs commands on hostile files.

    Args:
        kinds: Names of :data:`KINDS`.
        limit: Only the first so many cases of each kind.
    """
    built = Site(folder / "built", write_corpus(folder / "corpus", SCENES))
    built.expect()
    for kind in kinds:
        text, make = KINDS[kind]
        place = folder / kind
        place.mkdir()
        yield judged(
            f"{text}: an exit code that fits, no traceback, no escape byte", make(built, place), limit
        )


def judged(text: str, cases: Iterator[Case], limit: int | None = None) -> Promise:
    """Runs the command of every case."""
    promise = Promise(text)
    slowest = largest = 0.0
    for number, case in enumerate(cases):
        if number == limit:
            break
        before = [path.read_bytes() for path in case.kept]
        ended = paqa(*case.arguments, seconds=8 * SECONDS, megabytes=_STOPPED_MEGABYTES)
        found = problem(ended, case.codes) or control_character(ended.text)
        if not found and ended.cpu_seconds > SECONDS:
            found = f"took {ended.cpu_seconds:.0f} s of processor time"
        if not found and ended.peak_mb > MEGABYTES:
            found = f"took {ended.peak_mb:.0f} MB"
        if not all(path.is_file() for path in case.kept) or before != [p.read_bytes() for p in case.kept]:
            found = "a foreign file changed"
        if not found and any(f"rm '{path}'" in ended.text for path in case.kept):
            found = "advises to remove a foreign file"
        promise.trial(case.name, found)
        slowest, largest = max(slowest, ended.cpu_seconds), max(largest, ended.peak_mb)
    promise.figure = f"at most {slowest:.0f} s of processor time, {largest:.0f} MB"
    return promise
