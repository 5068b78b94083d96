"""``urbansound8k``: UrbanSound8K, 8,732 excerpts of city sounds of ten classes.

Reads the official tree: ``metadata/UrbanSound8K.csv`` and ``audio/fold<n>/<name>.wav``. An excerpt has one
label and may contain other sounds, so the labels are not complete. The table's times are those of the excerpt
in its recording; the sound's times in the excerpt are not annotated. Folds 1 to 8 are train, 9 validation
and 10 test; excerpts of one recording are in one fold.

Source: Salamon, Jacoby, Bello, "A Dataset and Taxonomy for Urban Sound Research", ACM Multimedia 2014.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field

from paqa_builder.errors import SourceError
from paqa_builder.labels.crosswalk import URBAN_SOUND as LABELS
from paqa_builder.records import Clip, Truth
from paqa_builder.sources import Source, SourceOptions, plain_name, read_table
from paqa_builder.sources.downloads import Archive, Downloads, zenodo

DOWNLOADS = Downloads(
    license="CC-BY-NC-3.0",
    page="https://zenodo.org/records/1203745",
    archives=(
        Archive(
            "tar",
            (zenodo(1203745, "UrbanSound8K.tar.gz", 6_023_741_708, "9aa69802bbf37fb986f71ec1483a196e"),),
            unpacked=7_100_000_000,
            strip="UrbanSound8K",
        ),
    ),
)
_COLUMNS = ("slice_file_name", "fsID", "salience", "fold", "class")


_SALIENCE = {"1": "foreground", "2": "background"}


class UrbanSound8kOptions(SourceOptions):
    """Options of ``urbansound8k``."""

    salience: tuple[Literal["foreground", "background"], ...] = Field(
        ("foreground", "background"),
        min_length=1,
        description="Excerpts to list: those whose sound is in the foreground, the background, or all.",
    )


class UrbanSound8k(Source):
    """UrbanSound8K. A clip's id is its file name without the suffix."""

    name: ClassVar[str] = "urbansound8k"
    layout: ClassVar[tuple[str, ...]] = ("metadata/UrbanSound8K.csv",)
    revision: ClassVar[str] = "1.0"
    downloads: ClassVar[Downloads | None] = DOWNLOADS
    Options = UrbanSound8kOptions

    def clips(self) -> Iterator[Clip]:
        path = self.root / "metadata" / "UrbanSound8K.csv"
        for where, row in read_table(path, _COLUMNS, fix="--root is the folder UrbanSound8K"):
            if row["salience"] not in _SALIENCE:
                raise SourceError(f"{where}, column 'salience': {row['salience']!r} is neither 1 nor 2")
            if _SALIENCE[row["salience"]] in self.options.salience:
                yield self._clip(row, where)

    def _clip(self, row: dict[str, str], where: str) -> Clip:
        if row["class"] not in LABELS:
            raise SourceError(f"{where}, column 'class': {row['class']!r} is none of {', '.join(LABELS)}")
        if row["fold"] not in map(str, range(1, 11)):
            raise SourceError(f"{where}, column 'fold': {row['fold']!r} is not a number from 1 to 10")
        name = plain_name(row["slice_file_name"], f"{where}, column 'slice_file_name'")
        return Clip(
            id=name.removesuffix(".wav"),
            source=self.name,
            split={"9": "validation", "10": "test"}.get(row["fold"], "train"),
            path=os.path.join(self.root, "audio", f"fold{row['fold']}", name),
            license="CC-BY-NC-3.0",
            attribution=f"Freesound sound {row['fsID']}, excerpt by UrbanSound8K",
            source_url=f"https://freesound.org/s/{row['fsID']}/",
            truth=Truth(tags=(self.presence(LABELS[row["class"]]),)),
            groups=(f"recording:{row['fsID']}",),
        )
