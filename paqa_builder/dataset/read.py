"""Reads the shards of a finished build: rows with pyarrow alone, or typed records."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from paqa_builder.errors import ConfigError
from paqa_builder.questions.question import Difficulty, Evidence, PlantedError, Question, Rewritten
from paqa_builder.records import (
    Abstention,
    AudioInfo,
    Clip,
    Failure,
    Measures,
    Origin,
    Scene,
    Stem,
    Tag,
    Truth,
    Turn,
    Utterance,
    Word,
    from_json,
)


def load_scenes(shards: Path | str) -> Iterator[Scene]:
    """Reads the scenes of a finished build, one at a time, in the build's order.

    Args:
        shards: The folder that ``paqa build --out`` named.

    Returns:
        Scenes with all their records. ``clip.path`` and ``stem.path`` are empty: the shards hold the
        audio itself, in the configuration ``default``.

    Raises:
        ConfigError: There is no finished build in the folder.

    Example:
        >>> for scene in load_scenes("shards"):  # doctest: +SKIP
        ...     print(scene.clip.id, [tag.label for tag in scene.tags or ()])
    """
    return map(scene_of_row, _published(Path(shards), "scenes"))


def load_questions(shards: Path | str) -> Iterator[Question]:
    """Reads the questions of a finished build, one at a time, in the build's order.

    Args:
        shards: The folder that ``paqa build --out`` named.

    Raises:
        ConfigError: There is no finished build in the folder.

    Example:
        >>> for question in load_questions("shards"):  # doctest: +SKIP
        ...     print(question.question, question.answer)
    """
    return map(question_of_row, _published(Path(shards), "data"))


def _published(shards: Path, folder: str) -> Iterator[dict[str, Any]]:
    if not any((shards / "scenes").glob("*.parquet")):
        raise ConfigError(f"{shards}: no finished build there", fix=f"paqa build … --out {shards}")
    return rows(shards, folder)


def rows(
    shards: Path, folder: str, columns: list[str] | None = None, **equal: str
) -> Iterator[dict[str, Any]]:
    """Yields rows of ``data`` or ``scenes`` whose columns equal the given values.

    Audio bytes are left out unless ``columns`` asks for them.
    """
    import pyarrow.dataset as ds

    if not any((shards / folder).glob("*.parquet")):
        return
    data = ds.dataset(shards / folder, format="parquet")
    wanted = columns or [name for name in data.schema.names if name != "audio"]
    condition = None
    for name, value in equal.items():
        one = ds.field(name) == value
        condition = one if condition is None else condition & one
    for batch in data.to_batches(columns=wanted, filter=condition):
        yield from batch.to_pylist()


def scene(shards: Path, clip: str) -> dict[str, Any]:
    """The ``scenes`` row of a clip; its id, or the end of it where that is unique.

    Raises:
        ConfigError: No clip, or several, are called that.
    """
    ids = [row["clip_id"] for row in rows(shards, "scenes", ["clip_id"])]
    return next(rows(shards, "scenes", clip_id=_one_of(clip, ids, "clip", shards)))


def question(shards: Path, question_id: str) -> dict[str, Any]:
    """The row of a question; its id, or the beginning or end of it where that is unique.

    Raises:
        ConfigError: No question, or several, are called that.
    """
    ids = [row["id"] for row in rows(shards, "data", ["id"])]
    return next(rows(shards, "data", id=_one_of(question_id, ids, "question", shards)))


def _one_of(wanted: str, ids: list[str], what: str, shards: Path) -> str:
    if wanted in ids:
        return wanted
    found = sorted(
        {i for i in ids if i.endswith(wanted) or i.startswith(wanted) or Path(i).stem == Path(wanted).stem}
    )
    if len(found) == 1:
        return found[0]
    if found:
        raise ConfigError(
            f"several {what}s match {wanted!r}: {', '.join(found[:5])}{', …' if len(found) > 5 else ''}"
        )
    close = difflib.get_close_matches(wanted, ids, n=3) or ids[:3]
    hint = f"; there are, for example: {', '.join(close)}" if close else "; there are none"
    raise ConfigError(f"{shards}: no {what} is called {wanted!r}{hint}")


def question_of_row(row: Mapping[str, Any]) -> Question:
    """A question from its row in the shards."""
    return Question(
        row["id"], row["question"], tuple(row["choices"]), row["answer"], row["answer_index"], row["skill"],
        row["level"], row["trace"], tuple(Evidence(**item) for item in row["evidence"]), row["clip_id"],
        row["template"], tuple(map(_provenance, row["provenance"])), Difficulty(**row["difficulty"]),
        PlantedError(**row["reflection"]) if row["reflection"] else None,
        Rewritten(**row["rewritten"]) if row.get("rewritten") else None,
    )  # fmt: skip


def _provenance(item: Mapping[str, str]) -> str:
    """Joins what :mod:`paqa_builder.dataset.schema` split: an empty layer may name its stage alone."""
    return str(Origin(**item)) if item["backend"] else item["stage"]


def scene_of_row(row: Mapping[str, Any]) -> Scene:
    """A scene from its row in the shards. A layer without a column is None: unknown."""

    def layer(name: str, cls: type) -> tuple[Any, ...] | None:
        found = row.get(name)
        return None if found is None else tuple(_record(cls, item) for item in found)

    clip = Clip(
        id=row["clip_id"],
        source=row.get("source") or "",
        split=row.get("split") or "",
        path="",
        license=row.get("license") or "",
        attribution=row.get("attribution") or "",
        source_url=row.get("source_url") or "",
        truth=Truth(
            layer("truth_turns", Turn),
            layer("truth_tags", Tag),
            layer("truth_utterances", Utterance),
            bool(row.get("truth_tags_complete")),
        ),
    )
    audio = None
    if row.get("duration") is not None:
        audio = AudioInfo(row["duration"], row["sample_rate"], row["channels"], row["sha256"])
    failures = tuple(Failure(**item) for item in row.get("failures") or ())
    stems = layer("stems", Stem)
    measured = row.get("measures")
    return Scene(
        clip,
        audio,
        stems,
        layer("turns", Turn),
        layer("tags", Tag),
        layer("utterances", Utterance),
        measures=from_json(Measures, {**measured, "origin": _origin(measured)}) if measured else None,
        abstentions=layer("abstentions", Abstention) or (),
        failures=failures,
    )


def _origin(row: Mapping[str, Any]) -> dict[str, str]:
    stage, _, made = row["origin"].partition(":")
    backend, _, revision = made.partition("@")
    return {"stage": stage, "backend": backend, "revision": revision}


def _record(cls: type, item: Mapping[str, Any]) -> Any:
    values = dict(item)
    values["origin"] = Origin(**_origin(values))
    if cls is Utterance:
        values["words"] = tuple(Word(**word) for word in values["words"] or ())
    if cls is Stem:  # the shards do not say where it lies
        values = {**values, "rate": values["sample_rate"], "path": ""}
        del values["sample_rate"]
    return cls(**values)
