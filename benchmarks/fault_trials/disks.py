"""Full and read-only disks, and files where folders should be."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fault_trials.command import Ended, problem
from fault_trials.kills import EARLIER_SEED
from fault_trials.promise import Promise
from fault_trials.site import SCENES, Contents, Site, contents, difference, write_corpus

SHARES = (0.02, 0.2, 0.4, 0.6, 0.8, 0.95)
"""Space on the disk, as shares of what is needed."""
PLACES = (
    ("out", False),
    ("out/data", False),
    ("out/scenes", False),
    ("out/README.md", True),
    ("out/paqa.lock.json", True),
    ("out/data/train-00000-of-00001.parquet", True),
    ("out.work", False),
    ("out.work/fingerprints.json", True),
)
"""Paths, and whether there is a folder."""
_PAGE = 4096


def trials(folder: Path, shares: tuple[float, ...] = SHARES) -> Iterator[Promise]:
    """Builds on small disks (tmpfs, where this process may mount), then on read-only ones."""
    corpus = write_corpus(folder / "corpus", SCENES)
    expected = Site(folder / "undisturbed", corpus).expect()
    earlier = Site(folder / "earlier", corpus)
    earlier.expect("--seed", EARLIER_SEED)
    mounts = can_mount(folder)
    if mounts:
        yield full_disk(folder, earlier, expected, shares, "--out")
        yield full_disk(folder, earlier, expected, shares, "--work")
    yield small_files(folder, earlier, expected, shares)
    if mounts or os.getuid():
        yield read_only(folder, earlier, mounts)
    yield in_the_way(folder, corpus)


def can_mount(folder: Path) -> bool:
    """Whether this process may mount a tmpfs."""
    try:
        with disk(folder / "probe", _PAGE * 16):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


@contextmanager
def disk(folder: Path, size: int) -> Iterator[Callable[[str], None]]:
    """Mounts a tmpfs of ``size`` bytes; yields a function that mounts it again with other options."""
    folder.mkdir(parents=True, exist_ok=True)

    def mount(options: str) -> None:
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True, capture_output=True
        )

    mount(f"size={size}")
    try:
        yield lambda options: mount(f"remount,{options}")
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False, capture_output=True)


def full_disk(
    folder: Path, earlier: Site, expected: Contents, shares: tuple[float, ...], setting: str
) -> Promise:
    """Builds over an earlier set, on disks without enough space for another one."""
    promise = Promise(
        f"`{setting}` on a full disk: exit code 4 with advice, the earlier set intact, no temporary file; "
        "with more space the same command completes the build"
    )
    sizes = []
    for share in shares:
        site = Site(folder / f"full{setting}-{share}", earlier.corpus).copy_of(earlier)
        place = site.out if setting == "--out" else site.work
        before, used = contents(site.out), _bytes(place)
        aside = shutil.move(place, place.with_name("aside"))
        # An earlier set, and a share of what a second set needs beside it. A work folder starts empty.
        size = int(used * (1 + share) if setting == "--out" else used * share)
        with disk(place, max(size, _PAGE)) as again:
            if setting == "--out":
                shutil.copytree(aside, place, dirs_exist_ok=True)
            shutil.rmtree(aside)
            ended = site.build()
            if ended.code == 0 and share > 0.5:  # the build needs less than was thought
                found = difference(contents(site.out), expected)
            else:
                found = problem(ended, (4,)) or _advised(ended) or difference(contents(site.out), before)
                found = found and f"while full: {found}"
            found = found or site.touched() or site.leftover()
            again(f"size={4 * used + (1 << 20)}")
            found = found or problem(site.build()) or difference(contents(site.out), expected)
        sizes.append(size)
        promise.trial(f"{size / 1000:.0f} kB", found)
        site.remove()
    promise.figure = f"disks of {min(sizes) / 1000:.0f} to {max(sizes) / 1000:.0f} kB"
    return promise


def small_files(folder: Path, earlier: Site, expected: Contents, shares: tuple[float, ...]) -> Promise:
    """Builds over an earlier set, with a limit that some of its files reach."""
    promise = Promise(
        "A limit on the size of files (`ulimit -f`): an error with advice, the earlier set intact; without "
        "the limit the same command completes the build"
    )
    for share in shares:
        site = Site(folder / f"small-{share}", earlier.corpus).copy_of(earlier)
        before = contents(site.out)
        largest = max(path.stat().st_size for path in site.out.rglob("*") if path.is_file())
        limit = int(largest * share)

        def limited(limit: int = limit) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        ended = site.build(prepare=limited)
        found = problem(ended, (2, 3, 4)) or _advised(ended) or difference(contents(site.out), before)
        found = found or problem(site.build()) or difference(contents(site.out), expected)
        promise.trial(f"files of {largest * share / 1000:.0f} kB", found or site.touched() or site.leftover())
        site.remove()
    return promise


def read_only(folder: Path, earlier: Site, mounts: bool) -> Promise:
    """Builds where nothing can be written, with and without an earlier set."""
    promise = Promise("A read-only `--out` or `--work`: exit code 2 or 4 with advice, nothing changed")
    for setting in ("--out", "--work"):
        for over in (False, True):
            site = Site(folder / f"read-only{setting}-{over}", earlier.corpus)
            place = site.out if setting == "--out" else site.work
            with _read_only_folder(place, mounts) as freeze:
                if over:
                    site.copy_of(earlier)
                before = contents(site.out)
                freeze()
                ended = site.build()
                found = problem(ended, (2, 4)) or _advised(ended) or difference(contents(site.out), before)
            promise.trial(f"{setting}{', with an earlier set' * over}", found or site.touched())
            site.remove()
    return promise


def in_the_way(folder: Path, corpus: Path, places: tuple[tuple[str, bool], ...] = PLACES) -> Promise:
    promise = Promise(
        "A file where the data set or the work folder needs a folder, or the reverse: exit code 2 or 4, the "
        "path is named, nothing is removed"
    )
    for name, is_folder in places:
        site = Site(folder / f"way-{name.replace('/', '-')}", corpus)
        path = site.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if is_folder:
            path.mkdir()
            (path / "precious").write_text("precious\n")
        else:
            path.write_text("precious\n")
        before = contents(path) if is_folder else {"": path.read_text()}
        ended = site.build()
        found = problem(ended, (0, 2, 4) if name == "out.work/fingerprints.json" else (2, 4))
        kept = path.is_dir() == is_folder and before == (
            contents(path) if is_folder else {"": path.read_text()}
        )
        if not found and not kept:
            found = "what was in the way is gone"
        if not found and ended.code and path.name not in ended.text:
            found = f"the path is not named: {ended.text.strip()[-160:]!r}"
        promise.trial(f"{name} is a {'folder' if is_folder else 'file'}", found or site.touched())
        site.remove()
    return promise


@contextmanager
def _read_only_folder(folder: Path, mounts: bool) -> Iterator[Callable[[], None]]:
    if mounts:
        with disk(folder, 1 << 26) as again:
            yield lambda: again("ro")
        return
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield lambda: folder.chmod(0o500)
    finally:
        folder.chmod(0o700)


def _advised(ended: Ended) -> str | None:
    return None if "→" in ended.text else f"no advice: {ended.text.strip()[-160:]!r}"


def _bytes(folder: Path) -> int:
    """Bytes of a folder's files, in whole pages."""
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return sum(-(-size // _PAGE) * _PAGE for size in sizes)
