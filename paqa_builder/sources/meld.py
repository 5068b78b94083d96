"""``meld``: MELD, utterances of the series *Friends* with transcript and speaker, one in each clip.

Reads the official tree: ``{train,dev,test}_sent_emo.csv`` at the root, and the media of each split in
``train_splits/``, ``dev_splits_complete/`` and ``output_repeated_splits_test/`` (or in a folder named after
the split) as ``dia<dialogue>_utt<utterance>.mp4``. The time of an utterance in its clip is not annotated,
and other people may speak, too, so there are no turns.

Source: Poria, Hazarika, Majumder, Naik, Cambria, Mihalcea, "MELD: A Multimodal Multi-Party Dataset for
Emotion Recognition in Conversations", ACL 2019.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from paqa_builder.errors import SourceError
from paqa_builder.records import Clip, Truth
from paqa_builder.sources import Source, read_table

_SPLITS = {
    "train": ("train", "train_splits"),
    "dev": ("validation", "dev_splits_complete"),
    "test": ("test", "output_repeated_splits_test"),
}
_COLUMNS = ("Utterance", "Speaker", "Dialogue_ID", "Utterance_ID")
# Some copies of the tables contain Windows-1252 decoded as Latin-1.
_MARKS = str.maketrans({"\x91": "‘", "\x92": "’", "\x93": "“", "\x94": "”", "\x85": "…", "\x97": "—"})


class Meld(Source):
    """MELD. A clip's id is ``<split>/dia<dialogue>_utt<utterance>``."""

    name: ClassVar[str] = "meld"
    revision: ClassVar[str] = "1.0"

    def clips(self) -> Iterator[Clip]:
        tables = {name: self.root / f"{name}_sent_emo.csv" for name in _SPLITS}
        tables = {name: path for name, path in tables.items() if path.is_file()}
        if not tables:
            raise SourceError(
                f"{self.root}: no train_sent_emo.csv, dev_sent_emo.csv or test_sent_emo.csv",
                fix="--root is the folder MELD.Raw",
            )
        for name, path in tables.items():
            split, folder = _SPLITS[name]
            media = next(
                (self.root / f for f in (folder, name) if (self.root / f).is_dir()), self.root / folder
            )
            seen: set[str] = set()
            for where, row in read_table(path, _COLUMNS):
                clip = f"dia{row['Dialogue_ID']}_utt{row['Utterance_ID']}"
                if clip in seen:
                    raise SourceError(f"{where}: {clip} has a row already")
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
