"""``covost2``: CoVoST 2, read sentences of Common Voice with translations.

Reads ``covost_v2.<source>_<target>.<split>.tsv`` at the root (columns ``path``, ``sentence``,
``translation``, ``client_id``; splits train, dev and test) and the audio of Common Voice 4 in ``clips/``. In
their place it reads ``covost_v2.<source>_<target>.tsv``, as it is published (``path``, ``translation``,
``split``), with the sentences of Common Voice 4 in ``validated.tsv`` or ``<source>/validated.tsv``.

Each clip is one utterance of one speaker in the source language. Its time is not annotated, so it spans
the clip, and there are no turns.

Source: Wang, Wu, Gu, Pino, "CoVoST 2 and Massively Multilingual Speech Translation", Interspeech 2021.
"""

from __future__ import annotations

import csv
import logging
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from paqa_builder.errors import SourceError
from paqa_builder.records import Clip, Truth
from paqa_builder.sources import Source, SourceOptions, plain_name, read_table
from paqa_builder.sources.downloads import Archive, Downloads, RemoteFile

log = logging.getLogger(__name__)

_FILE = re.compile(r"covost_v2\.([\w-]+)_([\w-]+)\.(?:(train|dev|test)\.)?tsv")
_SPLIT_OF = {"train": "train", "dev": "validation", "test": "test"}
_COLUMNS = ("path", "sentence", "translation", "client_id")
_PUBLISHED = ("path", "translation", "split")


_PAIRS = (
    *(f"{source}_en" for source in (
        "ar", "ca", "cy", "de", "es", "et", "fa", "fr", "id", "it", "ja", "lv", "mn", "nl", "pt", "ru", "sl",
        "sv-SE", "ta", "tr", "zh-CN",
    )),
    *(f"en_{target}" for target in (
        "ar", "ca", "cy", "de", "et", "fa", "id", "ja", "lv", "mn", "sl", "sv-SE", "ta", "tr", "zh-CN",
    )),
)  # fmt: skip
DOWNLOADS = Downloads(
    license="CC0-1.0",
    page="https://github.com/facebookresearch/covost",
    archives=tuple(
        Archive(
            "tar",
            (RemoteFile(f"https://dl.fbaipublicfiles.com/covost/covost_v2.{pair}.tsv.tar.gz"),),
            subset=pair,
            unpacked=200_000_000,
        )
        for pair in _PAIRS
    ),
    note="translations only: put clips/ and validated.tsv of Common Voice 4 (needs a form) into the folder",
)


class Covost2Options(SourceOptions):
    """Options of ``covost2``."""

    pairs: tuple[str, ...] = Field(
        (), description="Language pairs such as de_en; empty for all in the corpus."
    )


class Covost2(Source):
    """CoVoST 2 over Common Voice 4. A clip's id is its file name without the suffix."""

    name: ClassVar[str] = "covost2"
    layout: ClassVar[tuple[str, ...]] = ("covost_v2.*.tsv",)
    revision: ClassVar[str] = "2.0"
    Options = Covost2Options
    downloads: ClassVar[Downloads | None] = DOWNLOADS

    def clips(self) -> Iterator[Clip]:
        seen: dict[str, str] = {}
        for path, source, target, split in self._files():
            rows = self._table(path, split) if split else self._joined(path, source)
            for where, row in rows:
                name = row["path"] if row["path"].endswith(".mp3") else f"{row['path']}.mp3"
                if not row["path"] or not row["sentence"]:
                    raise SourceError(f"{where}: 'path' or 'sentence' is empty")
                plain_name(name, f"{where}, column 'path'")
                if name in seen:
                    raise SourceError(
                        f"{where}: {name} is in {seen[name]} already",
                        fix=f"set the option pairs to one pair per language, such as [{source}_{target}]",
                    )
                seen[name] = path.name
                yield self._clip(name, row, source, target, _SPLIT_OF[row["split"]])

    @staticmethod
    def _table(path: Path, split: str) -> Iterator[tuple[str, dict[str, str]]]:
        """The rows of a table of one split."""
        for where, row in _rows(path, _COLUMNS):
            yield where, row | {"split": split}

    def _joined(self, path: Path, source: str) -> Iterator[tuple[str, dict[str, str]]]:
        """The rows of a published table with the sentences of Common Voice, in the order of the latter."""
        places = [self.root / "validated.tsv", self.root / source / "validated.tsv"]
        sentences = next((place for place in places if place.is_file()), None)
        if sentences is None:
            raise SourceError(
                f"{places[0]}: not there; {path.name} has no sentences",
                fix=f"put validated.tsv and clips/ of Common Voice 4 ({source}) into {self.root}",
            )
        translations: dict[str, tuple[str, str]] = {}
        for where, row in _rows(path, _PUBLISHED):
            if row["split"] not in _SPLIT_OF:
                raise SourceError(f"{where}, column 'split': {row['split']!r} is none of train, dev, test")
            if row["path"] in translations:
                raise SourceError(f"{where}: {row['path']} has a row already")
            translations[row["path"]] = (row["translation"], row["split"])
        for where, row in _rows(sentences, ("path", "sentence", "client_id")):
            if row["path"] in translations:
                translation, split = translations.pop(row["path"])
                yield where, row | {"translation": translation, "split": split}
        if translations:
            log.warning("%s: %d rows are not in %s and are left out", path, len(translations), sentences)

    @classmethod
    def fetched_options(cls, subsets: Sequence[str]) -> dict[str, Any]:
        return {"pairs": tuple(subsets)}

    def _files(self) -> list[tuple[Path, str, str, str]]:
        matches = [(path, _FILE.fullmatch(path.name)) for path in sorted(self.root.iterdir())]
        tables = [(path, match[1], match[2], match[3] or "") for path, match in matches if match]
        split = {table[1:3] for table in tables if table[3]}
        tables = [table for table in tables if table[3] or table[1:3] not in split]
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


def _rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    # Sentences contain unescaped quotation marks.
    return read_table(path, columns, delimiter="\t", quoting=csv.QUOTE_NONE)
