"""Finds the annotation files of a folder and reads each by its format."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

from paqa_builder.annotations.base import FIX, Annotation
from paqa_builder.annotations.eaf import read_eaf
from paqa_builder.annotations.label_studio import looks_like_tasks, read_label_studio
from paqa_builder.annotations.lines import AUDACITY, read_audacity, read_ctm, read_rttm
from paqa_builder.annotations.textgrid import read_textgrid
from paqa_builder.errors import SourceError

log = logging.getLogger(__name__)

_READERS: dict[str, Callable[[Path], Iterator[Annotation]]] = {
    ".rttm": read_rttm,
    ".ctm": read_ctm,
    ".textgrid": read_textgrid,
    ".eaf": read_eaf,
    **dict.fromkeys(AUDACITY, read_audacity),
    ".json": read_label_studio,
}


def read_annotations(path: Path) -> Iterator[Annotation]:
    """Reads a file of annotations, or all those in a folder, at any depth. Hidden files are left out.

    Raises:
        SourceError: There is none, or one is malformed; names the file and the line.
    """
    if not path.exists():
        raise SourceError(f"{path}: no such file or folder", fix="check --truth")
    files = [path] if path.is_file() else sorted(_files(path))
    count = 0
    for file in files:
        read = reader_of(file)
        if read is None and file == path:
            raise SourceError(f"{path}: no annotation that is read; {_known()}", fix=FIX)
        if read is None or (file != path and read is read_label_studio and not looks_like_tasks(file)):
            continue
        for annotation in read(file):
            count += 1
            yield annotation
    if not count:
        raise SourceError(f"{path}: no annotation in it; {_known()}", fix=FIX)


def reader_of(file: Path) -> Callable[[Path], Iterator[Annotation]] | None:
    """The reader of a file, by its name; None if it is no annotation."""
    name = file.name.lower()
    return next((read for end, read in _READERS.items() if name.endswith(end)), None)


def _files(folder: Path) -> Iterator[Path]:
    for entry in folder.iterdir():
        if entry.name.startswith("."):
            continue
        if entry.is_dir() and not entry.is_symlink():
            yield from _files(entry)
        elif entry.is_file():
            yield entry


def _known() -> str:
    return f"the formats are {', '.join(f'*{end}' for end in _READERS)} (Label Studio)"
