"""Two builds at once."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

from fault_trials.command import Command, Ended, problem
from fault_trials.promise import Promise
from fault_trials.site import OTHER_SCENES, SCENES, Contents, Site, contents, difference, write_corpus

_REPLACED = re.compile(r"replac|earlier|another corpus|other corpus|another source", re.IGNORECASE)
SHARES = (0.0, 0.05, 0.2, 0.4, 0.6, 0.75, 0.85, 0.95, 1.0)
"""When the second build starts, as a share of the length of the first."""


def trials(folder: Path, races: int = len(SHARES)) -> Iterator[Promise]:
    """Runs builds at once on one folder.

    Args:
        races: Races per promise.
    """
    corpus = write_corpus(folder / "corpus", SCENES)
    other = write_corpus(folder / "other", OTHER_SCENES)
    undisturbed = Site(folder / "undisturbed", corpus)
    began = time.monotonic()
    expected = undisturbed.expect()
    length = time.monotonic() - began
    moments = [length * SHARES[n * len(SHARES) // races] for n in range(races)]
    yield same_build(folder, corpus, expected, moments)
    yield one_work_folder(folder, corpus, expected, moments)
    expected_other = Site(folder / "undisturbed-other", other).expect()
    yield two_corpora(folder, corpus, other, (expected, expected_other), [*moments, 2 * length])
    yield killed_holder(folder, corpus, expected, moments)


def same_build(folder: Path, corpus: Path, expected: Contents, moments: list[float]) -> Promise:
    promise = Promise(
        "The same build twice at once: one waits, or is refused and told which process builds; the result "
        "equals an undisturbed build"
    )
    waits = refusals = 0
    for n, moment in enumerate(moments):
        site = Site(folder / f"same-{n}", corpus)
        first, second, pids = _race(site.arguments(), site.arguments(), moment)
        found = _one_wins([first, second], pids) or difference(contents(site.out), expected)
        promise.trial(f"second build after {moment:.1f} s", found or site.touched() or site.leftover())
        refusals += bool(first.code or second.code)
        waits += not (first.code or second.code)
        site.remove()
    promise.figure = f"both finished {waits} times, one refused {refusals} times"
    return promise


def one_work_folder(folder: Path, corpus: Path, expected: Contents, moments: list[float]) -> Promise:
    promise = Promise("Two builds at once with one work folder into two data sets: both are right or refused")
    for n, moment in enumerate(moments):
        site = Site(folder / f"work-{n}", corpus)
        outs = [site.folder / "out.work" / ".." / name for name in ("out", "out.two")]
        first, second, pids = _race(
            *(["build", "--config", site.config, "--out", out, "--work", site.work] for out in outs), moment
        )
        found = _one_wins([first, second], pids)
        for out, ended in zip(outs, (first, second), strict=True):
            if not ended.code:
                found = found or difference(contents(out), expected)
        promise.trial(f"second build after {moment:.1f} s", found or site.leftover())
        site.remove()
    return promise


def two_corpora(
    folder: Path,
    corpus: Path,
    other: Path,
    expected: tuple[Contents, Contents],
    moments: list[float],
) -> Promise:
    promise = Promise(
        "Builds of two corpora into one `--out`, at once or one after the other: the folder holds one whole "
        "set, and a set is never replaced without a word"
    )
    for n, moment in enumerate(moments):
        site = Site(folder / f"corpora-{n}", corpus)
        builds = [site.arguments("--root", root) for root in (corpus, other)]
        first, second, _ = _race(*builds, moment)
        found = None
        for ended in (first, second):
            found = found or problem(ended, (0, 2, 4))
        if not found and first.code and second.code:
            found = "neither build finished"
        whole = [difference(contents(site.out), one) is None for one in expected]
        if not found and not any(whole):
            found = "the folder holds neither data set"
        if not found and not (first.code or second.code) and not _REPLACED.search(first.text + second.text):
            found = "one data set replaced the other silently"
        promise.trial(f"second build after {moment:.1f} s", found or site.touched())
        site.remove()
    return promise


def killed_holder(folder: Path, corpus: Path, expected: Contents, moments: list[float]) -> Promise:
    promise = Promise("A build that was killed blocks no later one")
    for n, moment in enumerate(moments):
        site = Site(folder / f"holder-{n}", corpus)
        first = Command(*site.arguments())
        time.sleep(moment)
        first.kill()
        found = problem(site.build()) or difference(contents(site.out), expected)
        promise.trial(f"killed after {moment:.1f} s", found)
        first.kill_session()
        site.remove()
    return promise


def _race(one: list[object], other: list[object], moment: float) -> tuple[Ended, Ended, tuple[int, int]]:
    first = Command(*one)
    time.sleep(moment)
    second = Command(*other)
    return first.wait(), second.wait(), (first.pid, second.pid)


def _one_wins(ended: list[Ended], pids: tuple[int, int]) -> str | None:
    for one, other_pid in zip(ended, reversed(pids), strict=True):
        found = problem(one, (0, 2, 4))
        if found:
            return found
        if one.code and str(other_pid) not in one.text:
            return f"refused without the number of the process that builds: {one.text.strip()[-160:]!r}"
    return "neither build finished" if all(one.code for one in ended) else None
