"""Annotation with a record per line: RTTM, CTM and Audacity's labels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from paqa_builder.annotations.base import FIX, Annotation, span, text_lines
from paqa_builder.errors import SourceError
from paqa_builder.records import Word

AUDACITY = {
    ".turns.txt": "turns",
    ".tags.txt": "tags",
    ".utterances.txt": "utterances",
    ".presence.txt": "presence",
}


_OTHER_TYPES = {
    "SPKR-INFO", "SEGMENT", "NOSCORE", "NO_RT_METADATA", "LEXEME", "NON-LEX", "NON-SPEECH", "FILLER", "EDIT",
    "SU", "IP", "CB", "A/P",
}  # fmt: skip
"""Types of RTTM lines (NIST, RT-09) that are no speaker turns."""


def read_rttm(path: Path) -> Iterator[Annotation]:
    """The turns of each clip of an RTTM file. An empty file is a clip without turns."""
    found: dict[str, Annotation] = {}
    for where, line in text_lines(path):
        fields = line.split()
        kind = fields[0].upper()
        if line.startswith(";") or kind in _OTHER_TYPES:
            continue
        if kind != "SPEAKER":
            raise SourceError(f"{where}: begins with {fields[0][:40]!r}, no type of RTTM", fix=FIX)
        if len(fields) < 8:
            raise SourceError(
                f"{where}: has {len(fields)} fields, fewer than the 8 up to the speaker", fix=FIX
            )
        start, end = _with_duration(fields[3], fields[4], where)
        _of(found, path, fields[1], "rttm").turn(start, end, fields[7])
    yield from _with_stem(found, path, "rttm", "turns")


def read_ctm(path: Path) -> Iterator[Annotation]:
    """The words of each clip of a CTM file, as utterances that end at pauses."""
    found: dict[str, Annotation] = {}
    channels: dict[tuple[str, str], list[Word]] = {}
    for where, line in text_lines(path):
        fields = line.split()
        if line.startswith(";"):
            continue
        if len(fields) < 5:
            raise SourceError(f"{where}: has {len(fields)} fields, fewer than the 5 up to the word", fix=FIX)
        start, end = _with_duration(fields[2], fields[3], where)
        channels.setdefault((fields[0], fields[1]), []).append(Word(start, end, fields[4], 1.0))
    for (name, _), words in channels.items():  # each channel has a speaker of its own
        _of(found, path, name, "ctm").utterances_of(words, None)
    yield from _with_stem(found, path, "ctm", "utterances")


def read_audacity(path: Path) -> Iterator[Annotation]:
    """The labels of one clip; the end of the file's name says what they are."""
    suffix = next(end for end in AUDACITY if path.name.lower().endswith(end))
    layer = AUDACITY[suffix]
    annotation = Annotation(str(path), (path.name[: -len(suffix)],), "audacity", part=layer)
    annotation.knows("tags" if layer == "presence" else layer)
    for where, line in text_lines(path):
        if line.startswith("\\"):  # the frequencies of a spectral selection, of the label before
            continue
        fields = line.split("\t", 2)
        if layer == "utterances" and len(fields) == 3 and not fields[2].strip():
            continue  # a gap, as in TextGrid and EAF
        if len(fields) < 3 or not fields[2].strip():
            raise SourceError(f"{where}: is not START, END and TEXT with tabs between them", fix=FIX)
        # Audacity reads labels with decimal commas, too.
        first, last = (field.replace(",", ".") for field in fields[:2])
        (start, end), text = span(first, last, where), fields[2].strip()
        if layer == "turns":
            annotation.turn(start, end, text)
        elif layer in ("tags", "presence"):
            annotation.tag(start, end, text, localized=layer == "tags")
        else:
            annotation.utterance(start, end, text, None)
    yield annotation


def _with_duration(start: str, duration: str, where: str) -> tuple[float, float]:
    try:
        return span(start, float(start) + float(duration), where)
    except ValueError:
        raise SourceError(
            f"{where}: start {start!r} and duration {duration!r} are no seconds", fix=FIX
        ) from None


def _of(found: dict[str, Annotation], path: Path, name: str, tool: str) -> Annotation:
    if name not in found:
        found[name] = Annotation(str(path), (name,), tool)
    return found[name]


def _with_stem(found: dict[str, Annotation], path: Path, tool: str, layer: str) -> Iterator[Annotation]:
    """A file about one clip may have the clip's name, too."""
    if not found:
        found[path.stem] = Annotation(str(path), (path.stem,), tool)
    if len(found) == 1:
        (annotation,) = found.values()
        annotation.names = tuple(dict.fromkeys([*annotation.names, path.stem]))
    for annotation in found.values():
        annotation.knows(layer)
    yield from found.values()
