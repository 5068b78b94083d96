"""Reserves a work folder for the shards of one build, which run side by side on several machines.

::

    WORK/.paqa-incoming.lock              shared by the shards; other builds lock it for themselves
    WORK/.paqa-incoming.holder            the plan of the shards, and the process of the first
    WORK/.paqa-incoming.shard-2-of-8.lock one process for each shard
    WORK/.paqa-incoming.planning.lock     one shard at a time lists the corpus

A shard that is killed loses its locks with its process, so it blocks neither the others nor its next start.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from paqa_builder.errors import NotReadyError
from paqa_builder.files import disk_errors
from paqa_builder.runtime import hold
from paqa_builder.runtime.folder_lock import NO_LOCKS, ONLY_HERE, FolderLock, unseen_by_others

log = logging.getLogger(__name__)

_TELL = 5.0
"""Seconds of waiting after which a message says so."""


@contextmanager
def hold_for_shard(folder: Path, setting: str, plan: str, shard: str) -> Iterator[None]:
    """Reserves a folder, which is created, for one shard until the block ends.

    Args:
        setting: The setting that chooses the folder, for error messages.
        plan: Identifies the build; shards of another one are refused.
        shard: ``"2/8"``.

    Raises:
        NotReadyError: Another build or this shard itself uses the folder, or it is not writable.
    """
    real = Path(os.path.realpath(folder))
    common, own = FolderLock(real / hold.LOCK), FolderLock(real / _name(shard))
    try:
        with disk_errors(folder, setting):
            real.mkdir(parents=True, exist_ok=True)
            if reason := unseen_by_others(real):
                log.warning(ONLY_HERE, folder, reason)
            _acquire(common, own, real, folder, setting, plan, shard)
        yield
    finally:
        own.release()
        with suppress(OSError):
            if common.held and common.acquire():  # no other shard is left
                with suppress(OSError):
                    (real / hold.HOLDER).unlink()
                common.release()


def _acquire(
    common: FolderLock, own: FolderLock, real: Path, folder: Path, setting: str, plan: str, shard: str
) -> None:
    try:
        _share(common, real, folder, setting, plan, shard)
        if not own.acquire(wait=hold.WAIT):
            raise NotReadyError(
                f"{folder}: shard {shard} is being built by another process", fix="wait until it ends"
            )
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        log.warning(
            "%s: the file system has no locks; start no other build there, and each shard once", folder
        )


def _name(shard: str) -> str:
    number, _, count = shard.partition("/")
    return f".paqa-incoming.shard-{number}-of-{count}.lock"


def _share(common: FolderLock, real: Path, folder: Path, setting: str, plan: str, shard: str) -> None:
    until = time.monotonic() + hold.WAIT
    while True:
        if common.acquire():  # no other build and no shard
            content = {**hold.this_process(), "plan": plan, "shard": shard}
            (real / hold.HOLDER).write_text(json.dumps(content), encoding="utf-8")
        if common.acquire(shared=True):
            break
        if time.monotonic() > until:
            raise NotReadyError(
                f"{folder}: another build uses this folder{hold.holder(real)}",
                fix=f"wait until it ends, or choose another {setting}",
            )
        time.sleep(0.1)
    found = _content(real / hold.HOLDER)
    if found.get("plan") != plan:
        raise NotReadyError(
            f"{folder}: the shards of another build use this folder{hold.holder(real)}",
            fix="give all shards the same settings and the same number of shards, wait until the others end, "
            f"or choose another {setting}",
        )


def _content(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Runs a block in one shard of a folder at a time; the others wait."""
    lock = FolderLock(folder / ".paqa-incoming.planning.lock")
    began, told = time.monotonic(), False
    try:
        while not lock.acquire(wait=1.0):
            if time.monotonic() - began > _TELL and not told:
                told = True
                log.warning("%s: waiting for another shard, which lists the corpus", folder)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
    try:
        yield
    finally:
        lock.release()
