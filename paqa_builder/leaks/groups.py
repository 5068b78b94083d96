"""Groups of clips that share a recording, a dialogue or a person, and those that cross splits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from paqa_builder.sources import SPLITS

DOUBLE = "double"
"""Kind of the groups of clips with the same recording, found by fingerprint: ``double:<id of the first>``."""

_EXAMPLES = 3

PRIORITY = tuple(reversed(SPLITS))
"""Splits in the order in which they keep clips: test, validation, train."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """A group in several splits.

    Attributes:
        clips: Ids of its clips by split, in the order of :data:`~paqa_builder.sources.SPLITS`.
    """

    group: str
    clips: dict[str, tuple[str, ...]]

    @property
    def kind(self) -> str:
        return kind_of(self.group)

    def __str__(self) -> str:
        """The group with one clip of each split.

        Example:
            >>> str(Crossing("recording:7", {"train": ("7-1", "7-2"), "test": ("7-3",)}))
            'recording:7: 7-1 (train) and 7-3 (test)'
        """
        return f"{self.group}: " + " and ".join(f"{ids[0]} ({split})" for split, ids in self.clips.items())


def kind_of(group: str) -> str:
    """The kind of a group: ``"recording"`` of ``"recording:7"``."""
    return group.partition(":")[0]


def crossings(clips: Iterable[tuple[str, str, Sequence[str]]]) -> list[Crossing]:
    """The groups that are in several splits, in the order of their first clip.

    Args:
        clips: Id, split and groups of each clip.
    """
    members: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for clip, split, groups in clips:
        for group in groups:
            members[group][split].append(clip)
    order = {split: n for n, split in enumerate(SPLITS)}
    return [
        Crossing(
            group,
            {split: tuple(ids[split]) for split in sorted(ids, key=lambda s: (order.get(s, len(order)), s))},
        )
        for group, ids in members.items()
        if len(ids) > 1
    ]


def by_kind(crossing: Iterable[Crossing]) -> dict[str, list[Crossing]]:
    """Crossings by the kind of their group."""
    kinds: dict[str, list[Crossing]] = {}
    for item in crossing:
        kinds.setdefault(item.kind, []).append(item)
    return kinds


def is_strict(kind: str, strict: Iterable[str]) -> bool:
    """Whether a kind of group must not be in several splits; doubles never may."""
    return kind == DOUBLE or kind in strict


def sentence(kind: str, crossing: Sequence[Crossing]) -> str:
    """One sentence that counts the crossing groups of a kind and names the first."""
    plural = "recordings under several names" if kind == DOUBLE else f"groups of the kind {kind}"
    singular = "a recording under several names" if kind == DOUBLE else f"a group of the kind {kind}"
    count = f"{singular} is" if len(crossing) == 1 else f"{len(crossing)} {plural} are"
    more = ", …" if len(crossing) > _EXAMPLES else ""
    return f"{count} in several splits ({'; '.join(map(str, crossing[:_EXAMPLES]))}{more})"
