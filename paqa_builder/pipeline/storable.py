"""Clips whose texts cannot be stored: file names and annotations that are not valid Unicode."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from paqa_builder.perception.results import ResultError, check_finite
from paqa_builder.records import Clip

_TEXTS = ("id", "source", "split", "license", "attribution", "source_url")


def storable(clips: Iterable[Clip]) -> tuple[list[Clip], dict[str, str]]:
    """Replaces what cannot be stored.

    Returns:
        The clips, and the problem of each clip that has one, by id. Such a clip has no annotation any more,
        and escapes in its texts.
    """
    found, problems = [], {}
    for clip in clips:
        problem = _problem(clip)
        if problem:
            texts: dict[str, Any] = {name: _escaped(getattr(clip, name)) for name in _TEXTS}
            clip = Clip(path=clip.path, **texts)
            problems[clip.id] = problem
        found.append(clip)
    return found, problems


def _problem(clip: Clip) -> str:
    try:
        check_finite(Path(clip.path).name, "the file name")
        for name in (*_TEXTS, "groups", "questions"):
            check_finite(getattr(clip, name), f"the clip's {name}")
    except ResultError as error:
        return f"{error}; rename it"
    try:
        check_finite(clip.truth)
    except ResultError as error:
        return f"the corpus's annotation: {error}"
    return ""


def _escaped(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
