"""Counts finished and missing clips of a build, from its plan or from its work folder alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paqa_builder import files
from paqa_builder.files.ledger import Ledger
from paqa_builder.records import STAGES

if TYPE_CHECKING:
    from paqa_builder.pipeline.plan import Plan

_ORDER = ["read", "fingerprint", *STAGES, "questions"]
_FOLDER = re.compile(rf"({'|'.join(_ORDER)})-([0-9a-f]{{{files.KEY_LENGTH}}})")


def of_plan(plan: Plan) -> list[dict[str, Any]]:
    """One row per stage of a plan: how many clips are done and how many are to do."""
    from paqa_builder.files.known_rows import KnownRows
    from paqa_builder.pipeline import leaks

    rows = []
    clips = plan.count
    for stage in leaks.stages_of(plan):
        missing = plan.missing(stage)
        # An earlier build may have split the clips into other parts, whose rows are reused.
        earlier = KnownRows(stage.folder(plan.work))
        to_do = sum(
            earlier.known(item.identity for item in part.fingerprints).count(False) for part in missing
        )
        rows.append(
            {
                "stage": stage.name,
                "backend": stage.backend or None,
                "revision": stage.revision or None,
                "key": stage.key,
                "done": clips - to_do,
                "to_do": to_do,
            }
        )
    return rows


def of_work(work: Path) -> list[dict[str, Any]]:
    """One row per stage and key in a work folder: clips done, clips failed, parts."""
    rows = []
    for folder in sorted(work.iterdir()):
        match = _FOLDER.fullmatch(folder.name)
        if not match:
            continue
        clips, failed, parts = Ledger(folder).clips()
        counts = {"clips": clips, "failed": failed, "parts": parts}
        rows.append({"stage": match[1], "key": match[2], **counts})
    return sorted(rows, key=lambda row: (_ORDER.index(row["stage"]), row["key"]))
