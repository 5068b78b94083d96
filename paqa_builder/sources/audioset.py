"""``audioset``: strong labels of AudioSet: sound events with times in 10-s segments of YouTube videos.

Reads ``audioset_train_strong.tsv`` and ``audioset_eval_strong.tsv`` at the root (columns ``segment_id``,
``start_time_seconds``, ``end_time_seconds``, ``label``) and, for labels outside the ontology,
``mid_to_display_name.tsv``. A segment's id is the video's id and its start in milliseconds.

The audio is in any folder below the root. A file's name is the video's id, with or without ``Y`` before it
and the start (and end) in seconds or milliseconds after it: ``YTID``, ``YYTID``, ``YTID_30``, ``YTID_30000``,
``YTID_30.000_40.000``, ``YTID_000030``. Segments without a file are left out; a warning states their number.

Source: Hershey et al., "The Benefit of Temporally-Strong Labels in Audio Event Classification", ICASSP 2021.
"""

from __future__ import annotations

import csv
import logging
import math
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from paqa_builder.audio import SUFFIXES
from paqa_builder.errors import SourceError
from paqa_builder.labels import audioset
from paqa_builder.records import Clip, Tag, Truth
from paqa_builder.sources import Source, SourceOptions, read_table
from paqa_builder.sources.downloads import Archive, Downloads, RemoteFile

log = logging.getLogger(__name__)

SPLIT_OF = {"train": "train", "eval": "test"}
_COLUMNS = ("segment_id", "start_time_seconds", "end_time_seconds", "label")
_SEGMENT = re.compile(r"([\w-]{11})_(\d{1,9})")
_FILE = re.compile(r"Y?([\w-]{11})(?:_(\d{1,9}(?:\.\d{1,6})?))?(?:_\d{1,9}(?:\.\d{1,6})?)?")


_STRONG = "https://storage.googleapis.com/us_audioset/youtube_corpus/strong"
DOWNLOADS = Downloads(
    license="CC-BY-4.0 (labels)",
    page="https://research.google.com/audioset/download_strong.html",
    archives=(
        Archive(
            "files",
            (RemoteFile(f"{_STRONG}/mid_to_display_name.tsv"),),
            about_bytes=15_000,
        ),
        *(
            Archive("files", (RemoteFile(f"{_STRONG}/audioset_{part}_strong.tsv"),), part, about_bytes=size)
            for part, size in (("train", 55_000_000), ("eval", 8_000_000))
        ),
    ),
    note="labels only: put the audio of the YouTube videos below the folder",
)


class AudiosetOptions(SourceOptions):
    """Options of ``audioset``."""

    subsets: tuple[Literal["train", "eval"], ...] = Field(
        (),
        description="train (103,463 segments) or eval (16,996) or both; empty for the tables that are there.",
    )


class Audioset(Source):
    """AudioSet with strong labels. A clip's id is its segment id."""

    name: ClassVar[str] = "audioset"
    layout: ClassVar[tuple[str, ...]] = ("audioset_*_strong.tsv",)
    revision: ClassVar[str] = "1.0"
    Options = AudiosetOptions
    downloads: ClassVar[Downloads | None] = DOWNLOADS

    def clips(self) -> Iterator[Clip]:
        present = [s for s in SPLIT_OF if self._table(s).exists()]
        subsets = tuple(dict.fromkeys(self.options.subsets or present))
        if not subsets:
            raise SourceError(
                f"{self.root}: no audioset_train_strong.tsv or audioset_eval_strong.tsv",
                fix="--root is the folder with AudioSet's tables of strong labels",
            )
        seen: set[str] = set()
        for subset in subsets:
            segments = self._segments(subset)
            if repeated := seen & segments.keys():
                raise SourceError(f"{self._table(subset)}: segment {min(repeated)} is in another table, too")
            seen |= segments.keys()
            yield from self._subset(subset, segments)

    def _table(self, subset: str) -> Path:
        return self.root / f"audioset_{subset}_strong.tsv"

    def _subset(self, subset: str, segments: dict[str, list[Tag]]) -> Iterator[Clip]:
        missing = 0
        for segment in sorted(segments):
            video, milliseconds = segment[:11], int(segment[12:])
            path = self._file(video, milliseconds)
            if path is None:
                missing += 1
                continue
            tags = sorted(segments[segment], key=lambda tag: (tag.start, tag.end, tag.label))
            yield Clip(
                id=segment,
                source=self.name,
                split=SPLIT_OF[subset],
                path=path,
                attribution=f"YouTube video {video}; labels by AudioSet (CC BY 4.0)",
                source_url=f"https://www.youtube.com/watch?v={video}&t={milliseconds // 1000}s",
                truth=Truth(tags=tuple(tags)),
                groups=(f"recording:{video}",),
            )
        if missing == len(segments):
            raise SourceError(
                f"{self.root}: no audio file of a segment of {self._table(subset).name} below it",
                fix="name the files YTID_START.wav (or .flac, …), or choose another table (option subsets)",
            )
        if missing:
            log.warning(
                "%s: %d of %d segments have no audio file and are left out",
                self._table(subset), missing, len(segments),
            )  # fmt: skip

    def _segments(self, subset: str) -> dict[str, list[Tag]]:
        """The labels of each segment of a table."""
        path = self._table(subset)
        segments: dict[str, list[Tag]] = defaultdict(list)
        rows = read_table(path, _COLUMNS, delimiter="\t", quoting=csv.QUOTE_NONE)
        for where, row in rows:
            if not _SEGMENT.fullmatch(row["segment_id"]):
                raise SourceError(f"{where}, column 'segment_id': {row['segment_id']!r} is not YTID_START")
            start, end = (_seconds(row[column], f"{where}, column {column!r}") for column in _COLUMNS[1:3])
            label = self._name(row["label"], where)
            segments[row["segment_id"]].append(Tag(start, end, label, 1.0, "clip", True, self.origin))
        return segments

    def _name(self, mid: str, where: str) -> str:
        if not mid:
            raise SourceError(f"{where}, column 'label': is empty")
        known = audioset.by_mid().get(mid)
        return known.name if known else self._names.get(mid, mid)

    @cached_property
    def _names(self) -> dict[str, str]:
        """Display names by id; empty without the table, which has no header."""
        path = self.root / "mid_to_display_name.tsv"
        if not path.exists():
            return {}
        columns = ("mid", "display_name")
        rows = read_table(path, columns, delimiter="\t", quoting=csv.QUOTE_NONE, fieldnames=columns)
        return {row["mid"]: row["display_name"] for _, row in rows if row["display_name"]}

    def _file(self, video: str, milliseconds: int) -> str | None:
        """The file of a segment; one without a start in its name only where it is the video's only file."""
        files = self._files.get(video, {})
        for start in (float(milliseconds), milliseconds / 1000):
            if start in files:
                return files[start]
        return files[None] if len(files) == 1 and None in files else None

    @cached_property
    def _files(self) -> dict[str, dict[float | None, str]]:
        """Paths of the audio files below the root, by video and the number after it in the name."""
        files: dict[str, dict[float | None, str]] = defaultdict(dict)
        for folder, below, names in os.walk(self.root):
            below.sort()
            for name in sorted(names):
                stem, suffix = os.path.splitext(name)
                match = _FILE.fullmatch(stem) if suffix.lower() in SUFFIXES else None
                if match:
                    start = float(match[2]) if match[2] else None
                    files[match[1]].setdefault(start, os.path.join(folder, name))
        return files


def _seconds(cell: str, where: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise SourceError(f"{where}: {cell!r} is not a time in seconds")
    return value
