"""Reading a finished build's shards back, a row at a time, with pyarrow alone."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from paqa_builder.errors import ConfigError


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
