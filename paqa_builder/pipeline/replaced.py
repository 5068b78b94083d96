"""Tells whether a build would replace the data set of another corpus.

The lock has no paths, so ``WORK/published.json`` records which source and folder the clips of a data set came
from. Without that file, or with another source or folder, the clips are compared: a corpus that was moved or
that grew has most clips in common with its earlier data set.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np

from paqa_builder.dataset import lock, read
from paqa_builder.errors import ConfigError
from paqa_builder.files import digest, file_sha256, state
from paqa_builder.pipeline.plan import Plan

log = logging.getLogger(__name__)

RECORD = "published.json"
_SAME = 0.5
"""Share of the smaller data set's clips that both have, from which they are of the same corpus."""


def check(plan: Plan) -> None:
    """Refuses a plan whose data set would replace that of another corpus.

    Raises:
        ConfigError: The output folder holds the data set of another corpus.
    """
    out = plan.config.out
    if lock.read(out) is None or state.read(plan.work / RECORD) == _record(plan):
        return
    earlier = _published(out)
    found = (item.sha256 or item.clip.id for part in plan.parts for item in part.fingerprints)
    clips = np.unique(np.fromiter((hash(name) for name in found), np.int64, plan.count))
    shared = len(np.intersect1d(earlier, clips))
    if shared < _SAME * min(len(earlier), len(clips)):
        raise ConfigError(
            f"{out}: holds the data set of another corpus; {shared} of its {len(earlier)} clips are in "
            f"{plan.config.root}",
            fix=f"choose another --out; to replace the earlier data set, remove it first: rm -r '{out}'",
        )
    if shared < len(earlier):
        log.warning(
            "%s: replaces an earlier data set, of whose %d clips %d are in %s",
            out, len(earlier), shared, plan.config.root,
        )  # fmt: skip


def record(plan: Plan) -> None:
    """Records the corpus of a data set that is written."""
    content = _record(plan)
    if state.read(plan.work / RECORD) != content:
        state.write(plan.work / RECORD, content)


def _record(plan: Plan) -> dict[str, str]:
    return {
        "root": _text(plan.config.root or Path()),
        "source": digest([plan.config.source, plan.config.source_options]),
        "lock": file_sha256(plan.config.out / lock.LOCK),
    }


def _text(path: Path) -> str:
    # A path that is not UTF-8 has lone surrogates, which a file in UTF-8 cannot hold.
    return os.path.realpath(path).encode("utf-8", "backslashreplace").decode("utf-8")


def _published(out: Path) -> np.ndarray:
    """The clips of a data set, sorted.

    They are the :func:`hash` of the hashes of their files, and of the ids of those that could not be read.
    """
    import pyarrow

    try:
        rows = read.rows(out, "scenes", ["clip_id", "sha256"])
        return np.unique(np.fromiter((hash(row["sha256"] or row["clip_id"]) for row in rows), np.int64))
    except (pyarrow.ArrowException, OSError):
        return np.zeros(0, np.int64)  # a damaged shard is reported when the data set is written
