"""What to mix from: recordings of speech and of sounds, in groups, kept apart by split.

A pool's *groups* are speakers or labels. No split may share with another a speaker, a text (whoever
says it) or a source recording (that two clips were cut from): :func:`check_splits` refuses a pool
that says so, and :func:`assign_splits` never makes one. :mod:`~paqa_builder.mix.listings` reads
pools from disk.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from paqa_builder.errors import SourceError
from paqa_builder.seeded import digest
from paqa_builder.sources import SPLITS

Kind = Literal["speech", "events"]


@dataclass(frozen=True, slots=True)
class Recording:
    """One audio file of a pool.

    Attributes:
        root: Name of the pool's folder in :attr:`RecordingPool.roots`.
        path: Below that folder, with ``/``.
        group: Speaker, unique over all pools; or the corpus's label of the sound.
        split: ``"train"``, ``"validation"``, ``"test"``; empty until assigned.
        source: The recording that this one was cut from; its own path where that is unknown.
        text: What is said, complete, or None where it is unknown.
        label: AudioSet's name of the sound, or the corpus's own where AudioSet has none.
        words: ``(start, end, text)`` in seconds of the file, or None.
    """

    root: str
    path: str
    group: str
    split: str
    source: str
    license: str = "unknown"
    attribution: str = ""
    source_url: str = ""
    text: str | None = None
    sex: str | None = None
    language: str | None = None
    words: tuple[tuple[float, float, str], ...] | None = None
    label: str | None = None

    @property
    def key(self) -> str:
        """What names this file in designs."""
        return f"{self.root}/{self.path}"


@dataclass(frozen=True)
class RecordingPool:
    """Recordings of one kind, all with a split."""

    kind: Kind
    roots: Mapping[str, Path]
    recordings: tuple[Recording, ...]

    def groups(self, split: str) -> dict[str, tuple[Recording, ...]]:
        """The split's recordings by group; groups and recordings in sorted order."""
        found: dict[str, list[Recording]] = defaultdict(list)
        for recording in self.recordings:
            if recording.split == split:
                found[recording.group].append(recording)
        return {group: tuple(sorted(found[group], key=lambda r: r.key)) for group in sorted(found)}

    def file(self, recording: Recording) -> Path:
        """Where the recording is on this machine."""
        return self.roots[recording.root] / recording.path


def normal_text(text: str) -> str:
    """A text without case, punctuation and spacing, as it is compared between splits."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.findall(r"[^\W_]+", folded))


def ties(recording: Recording, kind: Kind) -> tuple[tuple[str, str], ...]:
    """What a recording must not share with another split, as (what, value) pairs."""
    found = [("source recording", f"{recording.root}/{recording.source}")]
    if kind == "speech":
        found.append(("speaker", recording.group))
        if recording.text is not None:
            found.append(("text", normal_text(recording.text)))
    return tuple(found)


def check_splits(recordings: Sequence[Recording], kind: Kind) -> None:
    """Refuses recordings whose splits share a speaker, a text or a source recording.

    Raises:
        SourceError: They do; names the first few.
    """
    seen: dict[tuple[str, str], Recording] = {}
    clashes = []
    for recording in recordings:
        for tie in ties(recording, kind):
            other = seen.setdefault(tie, recording)
            if other.split != recording.split:
                clashes.append(
                    f"{tie[0]} {tie[1]!r} is in {other.split} ({other.path}) "
                    f"and {recording.split} ({recording.path})"
                )
    if clashes:
        more = f"\n  and {len(clashes) - 3} more" if len(clashes) > 3 else ""
        raise SourceError(
            f"the {kind} pool's splits are not apart:\n  " + "\n  ".join(clashes[:3]) + more,
            fix="mend the split column, or leave it out: then splits are made that share nothing",
        )


def assign_splits(
    recordings: Iterable[Recording], kind: Kind, shares: Mapping[str, float], seed: object = 0
) -> list[Recording]:
    """Gives every recording without a split one, so that splits share nothing.

    Recordings tied by speaker, text or source recording stay together. Of sounds, each label is
    divided by itself, so that every split has every label if it can. What already has a split keeps
    it, and so does what is tied to it.
    """
    result: list[Recording] = []
    strata: dict[str, list[Recording]] = defaultdict(list)
    for recording in recordings:
        strata[recording.group if kind == "events" else ""].append(recording)
    for stratum in sorted(strata):
        result += _divide(strata[stratum], kind, shares, (seed, kind))
    return sorted(result, key=lambda r: r.key)


def _divide(
    recordings: list[Recording], kind: Kind, shares: Mapping[str, float], seed: Any
) -> list[Recording]:
    clusters = _clusters(recordings, kind)
    names = [split for split in SPLITS if shares.get(split)]
    total = sum(shares[name] for name in names)
    weight = dict.fromkeys(names, 0.0)
    of: dict[int, str] = {}
    loose = []
    for index, cluster in enumerate(clusters):
        given = {r.split for r in cluster if r.split}
        if given:
            of[index] = min(given)  # more than one is a clash, which check_splits reports
        else:
            loose.append(index)
    # One cluster for each split first, the big ones for the big splits, then whoever lacks most.
    loose.sort(key=lambda i: digest(*seed, min(r.key for r in clusters[i])))
    loose.sort(key=lambda i: -_size(clusters[i], kind))
    everything = sum(_size(clusters[i], kind) for i in loose)
    waiting = sorted(names, key=lambda name: -shares[name])
    for place, index in enumerate(loose):
        left = len(loose) - place
        empty = [name for name in waiting if not weight[name]]
        if empty and left <= len(empty):
            chosen = empty[0]
        else:
            chosen = max(waiting, key=lambda name: shares[name] / total - weight[name] / everything)
        of[index] = chosen
        weight[chosen] += _size(clusters[index], kind)
    return [
        recording if recording.split else replace(recording, split=of[index])
        for index, cluster in enumerate(clusters)
        for recording in cluster
    ]


def _size(cluster: Sequence[Recording], kind: Kind) -> int:
    return len({r.group for r in cluster}) if kind == "speech" else len(cluster)


def _clusters(recordings: Sequence[Recording], kind: Kind) -> list[list[Recording]]:
    """Recordings tied directly or through others (a union-find over :func:`ties`)."""
    parent = list(range(len(recordings)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    first: dict[tuple[str, str], int] = {}
    for index, recording in enumerate(recordings):
        for tie in ties(recording, kind):
            one, other = root(index), root(first.setdefault(tie, index))
            parent[max(one, other)] = min(one, other)
    clusters: dict[int, list[Recording]] = defaultdict(list)
    for index, recording in enumerate(recordings):
        clusters[root(index)].append(recording)
    return [clusters[key] for key in sorted(clusters)]
