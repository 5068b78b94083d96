"""Decides which rows of earlier builds a stage can use again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from paqa_builder import files
from paqa_builder.audio.packs import PackIndex
from paqa_builder.files import state
from paqa_builder.files.known_rows import KnownRows
from paqa_builder.files.ledger import Ledger
from paqa_builder.pipeline.plan import Plan, StagePlan
from paqa_builder.pipeline.stems import STAGE, pack_file

CHANGED = "ClipChangedError"
TRANSIENT = frozenset({CHANGED, "NotReadyError"})
"""Errors whose cause is not the clip's content: the next build tries again."""
TOO_LONG = "ClipTooLongError"

Content = tuple[str, str]
"""Id and SHA-256 of a clip."""
Row = dict[str, Any]


class Reuse:
    """The rows of earlier builds that a stage can use again, in its own parts and in others.

    Looks at the results of the earlier and of the later stages, one part at a time. The parts of all stages
    have the same clips and the same positions.

    Args:
        retry_failed: Whether failures are tried again.
    """

    def __init__(self, plan: Plan, stage: StagePlan, *, retry_failed: bool = False) -> None:
        self.plan = plan
        self.stage = stage
        self.retry_failed = retry_failed
        self.ledger = plan.ledger(stage)
        self._unread = {
            part.index: frozenset((row["clip"], row["sha256"]) for row in rows)
            for name, key in stage.upstream
            if name == "read"
            for part, rows in _failed(plan.parts, Ledger(plan.work / f"{name}-{key}"))
        }
        self._later = [
            _Later(plan, later, retry_failed)
            for later in plan.stages
            if stage.name == STAGE and (stage.name, stage.key) in later.upstream
        ]
        self._keep = stage.name == STAGE and plan.config.stems == "keep"
        self._packs = PackIndex(self.ledger.folder)

    def missing(self) -> list[files.Part]:
        """The parts that are not finished, or have a row that cannot be used again."""
        return [part for part in self.plan.parts_of(self.stage) if not self._finished(part)]

    def known(self, missing: Iterable[files.Part]) -> Iterator[tuple[files.Part, dict[files.Identity, Row]]]:
        """Each of the missing parts with the rows that it can use again."""
        parts = list(missing)
        unfinished = {part.hash for part in parts}
        finished = {part.name for part in self.plan.parts_of(self.stage) if part.hash not in unfinished}
        earlier = KnownRows(self.ledger.folder, finished)
        for part in parts:
            rows = earlier.rows(item.identity for item in part.fingerprints)
            accepts = self._accepts(part)
            yield part, {identity: row for identity, row in rows.items() if accepts(row)}

    def packs(self, rows: dict[files.Identity, Row]) -> tuple[Path, ...]:
        """The packs that hold stems of rows of *separate*."""
        if self.stage.name != STAGE or not rows:
            return ()
        names = (_file(record) for row in rows.values() for record in row.get("records", ()))
        return tuple(sorted({path for name in names if (path := self._packs.pack_of(name))}))

    def _finished(self, part: files.Part) -> bool:
        entry = self.ledger.entry(part.name)
        if entry is None:
            return False
        pack = pack_file(self.ledger.folder, part)
        if self._keep and entry.failed < entry.clips and not pack.is_file():
            return False
        accepts, file = self._accepts(part, pack), self.ledger.folder / part.name
        if entry.longest > self.plan.config.max_clip_seconds:
            return False
        # Rows without a failure have to be looked at only where the clip is unread or its stems are needed.
        if part.index in self._unread or any(later.needs(part.index) for later in self._later):
            return all(map(accepts, state.read_rows(file)))
        return not entry.failed or all(map(accepts, state.failed_rows(file)))

    def _accepts(self, part: files.Part, pack: Path | None = None) -> Callable[[Row], bool]:
        """Tells whether a row can be used again in a part.

        Args:
            pack: Where its stems have to be; by default in any pack.
        """
        unread = self._unread.get(part.index, frozenset())
        needed: set[Content] = set().union(*(later.needs(part.index) for later in self._later))

        def accepts(row: Row) -> bool:
            failure = row.get("failure")
            if failure and (self.retry_failed or failure["error"] in TRANSIENT):
                return False
            if self.stage.name == "read":
                most = self.plan.config.max_clip_seconds
                if failure:
                    return bool(failure["error"] != TOO_LONG or row.get("max_seconds", 0.0) >= most)
                return bool(row["records"][0]["duration"] <= most)
            read = (row["clip"], row["sha256"]) not in unread
            if failure:
                return not (read and failure["stage"] == "read")
            return read and self._stored(row, needed, pack)

        return accepts

    def _stored(self, row: Row, needed: set[Content], pack: Path | None) -> bool:
        """Whether the stems of a row are undamaged, if they are needed; else they may have been dropped."""
        names = [_file(record) for record in row["records"]] if self.stage.name == STAGE else []
        if (row["clip"], row["sha256"]) in needed:
            return all(self._packs.intact(name, pack) for name in names)
        return not self._keep or pack is not None or all(map(self._packs.pack_of, names))


def _file(record: Row) -> str:
    """The name of a stem's FLAC file in a pack."""
    return str(record["path"]).rpartition("/")[2]


class _Later:
    """What a later stage has yet to do, and thus the clips whose stems it will read."""

    def __init__(self, plan: Plan, stage: StagePlan, retry_failed: bool) -> None:
        ledger = plan.ledger(stage)
        self._retry_failed = retry_failed
        self._missing = {part.index: part for part in plan.parts_of(stage) if not ledger.entry(part.name)}
        self._earlier = KnownRows(ledger.folder) if self._missing else None
        self._failed = {part.index: rows for part, rows in _failed(plan.parts_of(stage), ledger)}
        self._last: tuple[int, set[Content]] = (-1, set())

    def needs(self, index: int) -> set[Content]:
        """The clips of a part, given by its position, that the stage will process."""
        if self._last[0] != index:
            self._last = (index, self._of_part(index))
        return self._last[1]

    def _of_part(self, index: int) -> set[Content]:
        if index in self._missing and self._earlier is not None:
            identities = [item.identity for item in self._missing[index].fingerprints]
            known = self._earlier.known(identities)
            return {identity[:2] for identity, has in zip(identities, known, strict=True) if not has}
        return {
            (row["clip"], row["sha256"])
            for row in self._failed.get(index, ())
            if self._retry_failed or row["failure"]["error"] in TRANSIENT
        }


def _failed(parts: Iterable[files.Part], ledger: Ledger) -> Iterator[tuple[files.Part, list[Row]]]:
    """The parts that have failures, with these."""
    for part in parts:
        entry = ledger.entry(part.name)
        if entry is not None and entry.failed:
            yield part, state.failed_rows(ledger.folder / part.name)
