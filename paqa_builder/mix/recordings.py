"""Pools of recordings of speech and of sounds, with disjoint splits.

The *groups* of a pool are speakers or labels. Two splits share no speaker, no text (of any speaker) and no
source recording (from which two clips were cut): :func:`check_splits` rejects a pool with such overlap, and
:func:`assign_splits` assigns splits without it. :mod:`~paqa_builder.mix.listings` reads pools from disk.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from paqa_builder.errors import SourceError, itemize
from paqa_builder.seeded import digest
from paqa_builder.sources import SPLITS

Kind = Literal["speech", "events"]


@dataclass(frozen=True, slots=True)
class Recording:
    """One audio file of a pool.

    Attributes:
        root: Name of the pool's folder in :attr:`RecordingPool.roots`.
        path: Path below that folder, with ``/``.
        group: Speaker, unique over all pools; or the corpus's label of the sound.
        split: ``"train"``, ``"validation"``, ``"test"``; empty until assigned.
        source: The recording from which this one was cut; its own path if unknown.
        text: Complete transcript; None if unknown.
        label: AudioSet name of the sound, or the corpus's own label if AudioSet has none.
        words: ``(start, end, text)`` in seconds of the file; None if unknown.
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
        """Unique name of the file over all pools."""
        return f"{self.root}/{self.path}"


@dataclass(frozen=True)
class RecordingPool:
    """Recordings of one kind, each with a split."""

    kind: Kind
    roots: Mapping[str, Path]
    recordings: tuple[Recording, ...]

    def groups(self, split: str) -> dict[str, tuple[Recording, ...]]:
        """The split's recordings by group; groups and recordings in sorted order."""
        groups: dict[str, list[Recording]] = defaultdict(list)
        for recording in self.recordings:
            if recording.split == split:
                groups[recording.group].append(recording)
        return {group: tuple(sorted(groups[group], key=lambda r: r.key)) for group in sorted(groups)}

    def file(self, recording: Recording) -> Path:
        """Path of the recording on this machine."""
        return self.roots[recording.root] / recording.path


def normal_text(text: str) -> str:
    """A text normalised for comparison: case-folded, without punctuation, words joined by one space."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.findall(r"[^\W_]+", folded))


def ties(recording: Recording, kind: Kind) -> tuple[tuple[str, str], ...]:
    """The (property, value) pairs that a recording must not share with another split."""
    pairs = [("source recording", f"{recording.root}/{recording.source}")]
    if kind == "speech":
        pairs.append(("speaker", recording.group))
        if recording.text is not None:
            pairs.append(("text", normal_text(recording.text)))
    return tuple(pairs)


def check_splits(recordings: Sequence[Recording], kind: Kind) -> None:
    """Checks that splits share no speaker, text or source recording.

    Raises:
        SourceError: They do; the message has the first three cases.
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
        raise SourceError(
            f"the {kind} pool's splits overlap:{itemize(clashes, most=3)}",
            fix="correct the split column, or remove it: disjoint splits are then assigned",
        )


def assign_splits(
    recordings: Iterable[Recording], kind: Kind, shares: Mapping[str, float], seed: object = 0
) -> list[Recording]:
    """Assigns a split to every recording without one, so that splits are disjoint.

    Recordings that share a speaker, text or source recording get the same split. Sounds are divided
    label by label, so that every split has every label if possible. Recordings with a split keep it, and
    recordings tied to them get it, too.
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
    split_of: dict[int, str] = {}
    loose = []
    for index, cluster in enumerate(clusters):
        given = {r.split for r in cluster if r.split}
        if given:
            split_of[index] = min(given)  # several are an overlap, which check_splits reports
        else:
            loose.append(index)
    # Every split gets one cluster first, large splits large clusters; then the split that lacks most.
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
        split_of[index] = chosen
        weight[chosen] += _size(clusters[index], kind)
    return [
        recording if recording.split else replace(recording, split=split_of[index])
        for index, cluster in enumerate(clusters)
        for recording in cluster
    ]


def _size(cluster: Sequence[Recording], kind: Kind) -> int:
    return len({r.group for r in cluster}) if kind == "speech" else len(cluster)


def _clusters(recordings: Sequence[Recording], kind: Kind) -> list[list[Recording]]:
    """Groups recordings that are tied directly or through others (union-find over :func:`ties`)."""
    parent = list(range(len(recordings)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    first: dict[tuple[str, str], int] = {}
    for index, recording in enumerate(recordings):
        for tie in ties(recording, kind):
            own, other = root(index), root(first.setdefault(tie, index))
            parent[max(own, other)] = min(own, other)
    clusters: dict[int, list[Recording]] = defaultdict(list)
    for index, recording in enumerate(recordings):
        clusters[root(index)].append(recording)
    return [clusters[key] for key in sorted(clusters)]
