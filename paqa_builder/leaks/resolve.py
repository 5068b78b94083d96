"""Decides which clips are dropped, and which change their split, so that nothing leaks between splits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from paqa_builder.leaks.groups import DOUBLE, PRIORITY, Crossing, by_kind, crossings, is_strict, kind_of
from paqa_builder.leaks.matching import components
from paqa_builder.leaks.options import LeakOptions
from paqa_builder.records import Clip


@dataclass(frozen=True, slots=True)
class Dropped:
    """A clip that is left out: ``reason`` is the group that it shares with ``kept``, in ``kept_split``."""

    clip: str
    split: str
    reason: str
    kept: str
    kept_split: str


@dataclass(frozen=True, slots=True)
class Moved:
    """A clip whose split changed because of a group."""

    clip: str
    split: str
    to: str
    reason: str


@dataclass(frozen=True, slots=True)
class LeakReport:
    """Groups and doubles of a build.

    Attributes:
        options: The settings.
        doubles: Ids of the clips of each recording that several clips hold, before any was dropped.
        crossing: Groups that are still in several splits.
        dropped: Clips that were left out.
        moved: Clips whose split was changed.
        unknown: Number of readable clips without a fingerprint.
    """

    options: LeakOptions = field(default_factory=LeakOptions)
    doubles: tuple[tuple[str, ...], ...] = ()
    crossing: tuple[Crossing, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    moved: tuple[Moved, ...] = ()
    unknown: int = 0

    @property
    def strict(self) -> list[Crossing]:
        """The crossing groups whose kind must not cross."""
        return [crossing for crossing in self.crossing if is_strict(crossing.kind, self.options.strict)]

    def to_json(self) -> dict[str, Any]:
        """Settings, counts, and all clips that were dropped or moved, as JSON data."""
        kinds = by_kind(self.crossing)
        return {
            "options": self.options.model_dump(mode="json"),
            "doubles": {"recordings": len(self.doubles), "clips": sum(map(len, self.doubles))},
            "crossing": {kind: len(groups) for kind, groups in sorted(kinds.items())},
            "dropped": [asdict(item) for item in self.dropped],
            "moved": [asdict(item) for item in self.moved],
        }


def resolve(
    clips: Sequence[Clip], doubles: Sequence[Sequence[int]], options: LeakOptions
) -> tuple[list[Clip | None], LeakReport]:
    """Applies the settings to the clips of a corpus.

    Args:
        doubles: Positions of the clips of each recording that several clips hold.

    Returns:
        For each clip, in order, the clip with its split and groups, or None if it is dropped; and the report.
    """
    result: list[Clip | None] = list(clips)
    dropped: list[Dropped] = []
    for members in doubles:
        group = f"{DOUBLE}:{clips[min(members)].id}"
        for index in members:
            clip = clips[index]
            result[index] = replace(clip, groups=tuple(dict.fromkeys((*clip.groups, group))))
    if options.duplicates == "drop":
        _drop(result, dropped, lambda group: kind_of(group) == DOUBLE, one_only=True)
        result = [clip and _without_doubles(clip) for clip in result]
    if options.groups == "drop":
        _drop(result, dropped, lambda group: kind_of(group) in options.strict)
    kinds = {DOUBLE} if options.duplicates == "group" else set()
    kinds |= set(options.strict) if options.groups == "move" else set()
    moved = _move(result, kinds)
    kept = [clip for clip in result if clip is not None]
    return result, LeakReport(
        options,
        tuple(tuple(clips[index].id for index in sorted(members)) for members in doubles),
        tuple(crossings((clip.id, clip.split, clip.groups) for clip in kept)),
        tuple(dropped),
        tuple(moved),
    )


def _without_doubles(clip: Clip) -> Clip:
    return replace(clip, groups=tuple(group for group in clip.groups if kind_of(group) != DOUBLE))


def _by_priority(clips: Sequence[Clip | None]) -> list[int]:
    order = {split: n for n, split in enumerate(PRIORITY)}
    present = [(order[clip.split], index) for index, clip in enumerate(clips) if clip is not None]
    return [index for _, index in sorted(present)]


def _drop(
    clips: list[Clip | None], dropped: list[Dropped], wanted: Callable[[str], bool], *, one_only: bool = False
) -> None:
    """Drops clips with a group that an earlier clip has: in another split, or anywhere if ``one_only``."""
    owners: dict[str, Clip] = {}
    gone = []
    for index in _by_priority(clips):
        clip = clips[index]
        assert clip is not None
        groups = [group for group in clip.groups if wanted(group)]
        taken = next((g for g in groups if g in owners and (one_only or owners[g].split != clip.split)), None)
        if taken is None:
            for group in groups:
                owners.setdefault(group, clip)
            continue
        owner = owners[taken]
        gone.append((index, Dropped(clip.id, clip.split, taken, owner.id, owner.split)))
        clips[index] = None
    dropped += [item for _, item in sorted(gone, key=lambda pair: pair[0])]


def _move(clips: list[Clip | None], kinds: set[str]) -> list[Moved]:
    """Moves clips that share groups of these kinds, directly or through others, to one split."""
    first: dict[str, int] = {}
    pairs: list[tuple[int, int]] = []
    reason: dict[int, str] = {}
    for index, clip in enumerate(clips):
        for group in clip.groups if clip is not None else ():
            if kind_of(group) in kinds:
                pairs.append((first.setdefault(group, index), index))
                reason.setdefault(index, group)
    rank = {index: n for n, index in enumerate(_by_priority(clips))}
    moved = []
    for members in components(len(clips), pairs):
        target = clips[min(members, key=rank.__getitem__)]
        assert target is not None
        for index in members:
            clip = clips[index]
            assert clip is not None
            if clip.split != target.split:
                clips[index] = replace(clip, split=target.split)
                moved.append((index, Moved(clip.id, clip.split, target.split, reason[index])))
    return [item for _, item in sorted(moved, key=lambda pair: pair[0])]
