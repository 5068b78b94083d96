"""Clips of finished shards: scenes joined with their questions and audio, one clip in memory at a time."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paqa_builder.dataset import lock
from paqa_builder.dataset.lock import NC
from paqa_builder.dataset.read import rows
from paqa_builder.dataset.schema import check_columns, question_from_row, scene_from_row
from paqa_builder.errors import ConfigError, DamagedError
from paqa_builder.questions.question import Question
from paqa_builder.records import Scene
from paqa_builder.sources import SPLITS
from paqa_builder.untrusted import tables

CONTRIBUTION = "audio_contribution"


@dataclass(frozen=True, slots=True)
class Published:
    """A clip of the shards.

    Attributes: contribution: Verdict of the blind gate by question id. audio: Bytes and file name of the
    audio; None where the shards have none. The configuration ``default`` stores the audio of clips with
    questions, ``scenes`` only where the build asked for it.
    """

    scene: Scene
    questions: tuple[Question, ...]
    contribution: dict[str, str | None]
    audio: tuple[bytes, str] | None


def clip_ids(shards: Path) -> Iterator[str]:
    """The ids of all clips.

    Raises:
        ConfigError: The folder has no finished build.
    """
    if not any((shards / "scenes").glob("*.parquet")):
        raise ConfigError(f"{shards}: no finished build in this folder", fix="name the folder of the shards")
    return (row["clip_id"] for row in rows(shards, "scenes", ["clip_id"]))


def splits_of(shards: Path) -> list[str]:
    """The splits of which there are scenes."""
    return [split for split in SPLITS if any((shards / "scenes").glob(f"{split}-*.parquet"))]


def clips(shards: Path, splits: Collection[str], *, audio: bool) -> Iterator[Published]:
    """Reads the clips of splits in the order of the shards.

    Args:
        audio: Whether to read the audio.

    Raises:
        DamagedError: A shard is damaged, or questions and scenes are not of the same clips.
    """
    _complete(shards, splits)
    for split in splits:
        yield from _of_split(shards, split, audio)


def _complete(shards: Path, splits: Collection[str]) -> None:
    """Refuses shards of which a file is missing or shortened, as far as the lock lists them."""
    content = lock.read(shards)
    for file in content.files if content else ():
        folder, _, name = file.path.partition("/")
        if folder == "quarantine" or name.removeprefix(NC).partition("-")[0] not in splits:
            continue
        path = shards / file.path
        if not path.is_file() or path.stat().st_size != file.bytes:
            raise DamagedError(
                f"{path}: {'is not complete' if path.is_file() else 'is missing'}",
                fix="build again, or download the data set again",
            )


def _of_split(shards: Path, split: str, audio: bool) -> Iterator[Published]:
    # Questions on clips of restricted licences are in files of their own, in the same order.
    groups = [_by_clip(_rows(shards, "data", split, audio, prefix)) for prefix in ("", NC)]
    asked = [next(group, None) for group in groups]
    for row in _rows(shards, "scenes", split, audio):
        with tables.damaged(shards / "scenes"):
            scene = scene_from_row(row)
        own: list[dict[str, Any]] = []
        for n, waiting in enumerate(asked):
            if waiting is not None and waiting[0] == scene.clip.id:
                own += _without_repeated_audio(waiting[1])
                asked[n] = next(groups[n], None)
        with tables.damaged(shards / "data"):
            questions = tuple(question_from_row(row) for row in own)
        stored = _stored(row.get("audio")) or (_stored(own[0].get("audio")) if own else None)
        if stored and scene.audio and hashlib.sha256(stored[0]).hexdigest() != scene.audio.sha256:
            raise DamagedError(
                f"{shards}: the audio of clip {scene.clip.id!r} ({split}) is damaged",
                fix="build again, or download the data set again",
            )
        yield Published(scene, questions, {row["id"]: row.get(CONTRIBUTION) for row in own}, stored)
    for waiting in asked:
        if waiting is not None:
            raise DamagedError(
                f"{shards}: the questions on clip {waiting[0]!r} ({split}) have no scene, or another order",
                fix="build again, or download the data set again",
            )


def _by_clip(rows: Iterator[dict[str, Any]]) -> Iterator[tuple[str, Iterator[dict[str, Any]]]]:
    return itertools.groupby(rows, key=lambda row: row["clip_id"])


def _rows(shards: Path, folder: str, split: str, audio: bool, prefix: str = "") -> Iterator[dict[str, Any]]:
    for path in sorted((shards / folder).glob(f"{prefix}{split}-*.parquet")):
        with tables.damaged(path):
            there = tables.open_table(path).schema_arrow
            columns = check_columns(there, folder) + ["audio"] * (audio and "audio" in there.names)
        for row in rows(shards, folder, columns, path.name):
            if row.get("split", split) != split:
                raise DamagedError(f"{path}: a row belongs to split {row['split']!r}", fix="build again")
            yield row


def _without_repeated_audio(same: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The rows of a clip; only the first keeps the audio, which all share."""
    for n, row in enumerate(same):
        if n:
            row.pop("audio", None)
        yield row


def _stored(cell: Any) -> tuple[bytes, str] | None:
    if not isinstance(cell, dict) or not isinstance(cell.get("bytes"), bytes) or not cell["bytes"]:
        return None
    return cell["bytes"], str(cell.get("path") or "")
