"""Builds that are killed (SIGKILL) and then continued."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from fault_trials.command import Command, paqa, problem
from fault_trials.promise import Promise
from fault_trials.site import SCENES, Contents, Site, contents, difference, write_corpus
from fault_trials.stop_at import stop_before

EARLIER_SEED = 1
_ORPHAN_SECONDS = 10.0


def trials(folder: Path, kills: int) -> Iterator[Promise]:
    """Kills builds with fake models.

    Args:
        kills: Kills per promise.
    """
    corpus = write_corpus(folder / "corpus", SCENES)
    yield at_random_moments(folder, corpus, kills)
    yield at_file_changes(folder, corpus, kills)


def trials_of_models(folder: Path, kills: int, audio: Path | None) -> Iterator[Promise]:
    """Kills builds with the preset ``cpu``.

    Args:
        audio: Folder of audio; nothing is done without it.
    """
    if audio is not None:
        yield at_random_moments(folder, audio.absolute(), kills, preset="cpu")


def at_random_moments(folder: Path, corpus: Path, kills: int, preset: str = "fake") -> Promise:
    """Kills a build with worker processes at a random moment, every other one over an earlier set."""
    promise = Promise(
        f"`kill -9` of a build at a random moment, models `{preset}`: the same command completes it, the "
        "result equals an undisturbed build, no other file changes, no worker stays"
    )
    undisturbed = Site(folder / f"{preset}-undisturbed", corpus, preset=preset)
    began = time.monotonic()
    wrong = problem(paqa(*undisturbed.arguments()))
    length = time.monotonic() - began
    if wrong:
        raise RuntimeError(f"the undisturbed build failed: {wrong}")
    expected = contents(undisturbed.out)
    # An earlier set has other questions; the records of the models are as in the later one.
    earlier = Site(folder / f"{preset}-earlier", corpus, preset=preset)
    earlier.work = undisturbed.work
    earlier.expect("--work", undisturbed.work, "--seed", EARLIER_SEED)
    moments = random.Random(0)
    for n in range(kills):
        site = Site(folder / f"{preset}-{n}", corpus, preset=preset)
        if n % 2:
            site.copy_of(earlier)
        moment = moments.uniform(0, length if not n % 2 else length / 2)
        promise.trial(
            f"killed after {moment:.1f} s{', over an earlier set' * (n % 2)}",
            _killed_and_continued(site, expected, partial(_kill_after, site, moment)),
        )
        site.remove()
    promise.figure = f"kills up to {length:.0f} s after the start"
    return promise


def at_file_changes(folder: Path, corpus: Path, kills: int) -> Promise:
    """Kills a build of one process before a random change of a file, every other one over an earlier set."""
    promise = Promise(
        "`kill -9` before a random write, rename or removal: the same command completes the build, the "
        "result equals an undisturbed build, no other file changes"
    )
    expected = Site(folder / "changes-undisturbed", corpus).expect()
    earlier = Site(folder / "changes-earlier", corpus)
    earlier.expect("--seed", EARLIER_SEED)
    moments = random.Random(1)
    counts: dict[int, int] = {}
    for n in range(kills):
        over = n % 2
        if over not in counts:
            site = Site(folder / f"count-{over}", corpus)
            counts[over] = _changes_of(site.copy_of(earlier) if over else site)
        site = Site(folder / f"change-{n}", corpus)
        if over:
            site.copy_of(earlier)
        change = moments.randint(1, counts[over])
        promise.trial(
            f"killed before change {change}{', over an earlier set' * over}",
            _killed_and_continued(site, expected, partial(_kill_at_change, site, change)),
        )
        site.remove()
    kinds = ("in a new build", "over an earlier set")
    promise.figure = " and ".join(f"{count} changes {kinds[over]}" for over, count in counts.items())
    return promise


def _killed_and_continued(site: Site, expected: Contents, kill: Callable[[], str | None]) -> str | None:
    """What is wrong after a kill and a continued build, if anything."""
    found = kill() or site.touched() or _half_finished(site)
    wrong = problem(site.build())
    found = found or (wrong and f"the continued build: {wrong}")
    return found or difference(contents(site.out), expected) or site.touched() or site.leftover()


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
    site.build(prepare=partial(stop_before, change, site.folder))
    return None


def _changes_of(site: Site) -> int:
    count = site.folder.with_name(f"{site.folder.name}.count")
    wrong = problem(site.build(prepare=partial(stop_before, 0, site.folder, count)))
    if wrong:
        raise RuntimeError(f"the counted build failed: {wrong}")
    return count.stat().st_size


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
