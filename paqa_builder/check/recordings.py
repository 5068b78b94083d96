"""Fingerprints of the audio of shards, of audio folders and of question files with their audio."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from paqa_builder import audio
from paqa_builder.audio import Audio
from paqa_builder.check.findings import EXAMPLES, Finding, Grade
from paqa_builder.errors import AudioError, ConfigError
from paqa_builder.formats.read import Data, find_audio, parquet_files
from paqa_builder.leaks.alignment import MIN_FRAMES
from paqa_builder.leaks.fingerprint import AcousticFingerprint, fingerprint
from paqa_builder.leaks.groups import by_kind, is_strict, sentence
from paqa_builder.leaks.matching import Match, matches
from paqa_builder.sources.folder import split_of, walk
from paqa_builder.untrusted import tables

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Collection:
    """Clips with their fingerprints.

    Attributes:
        names: Ids of clips of shards, else paths.
        splits: Split of each clip; empty if unknown.
        failures: Name and problem of the files that cannot be decoded.
    """

    names: list[str] = field(default_factory=list)
    splits: list[str] = field(default_factory=list)
    prints: list[AcousticFingerprint] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)

    def add(self, name: str, split: str, source: Path | bytes) -> None:
        """Decodes and fingerprints one clip."""
        try:
            decoded = _decoded(name, source)
        except AudioError as error:
            self.failures.append((name, error.message))
            return
        self.names.append(name)
        self.splits.append(split)
        self.prints.append(fingerprint(decoded))

    @property
    def short(self) -> int:
        """Clips with too little sound to be compared in a lossy copy."""
        return sum(int(item.active.sum()) < MIN_FRAMES for item in self.prints)

    def label(self, index: int) -> str:
        """A clip's name with its split."""
        return f"{self.names[index]} ({self.splits[index]})" if self.splits[index] else self.names[index]


def _decoded(name: str, source: Path | bytes) -> Audio:
    return (audio.read_bytes(source, name) if isinstance(source, bytes) else audio.read(source))[0]


def is_audio_folder(path: Path) -> bool:
    """Whether a path is a folder of audio files, not of shards."""
    return path.is_dir() and not parquet_files(path)


def collect(path: Path) -> Collection:
    """Fingerprints all audio of a folder of audio files, of shards, or of one audio file.

    Raises:
        ConfigError: The path does not exist or has no audio.
        DamagedError: A shard is damaged.
    """
    found = Collection()
    if not path.exists():
        raise ConfigError(f"{path}: no such file or folder", fix="check the path")
    if is_audio_folder(path):
        for file in walk(path):
            if file.name.lower().endswith(audio.SUFFIXES):
                name = file.relative_to(path).as_posix()
                found.add(name.encode("utf-8", "backslashreplace").decode(), split_of(name) or "", file)
    elif path.is_dir() or path.suffix == ".parquet":
        for name, split, data in _stored(path):
            found.add(name, split, data)
    elif path.name.lower().endswith(audio.SUFFIXES):
        found.add(path.name, "", path)
    if not found.names:
        why = f" ({found.failures[0][0]}: {found.failures[0][1]})" if found.failures else ""
        raise ConfigError(
            f"{path}: has no readable audio{why}", fix="name a folder of audio files, or of shards with audio"
        )
    return found


def collect_data(data: Data, root: Path | None) -> Collection | None:
    """Fingerprints the audio of a question file below ``root``, or that of shards; None if it has none."""
    if data.path.is_dir() or data.path.suffix == ".parquet":
        return collect(data.path) if next(_stored(data.path), None) else None
    if root is None:
        return None
    found, seen = Collection(), set()
    for item in data.items():
        path = find_audio(root, item.audio) if item.audio else None
        if path is not None and path not in seen:
            seen.add(path)
            found.add(item.audio or "", item.split, path)
    return found if found.names else None


def _stored(path: Path) -> Iterator[tuple[str, str, bytes]]:
    """Name, split and audio of the clips of Parquet files, each clip once."""
    seen: set[str] = set()
    for file in parquet_files(path):
        names = tables.open_table(file).schema_arrow.names
        columns = [name for name in ("clip_id", "split", "audio") if name in names]
        if "audio" not in columns:
            continue
        for number, row in enumerate(tables.rows(file, columns), start=1):
            cell: Any = row["audio"]
            data = cell.get("bytes") if isinstance(cell, dict) else None
            named = row.get("clip_id") or (cell.get("path") if isinstance(cell, dict) else None)
            name = str(named or f"{file.name}, row {number}")
            if isinstance(data, bytes) and data and name not in seen:
                seen.add(name)
                yield name, str(row.get("split") or file.name.partition("-")[0]), data


def same_recordings(own: Collection, others: Collection | None = None) -> list[Match]:
    """The pairs of clips that hold the same recording: within a collection, or of two."""
    return matches(own.prints, None if others is None else others.prints)


def overlap(own: Collection | None, others: Sequence[tuple[Path, Collection]]) -> Iterator[Finding]:
    """The findings on recordings that other data has, too."""
    for path, other in others:
        check = f"recordings: {path.name}"
        if own is None:
            yield Finding(check, "skipped", "the data's audio is not there: --audio-root DIR")
            continue
        found = same_recordings(own, other)
        clips = dict.fromkeys(match.first for match in found)
        examples = [f"{own.names[m.first]} = {other.names[m.second]}" for m in found]
        message = f"{len(clips)} of {len(own.names)} clips hold a recording of {len(other.names)} files"
        if own.short or other.short:
            message += f"; {own.short} and {other.short} have too little sound for other codecs"
        if own.failures or other.failures:
            message += f"; {len(own.failures) + len(other.failures)} cannot be decoded"
        yield Finding(check, "error" if found else "ok", message, len(clips), tuple(examples[:EXAMPLES]))


def groups(data: Data) -> Iterator[Finding]:
    """The findings on groups of shards that are in several splits, repeated recordings among them."""
    if data.format != "shards" or not data.path.is_dir():
        return
    from paqa_builder.dataset import shared_audio

    strict = shared_audio.strict_kinds(data.path)
    kinds = by_kind(shared_audio.all_crossings(data.path))
    for kind, crossing in kinds.items():
        grade: Grade = "error" if is_strict(kind, strict) else "warning"
        examples = tuple(map(str, crossing[:EXAMPLES]))
        yield Finding(f"group: {kind}", grade, sentence(kind, crossing[:1]) if len(crossing) == 1 else
                      f"{len(crossing)} groups are in several splits", len(crossing), examples)  # fmt: skip
    if not kinds:
        yield Finding("groups", "ok", "no group is in several splits")
