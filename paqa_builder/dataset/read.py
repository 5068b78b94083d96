"""Reads the shards of a finished build, as typed records or as rows (plain dicts)."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, TypeVar

from paqa_builder.config.environment import expanded
from paqa_builder.dataset.schema import check_columns, question_from_row, scene_from_row
from paqa_builder.errors import ConfigError
from paqa_builder.questions.question import Question
from paqa_builder.records import Scene
from paqa_builder.untrusted import tables

T = TypeVar("T")

LONGEST_ID = 8192
"""Most characters of an id; those of clips hold a path."""


def load_scenes(shards: Path | str) -> Iterator[Scene]:
    """Reads the scenes of a finished build, one at a time, in the build's order.

    Args:
        shards: The folder of the shards (``--out`` of ``paqa build``).

    Returns:
        Scenes with all their records. ``clip.path`` and ``stem.path`` are empty: the audio is in the
        configuration ``default``.

    Raises:
        ConfigError: The folder has no finished build.
        DamagedError: A shard is damaged, or a row is malformed.

    Example:
        >>> for scene in load_scenes("shards"):  # doctest: +SKIP
        ...     print(scene.clip.id, [tag.label for tag in scene.tags or ()])
    """
    return _records(expanded(shards), "scenes", scene_from_row)


def load_questions(shards: Path | str) -> Iterator[Question]:
    """Reads the questions of a finished build, one at a time, in the build's order.

    Args:
        shards: The folder of the shards (``--out`` of ``paqa build``).

    Raises:
        ConfigError: The folder has no finished build.
        DamagedError: A shard is damaged, or a row is malformed.

    Example:
        >>> for question in load_questions("shards"):  # doctest: +SKIP
        ...     print(question.question, question.answer)
    """
    return _records(expanded(shards), "data", question_from_row)


def _records(shards: Path, folder: str, record: Callable[[dict[str, Any]], T]) -> Iterator[T]:
    published = _published(shards, folder)  # looks for the shards at once, not at the first row

    def records() -> Iterator[T]:
        for row in published:
            with tables.damaged(shards / folder):
                made = record(row)
            yield made

    return records()


def _published(shards: Path, folder: str) -> Iterator[dict[str, Any]]:
    if not any((shards / "scenes").glob("*.parquet")):
        raise ConfigError(f"{shards}: no finished build in this folder", fix=f"paqa build … --out '{shards}'")
    return rows(shards, folder)


def rows(
    shards: Path,
    folder: str,
    columns: list[str] | None = None,
    files: str = "*.parquet",
    **equal: str | Collection[str],
) -> Iterator[dict[str, Any]]:
    """Reads the rows of a configuration's folder, one at a time.

    Args:
        folder: ``"data"``, ``"scenes"`` or ``"quarantine"``.
        columns: Names of columns; all but the audio by default.
        files: Pattern of the names of the files to read.
        equal: Values that rows must have, by column: one value, or several of which a row must have one.
    """
    wanted = {name: {value} if isinstance(value, str) else set(value) for name, value in equal.items()}
    for path in sorted((shards / folder).glob(files)):
        with tables.damaged(path):
            names = columns or check_columns(tables.open_table(path).schema_arrow, folder)
            for row in tables.rows(path, names, equal=wanted):
                check_ids(row)
                yield row


def check_ids(row: dict[str, Any]) -> None:
    """Checks the ids of a row.

    Raises:
        ValueError: One is no text, or longer than a path may be.
    """
    for name in ("id", "clip_id"):
        value = row.get(name, "")
        if not isinstance(value, str):
            raise ValueError(f"a row has no {name}")
        if len(value) > LONGEST_ID:
            raise ValueError(f"the {name} {value[:40]!r}… has {len(value)} characters")


def scene(shards: Path, clip: str) -> dict[str, Any]:
    """The row of a clip in the configuration ``scenes``.

    Args:
        clip: The clip's id, or a beginning, an end or a file name that only one id has.

    Raises:
        ConfigError: No clip, or more than one, matches.
    """
    ids = [row["clip_id"] for row in rows(shards, "scenes", ["clip_id"])]
    return next(rows(shards, "scenes", clip_id=_match(clip, ids, "clip", shards)))


def question(shards: Path, question_id: str) -> dict[str, Any]:
    """The row of a question in the default configuration.

    Args:
        question_id: The question's id, or a beginning or an end that only one id has.

    Raises:
        ConfigError: No question, or more than one, matches.
    """
    ids = [row["id"] for row in rows(shards, "data", ["id"])]
    return next(rows(shards, "data", id=_match(question_id, ids, "question", shards)))


def _match(wanted: str, ids: list[str], what: str, shards: Path) -> str:
    """The only id that is, begins or ends with, or has the file name of ``wanted``."""
    if wanted in ids:
        return wanted
    stem = Path(wanted).stem
    matches = sorted({i for i in ids if i.endswith(wanted) or i.startswith(wanted) or Path(i).stem == stem})
    if len(matches) == 1:
        return matches[0]
    if matches:
        shown = ", ".join(matches[:5]) + (", …" if len(matches) > 5 else "")
        raise ConfigError(
            f"{shards}: {len(matches)} {what}s match {wanted!r}: {shown}", fix="give the whole id"
        )
    close = difflib.get_close_matches(wanted, ids, n=3) or ids[:3]
    hint = f"its {what}s are, for example: {', '.join(close)}" if close else f"it has no {what}s"
    raise ConfigError(f"{shards}: no {what} matches {wanted!r}; {hint}")
