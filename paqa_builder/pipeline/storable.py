"""Clips whose texts cannot be stored: file names and annotations that are not valid Unicode."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from paqa_builder.perception.results import ResultError, check_finite
from paqa_builder.records import NO_TRUTH, Clip

_TEXTS = ("id", "source", "split", "license", "attribution", "source_url")


def storable(clips: Iterable[Clip]) -> Iterator[tuple[Clip, str]]:
    """Replaces what cannot be stored.

    Yields:
        Each clip with its problem; empty if there is none. A clip with a problem has no annotation any more,
        and escapes in its texts.
    """
    for clip in clips:
        problem = _problem(clip)
        if problem:
            texts: dict[str, Any] = {name: _escaped(getattr(clip, name)) for name in _TEXTS}
            clip = Clip(path=clip.path, **texts)
        yield clip, problem


def _problem(clip: Clip) -> str:
    if _plain(clip):
        return ""
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


def _plain(clip: Clip) -> bool:
    """Whether a clip has no annotation, and texts in ASCII only, which most have."""
    texts = (clip.id, clip.source, clip.split, clip.license, clip.attribution, clip.source_url, *clip.groups)
    try:
        ascii_only = "".join((*texts, clip.path)).isascii()
    except TypeError:  # a value of another type
        return False
    return ascii_only and not clip.questions and (clip.truth is NO_TRUTH or clip.truth == NO_TRUTH)


def _escaped(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
