"""Counts finished and missing clips of a build, from its plan or from its work folder alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from paqa_builder import files
from paqa_builder.files import state
from paqa_builder.perception.stage import BUILTIN
from paqa_builder.pipeline import leaks
from paqa_builder.pipeline.plan import Plan

_ORDER = [*BUILTIN, "questions"]
_FOLDER = re.compile(rf"({'|'.join(_ORDER)})-([0-9a-f]{{{files.KEY_LENGTH}}})")


def of_plan(plan: Plan) -> list[dict[str, Any]]:
    """One row per stage of a plan: how many clips are done and how many are to do."""
    rows = []
    fingerprint = leaks.stage_of(plan)
    after_read = 1 + next((n for n, stage in enumerate(plan.stages) if stage.name == "read"), -1)
    own = [fingerprint] if fingerprint is not None else []
    for stage in (*plan.stages[:after_read], *own, *plan.stages[after_read:]):
        missing = {item.identity for part in plan.missing(stage) for item in part.fingerprints}
        # An earlier build may have split the clips into other parts, whose rows are reused.
        reused = state.known_rows(stage.folder(plan.work), missing, set()) if missing else {}
        to_do = len(missing) - len(reused)
        rows.append(
            {
                "stage": stage.name,
                "backend": stage.backend or None,
                "revision": stage.revision or None,
                "key": stage.key,
                "done": len(plan.clips) - to_do,
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
        # A clip may be in parts of several builds.
        failed: dict[str, bool] = {}
        parts = [part for part in sorted(folder.glob("part-*.jsonl")) if state.intact(part)]
        for part in parts:
            failed.update({row["clip"]: "failure" in row for row in state.read_rows(part)})
        counts = {"clips": len(failed), "failed": sum(failed.values()), "parts": len(parts)}
        rows.append({"stage": match[1], "key": match[2], **counts})
    return sorted(rows, key=lambda row: (_ORDER.index(row["stage"]), row["key"]))
