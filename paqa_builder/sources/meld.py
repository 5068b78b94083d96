"""``meld``: utterances of the series *Friends*, one a clip, with transcript and speaker.

Reads the official tree: ``{train,dev,test}_sent_emo.csv`` at the root, and the media of each split in
``train_splits/``, ``dev_splits_complete/`` and ``output_repeated_splits_test/`` as
``dia<dialogue>_utt<utterance>.mp4``; a folder named after the split serves as well. What is said when
within the clip is not known, and others may be heard too, so there are no turns.

Source: Poria, Hazarika, Majumder, Naik, Cambria, Mihalcea, "MELD: A Multimodal Multi-Party Dataset for
Emotion Recognition in Conversations", ACL 2019.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from paqa_builder.errors import SourceError
from paqa_builder.records import Clip, Truth
from paqa_builder.sources import Source

_SPLITS = {
    "train": ("train", "train_splits"),
    "dev": ("validation", "dev_splits_complete"),
    "test": ("test", "output_repeated_splits_test"),
}
_COLUMNS = ("Utterance", "Speaker", "Dialogue_ID", "Utterance_ID")
# Windows-1252 read as Latin-1: some copies of the tables hold these.
_MARKS = str.maketrans({"\x91": "‘", "\x92": "’", "\x93": "“", "\x94": "”", "\x85": "…", "\x97": "—"})


class Meld(Source):
    """MELD. A clip's id is ``<split>/dia<dialogue>_utt<utterance>``."""

    name: ClassVar[str] = "meld"
    revision: ClassVar[str] = "1.0"

    def clips(self) -> Iterator[Clip]:
        found = False
        for name, (split, folder) in _SPLITS.items():
            path = self.root / f"{name}_sent_emo.csv"
            if not path.is_file():
                continue
            found = True
            media = next(
                (self.root / f for f in (folder, name) if (self.root / f).is_dir()), self.root / folder
            )
            seen: set[str] = set()
            for row in _rows(path):
                clip = f"dia{row['Dialogue_ID']}_utt{row['Utterance_ID']}"
                if clip in seen:
                    raise SourceError(f"{path}: {clip} has a row already")
                seen.add(clip)
                said = self.spoken(row["Utterance"].translate(_MARKS), language="en", speaker=row["Speaker"])
                yield Clip(
                    id=f"{name}/{clip}",
                    source=self.name,
                    split=split,
                    path=str(media / f"{clip}.mp4"),
                    license="GPL-3.0",
                    attribution="MELD; audio from the series Friends",
                    source_url="https://affective-meld.github.io/",
                    truth=Truth(utterances=(said,)),
                )
        if not found:
            raise SourceError(
                f"{self.root}: no train_sent_emo.csv, dev_sent_emo.csv or test_sent_emo.csv",
                fix="--root is the folder MELD.Raw",
            )


def _rows(path: Path) -> Iterator[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file, strict=True)
            for column in _COLUMNS:
                if column not in (table.fieldnames or ()):
                    raise SourceError(
                        f"{path}: no column {column!r}; it has {', '.join(table.fieldnames or ())}"
                    )
            for row in table:
                if None in row.values():
                    raise SourceError(
                        f"{path}, row {table.line_num}: has not as many fields as the first line"
                    )
                yield {column: row[column].strip() for column in _COLUMNS}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{path}: cannot be read as CSV in UTF-8 ({error})") from error
