"""Damaged files of the work folder and of the data set, and clips that are replaced."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from fault_trials.command import Ended, forked, problem, shown
from fault_trials.damage import DAMAGES, copy
from fault_trials.promise import Promise
from fault_trials.site import SCENES, Contents, Site, contents, difference, write_corpus

AFTER_SEPARATION = ("diarize-*", "tag-*", "transcribe-*", "measure-*", "questions-*", "gate-*")


def trials(folder: Path, damages: tuple[str, ...] = tuple(DAMAGES)) -> Iterator[Promise]:
    """Damages every kind of file of a finished build, one at a time.

    Args:
        damages: Names of :data:`~fault_trials.damage.DAMAGES`.
    """
    corpus = write_corpus(folder / "corpus", SCENES)
    built = Site(folder / "built", corpus, stems="keep")
    expected = built.expect()
    yield damaged_work(folder, built, expected, damages)
    yield damaged_set(folder, built, expected, damages)
    yield verified(folder, built, damages)
    yield replaced_clip(folder, corpus)


def state_files(work: Path) -> dict[str, Path]:
    """One file of each kind in a work folder, by kind: the folder's stage and the suffixes of the name."""
    found: dict[str, Path] = {}
    for path in sorted(work.rglob("*")):
        if path.is_file():
            stage = path.relative_to(work).parts[0].partition("-")[0]
            kind = re.sub(r"[0-9a-f]{12,}", "", path.name)
            found.setdefault(kind if path.parent == work else f"{stage}/{kind}", path.relative_to(work))
    return found


def damaged_work(
    folder: Path, built: Site, expected: Contents, damages: tuple[str, ...], only: tuple[str, ...] = ()
) -> Promise:
    """Builds again from a work folder with one damaged file; the data set has to be written again.

    Args:
        only: Kinds of files, as in :func:`state_files`; empty for all.
    """
    promise = Promise(
        "A damaged file of the work folder (edited, emptied, cut, of another type …): the build makes it "
        "again, the result equals an undisturbed build"
    )
    kinds = {kind: name for kind, name in state_files(built.work).items() if not only or kind in only}
    for kind, name in kinds.items():
        for damage in damages:
            site = _copied(built, folder / "work-trial")
            shutil.rmtree(site.out)
            if name.name.startswith("stems-"):  # later stages have to read the stems
                for pattern in AFTER_SEPARATION:
                    for later in site.work.glob(pattern):
                        shutil.rmtree(later)
            DAMAGES[damage](site.work / name)
            ended = site.build()
            found = problem(ended) or difference(contents(site.out), expected)
            promise.trial(f"{kind}: {damage}", found or site.touched())
            site.remove()
    promise.figure = f"{len(kinds)} kinds of files, {len(damages)} kinds of damage"
    return promise


def damaged_set(
    folder: Path, built: Site, expected: Contents, damages: tuple[str, ...], only: tuple[str, ...] = ()
) -> Promise:
    """Builds over a data set with one damaged file.

    Args:
        only: Names of files; empty for all.
    """
    promise = Promise(
        "A damaged file of the data set: `paqa build` notices, and restores the set or names the file; a "
        "card that was edited is kept"
    )
    for name in only or expected:
        for damage in damages:
            site = _copied(built, folder / "set-trial")
            path = site.out / name
            DAMAGES[damage](path)
            before = contents(site.out)
            ended = site.build()
            found = problem(ended, (0, 2, 3, 4)) or site.touched()
            if not found:
                found = (
                    _restored(site, expected, path)
                    if ended.code == 0
                    else _refused(site, ended, path, before)
                )
            promise.trial(f"{name}: {damage}", found)
            site.remove()
    promise.figure = f"{len(only or expected)} files, {len(damages)} kinds of damage"
    return promise


def verified(folder: Path, built: Site, damages: tuple[str, ...]) -> Promise:
    """Verifies a data set with one damaged file."""
    promise = Promise(
        "`paqa verify` of a data set with a damaged shard: exit code 3; with a damaged lock: 2 or 3"
    )
    for path in sorted(built.out.rglob("*")):
        if not path.is_file() or path.name == "README.md":
            continue
        for damage in damages:
            site = _copied(built, folder / "verify-trial")
            broken = site.out / path.relative_to(built.out)
            before = broken.read_bytes()
            DAMAGES[damage](broken)
            if broken.is_file() and broken.read_bytes() == before:
                continue
            ended = forked("verify", site.out)
            codes = (2, 3) if broken.suffix == ".json" else (3,)
            promise.trial(f"{path.relative_to(built.out)}: {damage}", problem(ended, codes))
            site.remove()
    return promise


def replaced_clip(folder: Path, corpus: Path) -> Promise:
    """Replaces a clip by another of equal size and time of change."""
    promise = Promise(
        "A clip replaced by another of the same size and time of change: the build reads it again before it "
        "writes a data set, at the latest when it is run a second time"
    )
    for published in (True, False):
        site = Site(folder / f"clip-{published}", copy(corpus, folder / f"clips-{published}"))
        site.build()
        clip, other = site.corpus / "one.wav", site.corpus / "two.wav"
        times = clip.stat()
        clip.write_bytes(other.read_bytes()[:-2] + b"\1\0")
        os.utime(clip, ns=(times.st_atime_ns, times.st_mtime_ns))
        fresh = Site(folder / f"clip-{published}-fresh", site.corpus)
        expected = fresh.expect()
        if published:  # nothing is to be written, so the build may believe size and time
            site.build()
        shutil.rmtree(site.out)
        first, second = site.build(), site.build()
        found = problem(first, (0, 2, 3)) or problem(second) or difference(contents(site.out), expected)
        promise.trial("with its data set" if published else "without its data set", found)
    return promise


def _copied(built: Site, folder: Path) -> Site:
    return Site(folder, built.corpus, stems="keep").copy_of(built)


def _restored(site: Site, expected: Contents, path: Path) -> str | None:
    found = contents(site.out)
    found.pop("README.old.md", None)
    if path.name == "README.md" and path.is_file():  # a card may be edited
        found[path.name] = expected[path.name]
    wrong = difference(found, expected)
    return wrong and f"exit code 0, but {wrong}"


def _refused(site: Site, ended: Ended, path: Path, before: Contents) -> str | None:
    if path.name not in ended.text and path.parent.name not in ended.text:
        return f"exit code {ended.code} without the file's name: {shown(ended.text)}"
    changed = difference(contents(site.out), before)
    return changed and f"exit code {ended.code}, but the set changed: {changed}"
