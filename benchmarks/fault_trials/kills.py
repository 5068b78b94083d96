"""Builds that are killed (SIGKILL) and then continued."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from fault_trials.command import Command, problem
from fault_trials.promise import Promise
from fault_trials.site import SCENES, Contents, Site, contents, difference, write_corpus

EARLIER_SEED = 1
_ORPHAN_SECONDS = 10.0
_STOP_AT = Path(__file__).with_name("stop_at.py")


def trials(folder: Path, kills: int, models: Path | None = None) -> Iterator[Promise]:
    """Kills builds at random moments.

    Args:
        kills: Kills per promise.
        models: Folder of audio for builds with the preset `cpu`; None: fake models only.
    """
    corpus = write_corpus(folder / "corpus", SCENES)
    yield at_random_moments(folder, corpus, kills)
    yield at_file_changes(folder, corpus, kills)
    if models is not None:
        yield at_random_moments(folder, models, kills, preset="cpu")


def at_random_moments(folder: Path, corpus: Path, kills: int, preset: str = "fake") -> Promise:
    """Kills a build with worker processes at a random moment. Every other one replaces an earlier set."""
    promise = Promise(
        f"`kill -9` of a build at a random moment, models `{preset}`: the same command completes it, the "
        "result equals an undisturbed build, no other file changes, no worker stays"
    )
    site = Site(folder / f"{preset}-undisturbed", corpus, preset=preset)
    began = time.monotonic()
    expected = site.expect()
    length = time.monotonic() - began
    moments = random.Random(0)
    resumed = 0.0
    for n in range(kills):
        site = Site(folder / f"{preset}-{n}", corpus, preset=preset)
        if n % 2:
            site.build("--seed", EARLIER_SEED)
        moment = moments.uniform(0, length)
        found, seconds = _killed_and_continued(site, expected, partial(_kill_after, site, moment))
        promise.trial(f"killed after {moment:.1f} s{', over an earlier set' * (n % 2)}", found)
        resumed += seconds
        site.remove()
    promise.figure = f"build {length:.0f} s, completed in {resumed / max(kills, 1):.0f} s on average"
    return promise


def at_file_changes(folder: Path, corpus: Path, kills: int) -> Promise:
    """Kills a build of one process before a random change of a file, every other one over an earlier set."""
    promise = Promise(
        "`kill -9` before a random write, rename or removal: the same command completes the build, the "
        "result equals an undisturbed build, no other file changes"
    )
    expected = Site(folder / "changes-undisturbed", corpus, executor="inline").expect()
    moments = random.Random(1)
    counts = {}
    for n in range(kills):
        site = Site(folder / f"change-{n}", corpus, executor="inline")
        over = n % 2
        if over:
            site.build("--seed", EARLIER_SEED)
        if over not in counts:
            counts[over] = _changes_of(site)
            site.remove()
            site = Site(folder / f"change-{n}", corpus, executor="inline")
            if over:
                site.build("--seed", EARLIER_SEED)
        change = moments.randint(1, counts[over])
        found, _ = _killed_and_continued(site, expected, partial(_kill_at_change, site, change))
        promise.trial(f"killed before change {change}{', over an earlier set' * over}", found)
        site.remove()
    promise.figure = f"{' and '.join(str(count) for count in counts.values())} changes in a build"
    return promise


def _killed_and_continued(
    site: Site, expected: Contents, kill: Callable[[], str | None]
) -> tuple[str | None, float]:
    """What is wrong after a kill and a continued build, if anything, and the seconds of the latter."""
    found = kill() or site.touched() or _half_finished(site)
    began = time.monotonic()
    wrong = problem(site.build())
    seconds = time.monotonic() - began
    found = found or (wrong and f"the continued build: {wrong}")
    found = found or difference(contents(site.out), expected) or site.touched() or site.leftover()
    return found, seconds


def _kill_after(site: Site, seconds: float) -> str | None:
    command = Command(*site.arguments())
    time.sleep(seconds)
    command.kill()
    until = time.monotonic() + _ORPHAN_SECONDS
    while (alive := command.alive()) and time.monotonic() < until:
        time.sleep(0.1)
    if alive:
        command.kill_session()
        return f"{len(alive)} workers still run {_ORPHAN_SECONDS:.0f} s after the kill"
    return None


def _kill_at_change(site: Site, change: int) -> str | None:
    count = site.folder.with_name(f"{site.folder.name}-count")
    Command(*site.arguments(), script=(_STOP_AT, change, site.folder, count)).wait()
    return None


def _changes_of(site: Site) -> int:
    count = site.folder.with_name(f"{site.folder.name}-count")
    wrong = problem(Command(*site.arguments(), script=(_STOP_AT, 0, site.folder, count)).wait())
    if wrong:
        raise RuntimeError(f"the counted build failed: {wrong}")
    return int(count.read_text())


def _half_finished(site: Site) -> str | None:
    """A problem where a lock claims a finished data set that the folder does not hold."""
    from paqa_builder.dataset import lock
    from paqa_builder.errors import PaqaError

    try:
        if (site.out / lock.LOCK).exists():
            lock.verify(site.out)
    except PaqaError as error:
        return f"a lock without its data set: {error.message}"
    return None
