"""Decides which rows of earlier builds a stage can use again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paqa_builder import files
from paqa_builder.files import state
from paqa_builder.pipeline.plan import Plan, StagePlan

CHANGED = "ClipChangedError"
TRANSIENT = frozenset({CHANGED, "NotReadyError"})
"""Errors whose cause is not the clip's content: the next build tries again."""
TOO_LONG = "ClipTooLongError"

Content = tuple[str, str]
"""Id and SHA-256 of a clip."""
Row = dict[str, Any]


@dataclass(frozen=True)
class Reuse:
    """The rows that a stage can use again.

    Attributes:
        retry_failed: Whether failures are tried again.
        unread: Clips that failed in the stage *read*.
        needed: Clips whose stems a later stage reads in this build.
    """

    plan: Plan
    stage: StagePlan
    retry_failed: bool
    unread: frozenset[Content]
    needed: frozenset[Content]

    @classmethod
    def of(cls, plan: Plan, stage: StagePlan, *, retry_failed: bool = False) -> Reuse:
        """Looks at the results of the earlier and of the later stages."""
        unread = frozenset(
            (row["clip"], row["sha256"])
            for name, key in stage.upstream
            if name == "read"
            for part in plan.parts
            for row in state.failed_rows(part.file(plan.work / f"{name}-{key}"))
        )
        return cls(plan, stage, retry_failed, unread, frozenset(_needed(plan, stage, retry_failed)))

    def outdated(self, parts: list[files.Part]) -> set[str]:
        """The hashes of the parts that have a row that cannot be used again."""
        with ThreadPoolExecutor(self.plan.config.workers) as pool:  # most of the time goes into hashing
            return {
                part.hash for part, fine in zip(parts, pool.map(self._part, parts), strict=True) if not fine
            }

    def accepts(self, row: Row) -> bool:
        """Whether a row can be used again."""
        failure = row.get("failure")
        if failure and (self.retry_failed or failure["error"] in TRANSIENT):
            return False
        if self.stage.name == "read":
            most = self.plan.config.max_clip_seconds
            if failure:
                return failure["error"] != TOO_LONG or row.get("max_seconds", 0.0) >= most
            return row["records"][0]["duration"] <= most
        read = (row["clip"], row["sha256"]) not in self.unread
        if failure:
            return not (read and failure["stage"] == "read")
        return read and self._stored(row)

    def _part(self, part: files.Part) -> bool:
        file = part.file(self.stage.folder(self.plan.work))
        of_interest = self.stage.name in ("read", "separate") or any(
            (item.clip.id, item.sha256) in self.unread for item in part.fingerprints
        )
        return all(map(self.accepts, state.read_rows(file) if of_interest else state.failed_rows(file)))

    def _stored(self, row: Row) -> bool:
        """Whether the stems of a row are undamaged; stems that are not needed may be deleted."""
        needed = (row["clip"], row["sha256"]) in self.needed
        return all(
            _undamaged(self.plan.work / path, size, sha256, needed)
            for path, (size, sha256) in row.get("stored", {}).items()
        )


def _undamaged(path: Path, size: int, sha256: str, needed: bool) -> bool:
    try:
        return path.stat().st_size == size and (not needed or files.file_sha256(path) == sha256)
    except FileNotFoundError:
        return not needed and not path.is_symlink()
    except OSError:
        return False


def _needed(plan: Plan, stage: StagePlan, retry_failed: bool) -> set[Content]:
    needed: set[Content] = set()
    for later in plan.stages:
        if stage.name != "separate" or (stage.name, stage.key) not in later.upstream:
            continue
        missing = plan.missing(later)
        wanted = {item.identity for part in missing for item in part.fingerprints}
        known = state.known_rows(later.folder(plan.work), wanted, set()) if wanted else {}
        needed |= {identity[:2] for identity in wanted - known.keys()}
        for part in plan.parts_of(later):
            failed = state.failed_rows(part.file(later.folder(plan.work)))
            needed |= {
                (row["clip"], row["sha256"])
                for row in failed
                if retry_failed or row["failure"]["error"] in TRANSIENT
            }
    return needed
