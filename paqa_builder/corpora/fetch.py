"""Download, verification and unpacking of a corpus's archives.

Order of work for each archive: download (resumed), checksum, unpacking (file by file), hash of the tree where
the archive has no checksum, record, removal of the archive. A run that was killed at any moment is continued
by the same command; a complete archive is not touched.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from paqa_builder.corpora import record
from paqa_builder.corpora.archive import ArchiveFetch, Progress
from paqa_builder.corpora.locate import human
from paqa_builder.corpora.plan import FetchPlan
from paqa_builder.errors import NotReadyError
from paqa_builder.files import disk_errors, lock, remove_stale_in
from paqa_builder.runtime.folders import DATA
from paqa_builder.transfer import unpack


def fetch(
    plan: FetchPlan,
    progress: Progress = lambda what, done, total: None,
    *,
    mirror: str | None = None,
    keep_archives: bool = False,
) -> Path:
    """Fetches the missing archives of a corpus and returns the root of its tree.

    Args:
        mirror: Address with the files as ``<mirror>/<corpus>/<file>``; by default their own addresses.
        keep_archives: Whether archives stay after they were unpacked.

    Raises:
        NotReadyError: The network, the server, a checksum, an archive or the disk is in the way. What is
            complete is kept.
    """
    if any(archive.kind == "7z" for archive in plan.missing):
        unpack.require_7z()
    with disk_errors(plan.root, DATA):
        _check_space(plan, keep_archives)
        folder = plan.root / record.FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        _make_store(plan.store)
        remove_stale_in(folder)
        with (folder / "lock").open("ab") as held:
            if not lock(held):
                raise NotReadyError(
                    f"corpus {plan.name!r} is being fetched by another process",
                    fix=f"wait for it, then: {plan.command}",
                )
            for archive in plan.missing:
                ArchiveFetch(plan, archive, mirror, progress).run(keep_archives)
    return plan.root


def _make_store(store: Path) -> None:
    """Makes the folder of the archives, without what a killed run left of 7z archives."""
    store.mkdir(parents=True, exist_ok=True)
    for left in store.glob(f"{unpack.SCRATCH}*"):
        shutil.rmtree(left, ignore_errors=True)


def free_bytes(folder: Path) -> int:
    """Free bytes on the disk of a folder that may not exist yet."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _check_space(plan: FetchPlan, keep_archives: bool) -> None:
    needed, free = plan.disk_bytes(keep_archives), free_bytes(plan.root)
    if needed > free:
        raise NotReadyError(
            f"corpus {plan.name!r} needs {human(needed)} of disk, {human(free) if free else 'none'} free at "
            f"{plan.root.parent}",
            fix=f"free some disk space, choose a part with --subset, or: export {DATA}=/a/larger/folder",
        )
