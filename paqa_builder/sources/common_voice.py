"""``common_voice``: Mozilla Common Voice, sentences read by volunteers in many languages.

Reads ``cv-corpus-<version>/<language>/`` with ``train.tsv``, ``dev.tsv``, ``test.tsv`` and ``clips/``; the
root is the folder of a language, of a version, or one that holds versions. Columns ``client_id``, ``path``
and ``sentence`` are needed; ``age``, ``gender``, ``accents`` (``accent`` in early versions) and ``locale``
are read where they are. Each clip is one utterance of one speaker. Its time is not annotated, so it spans
the clip, and there are no turns.

Source: Ardila et al., "Common Voice: A Massively-Multilingual Speech Corpus", LREC 2020.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from paqa_builder.errors import SourceError, suggest
from paqa_builder.records import Clip, Speaker, Truth
from paqa_builder.sources import Source, SourceOptions, read_table
from paqa_builder.sources.values import sex_of

_TABLES = {"train": "train", "dev": "validation", "test": "test"}
_NEEDED = ("client_id", "path", "sentence")
_FURTHER = ("age", "gender", "accents", "accent", "locale")
_DURATIONS = "clip_durations.tsv"
_FIX = "--root is the folder cv-corpus-<version>, or that of one language in it"

Row = dict[str, str]


class CommonVoiceOptions(SourceOptions):
    """Options of ``common_voice``."""

    languages: tuple[str, ...] = Field((), description="Languages such as de; empty for all that are there.")
    validated: bool = Field(
        False,
        description="Whether clips of validated.tsv in no split are added to train, without the speakers of "
        "validation and test.",
    )
    max_seconds: float | None = Field(
        None, gt=0, description="Longer clips are left out, by clip_durations.tsv."
    )


class CommonVoice(Source):
    """Mozilla Common Voice. A clip's id is its file name without the suffix."""

    name: ClassVar[str] = "common_voice"
    layout: ClassVar[tuple[str, ...]] = ("train.tsv", "validated.tsv", "*/train.tsv", "cv-corpus-*")
    Options = CommonVoiceOptions

    def clips(self) -> Iterator[Clip]:
        seen: dict[str, Path] = {}
        for folder in self._folders():
            durations = self._durations(folder)
            for where, row, split in self._rows(folder):
                name = row["path"] if row["path"].endswith(".mp3") else f"{row['path']}.mp3"
                if not row["path"] or "/" in name or "\\" in name:
                    raise SourceError(f"{where}, column 'path': {row['path']!r} is no file name")
                if name in seen:
                    raise SourceError(
                        f"{where}: {name} is in {seen[name]}, too",
                        fix="choose one version of the corpus with --root",
                    )
                seen[name] = folder
                if durations is None or durations.get(name, 0.0) <= self.options.max_seconds:
                    yield self._clip(folder, name, row, split)

    def _folders(self) -> list[Path]:
        """The folders of the languages."""
        levels = [self.root, *_folders_in(self.root)]
        levels += [below for folder in levels[1:] for below in _folders_in(folder)]
        found = [p for p in levels if any((p / f"{name}.tsv").is_file() for name in (*_TABLES, "validated"))]
        if not found:
            raise SourceError(
                f"{self.root}: no folder of a language with train.tsv, dev.tsv or test.tsv", fix=_FIX
            )
        names = sorted({folder.name for folder in found})
        for name in self.options.languages:
            if name not in names:
                raise SourceError(
                    f"{self.root}: no folder of the language {name!r}.{suggest(name, names)}",
                    fix=f"set the option languages to some of {', '.join(names)}",
                )
        return [folder for folder in found if folder.name in (self.options.languages or names)]

    def _rows(self, folder: Path) -> Iterator[tuple[str, Row, str]]:
        listed: set[str] = set()
        held_out: set[str] = set()
        if not (folder / "clips").is_dir():
            raise SourceError(f"{folder / 'clips'}: no such folder", fix=_FIX)
        tables = [name for name in _TABLES if (folder / f"{name}.tsv").is_file()]
        if not tables and not self.options.validated:
            raise SourceError(
                f"{folder}: no train.tsv, dev.tsv or test.tsv", fix="set the option validated: true"
            )
        for table in tables:
            for where, row in _read(folder / f"{table}.tsv"):
                listed.add(row["path"])
                if table != "train":
                    held_out.add(row["client_id"])
                yield where, row, _TABLES[table]
        if self.options.validated:
            for where, row in _read(folder / "validated.tsv"):
                if row["path"] not in listed and row["client_id"] not in held_out:
                    yield where, row, "train"

    def _durations(self, folder: Path) -> dict[str, float] | None:
        """Seconds by file, if the option needs them."""
        if self.options.max_seconds is None:
            return None
        path = folder / _DURATIONS
        rows = read_table(path, ("clip",), delimiter="\t", quoting=csv.QUOTE_NONE, fix=_FIX)
        seconds = {}
        for where, row in rows:
            try:
                # The column is called duration[ms], or duration in some versions.
                (value,) = (text for name, text in row.items() if name.startswith("duration"))
                seconds[row["clip"]] = float(value) / 1000
            except ValueError as error:
                raise SourceError(f"{where}: no duration in milliseconds") from error
        return seconds

    def _clip(self, folder: Path, name: str, row: Row, split: str) -> Clip:
        language = (row.get("locale") or folder.name).split("-")[0]
        speaker = row["client_id"]
        about = Speaker(
            speaker,
            sex=sex_of(row.get("gender", "")),
            age=row.get("age") or None,
            accent=row.get("accents") or row.get("accent") or None,
        )
        return Clip(
            id=name.removesuffix(".mp3"),
            source=self.name,
            split=split,
            path=str(folder / "clips" / name),
            license="CC0-1.0",
            attribution="Mozilla Common Voice",
            source_url="https://commonvoice.mozilla.org/",
            truth=Truth(
                utterances=(self.spoken(row["sentence"], language=language, speaker=speaker),),
                speakers=(about,),
            ),
            groups=(f"speaker:{speaker}",),
        )


def _read(path: Path) -> Iterator[tuple[str, Row]]:
    """The rows of a table. Sentences contain unescaped quotation marks."""
    for where, row in read_table(path, _NEEDED, optional=_FURTHER, delimiter="\t", quoting=csv.QUOTE_NONE):
        if not row["sentence"] or not row["client_id"]:
            raise SourceError(f"{where}: 'sentence' or 'client_id' is empty")
        yield where, row


def _folders_in(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if path.is_dir() and path.name != "clips"]
