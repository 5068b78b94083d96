"""``librispeech``: LibriSpeech, read sentences from audiobooks with transcripts.

Reads the official tree: ``LibriSpeech/<subset>/<speaker>/<chapter>/*.flac`` with
``<speaker>-<chapter>.trans.txt``, ``SPEAKERS.TXT`` (sex) and, if it is there, ``CHAPTERS.TXT`` (titles).
Each clip is one utterance of one speaker. Its time is not annotated, so it spans the clip, and there are no
turns.

The transcripts are in capitals, without punctuation. Here they are in lower case, but for the first letter
and the word *I*; names are not restored.

Source: Panayotov, Chen, Povey, Khudanpur, "Librispeech: an ASR corpus based on public domain audio books",
ICASSP 2015.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from paqa_builder.errors import SourceError, suggest
from paqa_builder.records import Clip, Speaker, Truth
from paqa_builder.sources import Source, SourceOptions
from paqa_builder.sources.downloads import Archive, Downloads, openslr
from paqa_builder.sources.values import read_lines, sex_of

_SPLIT_OF = {"train": "train", "dev": "validation", "test": "test"}
_SUBSET = re.compile(r"(train|dev|test)-[\w-]+")
_FIX = "--root is the folder LibriSpeech, or the folder that holds it"


def _archive(name: str, size: int, md5: str, small: int = 0) -> Archive:
    return Archive(
        "tar", (openslr(12, f"{name}.tar.gz", size, md5),), subset=name, unpacked=round(size * 1.05),
        small=small, small_bytes=15_000_000 if small else 0, whole_folders=True,
    )  # fmt: skip


DOWNLOADS = Downloads(
    license="CC-BY-4.0",
    page="https://www.openslr.org/12/",
    archives=(
        _archive("dev-clean", 337_926_286, "42e2234ba48799c1f50f24a7926300a1", small=100),
        _archive("dev-other", 314_305_928, "c8d0bcc9cca99d4f8b62fcc847357931"),
        _archive("test-clean", 346_663_984, "32fa31d27d2e1cad72775fee3f4849a9"),
        _archive("test-other", 328_757_843, "fb5a50374b501bb3bac4815ee91d3135"),
        _archive("train-clean-100", 6_387_309_499, "2a93770f6d5c6c964bc36631d331a522"),
        _archive("train-clean-360", 23_049_477_885, "c0e676e450a7ff2f54aeade5171606fa"),
        _archive("train-other-500", 30_593_501_606, "d1a0fd59409feb2c614ce4d30c387708"),
    ),
)


class LibriSpeechOptions(SourceOptions):
    """Options of ``librispeech``."""

    subsets: tuple[str, ...] = Field(
        (), description="Subsets such as dev-clean; empty for all that are there."
    )
    case: Literal["sentence", "upper"] = Field(
        "sentence", description="Capitals of the transcripts: as in a sentence, or all, as in the corpus."
    )


class LibriSpeech(Source):
    """LibriSpeech. A clip's id is ``<speaker>-<chapter>-<utterance>``."""

    name: ClassVar[str] = "librispeech"
    layout: ClassVar[tuple[str, ...]] = ("LibriSpeech", "SPEAKERS.TXT")
    Options = LibriSpeechOptions
    downloads: ClassVar[Downloads | None] = DOWNLOADS

    def clips(self) -> Iterator[Clip]:
        root = self.root / "LibriSpeech" if (self.root / "LibriSpeech").is_dir() else self.root
        subsets = self._subsets(root)
        sexes = {row[0]: sex_of(row[1]) for row in _table(root / "SPEAKERS.TXT", 2)}
        chapters = root / "CHAPTERS.TXT"
        titles = {row[0]: row[-1] for row in _table(chapters, 8)} if chapters.is_file() else {}
        for subset in subsets:
            for folder in sorted((root / subset).glob("*/*/")):
                yield from self._chapter(folder, subset, sexes, titles)

    def _subsets(self, root: Path) -> list[str]:
        found = sorted(p.name for p in root.iterdir() if p.is_dir() and _SUBSET.fullmatch(p.name))
        for name in self.options.subsets:
            if name not in found:
                raise SourceError(
                    f"{root}: no folder of the subset {name!r}.{suggest(name, found)}",
                    fix=f"set the option subsets to some of {', '.join(found)}" if found else _FIX,
                )
        if not found:
            raise SourceError(f"{root}: no folder of a subset such as dev-clean", fix=_FIX)
        return [name for name in found if name in (self.options.subsets or found)]

    def _chapter(
        self, folder: Path, subset: str, sexes: dict[str, str | None], titles: dict[str, str]
    ) -> Iterator[Clip]:
        reader, chapter = folder.parent.name, folder.name
        title = f"; from: {titles[chapter]}" if titles.get(chapter) else ""
        for where, line in read_lines(
            folder / f"{reader}-{chapter}.trans.txt", fix="unpack the subset again"
        ):
            name, _, text = line.strip().partition(" ")
            if not text or not re.fullmatch(rf"{re.escape(f'{reader}-{chapter}')}-\w+", name):
                raise SourceError(
                    f"{where}: not of the form '{reader}-{chapter}-0000 TEXT'", fix="unpack the subset again"
                )
            text = text if self.options.case == "upper" else sentence_case(text)
            yield Clip(
                id=name,
                source=self.name,
                split=_SPLIT_OF[subset.partition("-")[0]],
                path=str(folder / f"{name}.flac"),
                license="CC-BY-4.0",
                attribution=f"LibriSpeech, recordings of LibriVox{title}",
                source_url="https://www.openslr.org/12",
                truth=Truth(
                    utterances=(self.spoken(text, language="en", speaker=reader),),
                    speakers=(Speaker(reader, sex=sexes.get(reader)),),
                ),
                groups=(f"speaker:{reader}", f"recording:{chapter}"),
            )


def sentence_case(text: str) -> str:
    """A text in capitals as a sentence: lower case but for its first letter and the word *I*.

    Example:
        >>> sentence_case("HE SAID I'M SURE I AM")
        "He said I'm sure I am"
    """
    lower = re.sub(r"\bi\b", "I", text.lower())
    return lower[:1].upper() + lower[1:]


def _table(path: Path, columns: int) -> Iterator[list[str]]:
    """Rows of a table with ``|`` between the columns; lines that begin with ``;`` are comments."""
    for where, line in read_lines(path, comment=";", fix=_FIX):
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) < columns:
            raise SourceError(f"{where}: has not {columns} columns with | between them", fix=_FIX)
        yield cells
