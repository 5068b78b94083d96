"""Audio that is in several splits: a model would be tested on what it was trained on."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from paqa_builder.dataset import lock
from paqa_builder.dataset.read import rows
from paqa_builder.leaks.groups import Crossing, crossings, is_strict
from paqa_builder.leaks.options import STRICT
from paqa_builder.untrusted import tables

_ORDER = {"train": 0, "validation": 1, "test": 2}
EMPTY = hashlib.sha256(b"").hexdigest()
"""SHA-256 of empty files, which are failures."""


def shared_audio(clips: Iterable[tuple[str, str, str | None]]) -> list[list[tuple[str, str]]]:
    """Groups of clips of several splits with the same bytes.

    Args:
        clips: Id, split and SHA-256 of each clip; clips without a hash are left out.

    Returns:
        (id, split) of the clips of each group.
    """
    groups: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for clip, split, sha256 in clips:
        if sha256 and sha256 != EMPTY:
            groups[sha256].append((clip, split))
    return [group for group in groups.values() if len({split for _, split in group}) > 1]


def in_shards(folder: Path) -> list[list[tuple[str, str]]]:
    """The groups of a finished build."""
    found = rows(folder, "scenes", ["clip_id", "split", "sha256"])
    return shared_audio((row["clip_id"], row["split"], row["sha256"]) for row in found)


def crossing_groups(folder: Path) -> list[Crossing]:
    """Groups of strict kinds of a finished build that are in several splits.

    The strict kinds are those of the build's settings. Shards of early versions have no groups.
    """
    strict = strict_kinds(folder)
    return [crossing for crossing in all_crossings(folder) if is_strict(crossing.kind, strict)]


def all_crossings(folder: Path) -> list[Crossing]:
    """All groups of a finished build that are in several splits."""
    shards = sorted((folder / "scenes").glob("*.parquet"))
    if not shards or not all("groups" in tables.open_table(path).schema_arrow.names for path in shards):
        return []
    found = rows(folder, "scenes", ["clip_id", "split", "groups"])
    return crossings((row["clip_id"], row["split"], row["groups"] or ()) for row in found)


def strict_kinds(folder: Path) -> tuple[str, ...]:
    """The kinds of groups that a finished build keeps in one split."""
    content = lock.read(folder)
    settings = content.build.get("leaks") if content is not None else None
    options = settings.get("options") if isinstance(settings, dict) else None
    kinds = options.get("strict") if isinstance(options, dict) else None
    return tuple(map(str, kinds)) if isinstance(kinds, list) else STRICT


def message(groups: list[list[tuple[str, str]]]) -> str:
    """One sentence that counts the groups and names the clips of the first."""
    first = {split: f"{clip} ({split})" for clip, split in reversed(groups[0])}
    named = [first[split] for split in sorted(first, key=lambda split: _ORDER.get(split, len(_ORDER)))]
    count = "a recording is" if len(groups) == 1 else f"{len(groups)} recordings are"
    return f"{count} in several splits, such as {' and '.join(named)}"
