"""Gives clips the annotation of files, as ground truth."""

from __future__ import annotations

import difflib
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath

from paqa_builder.annotations.base import Annotation
from paqa_builder.annotations.files import read_annotations
from paqa_builder.errors import SourceError, itemize
from paqa_builder.export.names import Names
from paqa_builder.records import Clip

_LAYERS = ("turns", "tags", "utterances")


def annotated(clips: Iterable[Clip], path: Path) -> list[Clip]:
    """The clips, with the layers of annotation files in place of the corpus's own.

    A file belongs to the clip with its name: the clip's id, the name that an export gave it, or the stem of
    its file where only one clip has that.

    Args:
        path: A file or a folder of annotations.

    Raises:
        SourceError: A file is malformed, belongs to no clip or to several, or two files annotate the same
            layer of a clip.
    """
    listed = list(clips)
    index = _Index(listed)
    layers: dict[str, dict[str, Annotation]] = defaultdict(dict)
    problems = []
    for annotation in read_annotations(path):
        clip_id, problem = index.find(annotation)
        if clip_id is None:
            problems.append(f"{annotation.where}: {problem}")
            continue
        for layer in _LAYERS:
            if getattr(annotation, layer) is None:
                continue
            other = layers[clip_id].setdefault(layer, annotation)
            if other is not annotation and not _merged(other, annotation, layer):
                problems.append(f"{annotation.where}: {layer} of clip {clip_id!r} are in {other.where}, too")
    if problems:
        raise SourceError(
            f"{path}: {len(problems)} annotations cannot be given to a clip:{itemize(problems)}",
            fix="name each file as its clip, and remove those that belong to none",
        )
    return [_with(clip, layers[clip.id]) if clip.id in layers else clip for clip in listed]


def _merged(other: Annotation, annotation: Annotation, layer: str) -> bool:
    """Adds the labels of Audacity's file of presence to those of its file of sounds, which are one layer."""
    if layer != "tags" or {other.part, annotation.part} != {"tags", "presence"}:
        return False
    assert other.tags is not None
    other.tags.extend(annotation.tags or ())
    other.part = ""
    return True


def _with(clip: Clip, layers: dict[str, Annotation]) -> Clip:
    changes = {name: tuple(getattr(annotation, name)) for name, annotation in layers.items()}
    # Annotators of files have no fixed vocabulary, so what is not labelled may still be there.
    complete = clip.truth.tags_complete and "tags" not in changes
    return replace(clip, truth=replace(clip.truth, **changes, tags_complete=complete))


class _Index:
    """Clips by id, by exported name and by file stem."""

    def __init__(self, clips: list[Clip]) -> None:
        names = Names(clip.id for clip in clips)
        self._ids = {clip.id for clip in clips}
        self._by_name = {names.of(clip.id): clip.id for clip in clips}
        self._by_composed: dict[str, set[str]] = defaultdict(set)
        self._by_stem: dict[str, set[str]] = defaultdict(set)
        for clip in clips:
            of_id = PurePosixPath(clip.id)
            for stem in {Path(clip.path).stem, of_id.name, of_id.stem}:
                self._by_stem[_composed(stem)].add(clip.id)
            self._by_composed[_composed(clip.id)].add(clip.id)

    def find(self, annotation: Annotation) -> tuple[str | None, str]:
        """The id of an annotation's clip; None with the reason if there is not exactly one."""
        for name in annotation.names:
            if name in self._ids:
                return name, ""
            if name in self._by_name:
                return self._by_name[name], ""
        for name in map(_composed, annotation.names):
            if name in self._by_name:
                return self._by_name[name], ""
            found = sorted(self._by_composed.get(name) or self._by_stem.get(name) or set())
            if len(found) == 1:
                return found[0], ""
            if found:
                return None, f"{name!r} may be any of the clips {', '.join(found[:3])}"
        shown = " or ".join(map(repr, annotation.names))
        close = difflib.get_close_matches(annotation.names[0], list(self._by_stem), n=1)
        return None, f"no clip is called {shown}" + (f"; there is {close[0]!r}" if close else "")


def _composed(name: str) -> str:
    """A name as most systems write it; macOS may divide letters from their accents."""
    return unicodedata.normalize("NFC", name)
