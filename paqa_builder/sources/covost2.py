"""``covost2``: CoVoST 2, read sentences of Common Voice with translations.

Reads ``covost_v2.<source>_<target>.<split>.tsv`` at the root (columns ``path``, ``sentence``,
``translation``, ``client_id``; splits train, dev and test) and the audio of Common Voice 4 in ``clips/``.
Each clip is one utterance of one speaker in the source language. Its time is not annotated, so it spans
the clip, and there are no turns.

Source: Wang, Wu, Gu, Pino, "CoVoST 2 and Massively Multilingual Speech Translation", Interspeech 2021.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from paqa_builder.errors import SourceError
from paqa_builder.records import Clip, Truth
from paqa_builder.sources import Source, SourceOptions, read_table

_FILE = re.compile(r"covost_v2\.([\w-]+)_([\w-]+)\.(train|dev|test)\.tsv")
_SPLIT_OF = {"train": "train", "dev": "validation", "test": "test"}
_COLUMNS = ("path", "sentence", "translation", "client_id")


class Covost2Options(SourceOptions):
    """Options of ``covost2``."""

    pairs: tuple[str, ...] = Field(
        (), description="Language pairs such as de_en; empty for all in the corpus."
    )


class Covost2(Source):
    """CoVoST 2 over Common Voice 4. A clip's id is its file name without the suffix."""

    name: ClassVar[str] = "covost2"
    revision: ClassVar[str] = "2.0"
    Options = Covost2Options

    def clips(self) -> Iterator[Clip]:
        seen: dict[str, str] = {}
        for path, source, target, split in self._files():
            # Sentences contain unescaped quotation marks.
            for where, row in read_table(path, _COLUMNS, delimiter="\t", quoting=csv.QUOTE_NONE):
                name = row["path"] if row["path"].endswith(".mp3") else f"{row['path']}.mp3"
                if not row["path"] or not row["sentence"]:
                    raise SourceError(f"{where}: 'path' or 'sentence' is empty")
                if name in seen:
                    raise SourceError(
                        f"{where}: {name} is in {seen[name]} already",
                        fix=f"set the option pairs to one pair per language, such as [{source}_{target}]",
                    )
                seen[name] = path.name
                yield self._clip(name, row, source, target, _SPLIT_OF[split])

    def _files(self) -> list[tuple[Path, str, str, str]]:
        matches = [(path, _FILE.fullmatch(path.name)) for path in sorted(self.root.iterdir())]
        tables = [(path, match[1], match[2], match[3]) for path, match in matches if match]
        pairs = sorted({f"{source}_{target}" for _, source, target, _ in tables})
        missing = sorted(set(self.options.pairs) - set(pairs))
        if not tables or missing:
            wanted = f" of {missing[0]}" if missing else ""
            raise SourceError(
                f"{self.root}: no covost_v2.<source>_<target>.<split>.tsv{wanted}",
                fix=f"set the source's option pairs to some of {pairs}" if pairs else "check --root",
            )
        wanted_pairs = self.options.pairs or pairs
        return [table for table in tables if f"{table[1]}_{table[2]}" in wanted_pairs]

    def _clip(self, name: str, row: dict[str, str], source: str, target: str, split: str) -> Clip:
        said = self.spoken(
            row["sentence"],
            language=source.split("-")[0],
            translation=row["translation"] or None,
            translation_language=target.split("-")[0] if row["translation"] else None,
        )
        return Clip(
            id=name.removesuffix(".mp3"),
            source=self.name,
            split=split,
            path=os.path.join(self.root, "clips", name),
            license="CC0-1.0",
            attribution="Common Voice 4; translation by CoVoST 2",
            source_url="https://commonvoice.mozilla.org/",
            truth=Truth(utterances=(said,)),
            groups=(f"speaker:{row['client_id']}",) if row["client_id"] else (),
        )
