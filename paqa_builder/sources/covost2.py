"""``covost2``: Common Voice sentences read aloud, with their translations.

Reads ``covost_v2.<source>_<target>.<split>.tsv`` at the root (columns ``path``, ``sentence``,
``translation``, ``client_id``; splits train, dev and test) and the audio of Common Voice 4 in
``clips/``. Each clip is one utterance in the source language, read by one person; when within the
clip it is read is not known, so it spans the clip and there are no turns.

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
from paqa_builder.sources import Source, SourceOptions

_FILE = re.compile(r"covost_v2\.([\w-]+)_([\w-]+)\.(train|dev|test)\.tsv")
_SPLIT_OF = {"train": "train", "dev": "validation", "test": "test"}
_COLUMNS = ("path", "sentence", "translation", "client_id")


class Covost2Options(SourceOptions):
    """Which languages to list."""

    pairs: tuple[str, ...] = Field((), description="Such as de_en; empty for all that are there.")


class Covost2(Source):
    """CoVoST 2 over Common Voice 4. A clip's id is its file name without the ending."""

    name: ClassVar[str] = "covost2"
    revision: ClassVar[str] = "2.0"
    Options = Covost2Options

    def clips(self) -> Iterator[Clip]:
        seen: dict[str, str] = {}
        for path, source, target, split in self._files():
            for number, row in enumerate(_rows(path), start=2):
                name = row["path"] if row["path"].endswith(".mp3") else f"{row['path']}.mp3"
                if not row["path"] or not row["sentence"]:
                    raise SourceError(f"{path}, row {number}: 'path' or 'sentence' is empty")
                if name in seen:
                    raise SourceError(
                        f"{path}, row {number}: {name} is in {seen[name]} already",
                        fix=f"set the option pairs to one pair a language, such as [{source}_{target}]",
                    )
                seen[name] = path.name
                yield self._clip(name, row, source, target, _SPLIT_OF[split])

    def _files(self) -> list[tuple[Path, str, str, str]]:
        matches = [(path, _FILE.fullmatch(path.name)) for path in sorted(self.root.iterdir())]
        found = [(path, match[1], match[2], match[3]) for path, match in matches if match]
        there = sorted({f"{source}_{target}" for _, source, target, _ in found})
        missing = sorted(set(self.options.pairs) - set(there))
        if not found or missing:
            wanted = f" of {missing[0]}" if missing else ""
            raise SourceError(
                f"{self.root}: no covost_v2.<source>_<target>.<split>.tsv{wanted}",
                fix=f"set the source's option pairs to some of {there}" if there else "check --root",
            )
        return [
            file for file in found if not self.options.pairs or f"{file[1]}_{file[2]}" in self.options.pairs
        ]

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
        )


def _rows(path: Path) -> Iterator[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            # Sentences hold quotation marks of their own.
            table = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            for column in _COLUMNS:
                if column not in (table.fieldnames or ()):
                    raise SourceError(
                        f"{path}: no column {column!r}; it has {', '.join(table.fieldnames or ())}"
                    )
            for row in table:
                if None in row or None in row.values():
                    raise SourceError(
                        f"{path}, row {table.line_num}: has not as many fields as the first line"
                    )
                yield {column: row[column].strip() for column in _COLUMNS}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{path}: cannot be read as TSV in UTF-8 ({error})") from error
