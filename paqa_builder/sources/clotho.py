"""``clotho``: Clotho, 5,929 Freesound clips of 15 to 30 s with five captions each.

Reads, for each split that is there, ``clotho_captions_<split>.csv`` and the audio in
``clotho_audio_<split>/`` or ``<split>/``; splits are development, validation and evaluation. Licence, author
and page of each clip come from ``clotho_metadata_<split>.csv``, where it is there. Keywords are those of the
uploader and are no ground truth. Tables are in UTF-8, Windows-1252 or Latin-1.

Source: Drossos, Lipping, Virtanen, "Clotho: An Audio Captioning Dataset", ICASSP 2020.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from paqa_builder.errors import SourceError
from paqa_builder.licenses import UNKNOWN, spdx
from paqa_builder.records import Clip, Truth
from paqa_builder.sources import Source, SourceOptions, plain_name, read_table, require
from paqa_builder.sources.downloads import Archive, Downloads, zenodo

log = logging.getLogger(__name__)

CAPTIONS = "LicenseRef-Clotho"
"""The licence of the captions, of Tampere University: no commercial use, with attribution."""

SPLIT_OF = {"development": "train", "validation": "validation", "evaluation": "test"}
_CAPTIONS = tuple(f"caption_{n}" for n in range(1, 6))
_METADATA = ("file_name", "sound_id", "sound_link", "manufacturer", "license")
_ENCODINGS = ("utf-8-sig", "cp1252", "latin-1")


_RECORD = 4783391


def _archives(
    subset: str, captions: tuple[int, str], metadata: tuple[int, str], audio: tuple[int, str], about: int = 0
) -> tuple[Archive, Archive]:
    tables = ((f"clotho_captions_{subset}.csv", *captions), (f"clotho_metadata_{subset}.csv", *metadata))
    return (
        Archive(
            "files", tuple(zenodo(_RECORD, *table) for table in tables), subset=subset,
            label=f"tables of {subset}",
        ),
        Archive(
            "7z", (zenodo(_RECORD, f"clotho_audio_{subset}.7z", *audio),), subset=subset, about_bytes=about,
            unpacked=round(1.7 * (audio[0] or about)),
        ),
    )  # fmt: skip


DOWNLOADS = Downloads(
    license="captions: Tampere University, no commercial use; each clip CC0, CC BY, CC BY-NC or Sampling+",
    page="https://zenodo.org/records/4783391",
    archives=(
        *_archives(
            "evaluation", (0, "1b16b9e57cf7bdb7f13a13802aeb57e2"), (0, "13946f054d4e1bf48079813aac61bf77"),
            (0, "4569624ccadf96223f19cb59fe4f849f"), about=1_300_000_000,
        ),
        *_archives(
            "validation", (367_649, "5879e023032b22a2c930aaa0528bead4"),
            (224_803, "2e010427c56b1ce6008b0f03f41048ce"),
            (1_260_701_425, "7dba730be08bada48bd15dc4e668df59"),
        ),
        *_archives(
            "development", (1_336_762, "d4090b39ce9f2491908eebf4d5b09bae"),
            (830_797, "170d20935ecfdf161ce1bb154118cda5"),
            (4_541_582_263, "c8b05bc7acdb13895bb3c6a29608667e"),
        ),
    ),
    note="the archives need the package py7zr: pip install 'paqa-builder[corpora]'",
)  # fmt: skip


class ClothoOptions(SourceOptions):
    """Options of ``clotho``."""

    subsets: tuple[Literal["development", "validation", "evaluation"], ...] = Field(
        (), description="Splits of Clotho to list; empty for all that are there."
    )
    captions: bool = Field(
        True,
        description="Whether to list the captions. Without them, a clip has the licence of its audio alone.",
    )


class Clotho(Source):
    """Clotho. A clip's id is ``<split>/<file name without the suffix>``."""

    name: ClassVar[str] = "clotho"
    layout: ClassVar[tuple[str, ...]] = ("clotho_captions_*.csv",)
    revision: ClassVar[str] = "1.0"
    Options = ClothoOptions
    downloads: ClassVar[Downloads | None] = DOWNLOADS

    def clips(self) -> Iterator[Clip]:
        present = [s for s in SPLIT_OF if (self.root / f"clotho_captions_{s}.csv").exists()]
        if not present and not self.options.subsets:
            raise SourceError(
                f"{self.root}: no clotho_captions_development.csv, …_validation.csv or …_evaluation.csv",
                fix="--root is the folder with Clotho's tables",
            )
        for subset in dict.fromkeys(self.options.subsets or present):
            yield from self._subset(subset)

    def _subset(self, subset: str) -> Iterator[Clip]:
        table = self.root / f"clotho_captions_{subset}.csv"
        folders = [self.root / f"clotho_audio_{subset}", self.root / subset]
        # Clotho's archives have the folder `development` in them; some copies name it as the archive.
        folder = next((folder for folder in folders if folder.is_dir()), folders[0])
        fix = f"unpack clotho_audio_{subset}.7z below {self.root}, or leave it out with the option subsets"
        require(table, folder, fix=fix)
        infos = self._infos(subset)
        seen: set[str] = set()
        for where, row in self._read(table, ("file_name", *_CAPTIONS)):
            name = plain_name(row["file_name"], f"{where}, column 'file_name'")
            captions = tuple(row[column] for column in _CAPTIONS if row[column])
            if name in seen:
                raise SourceError(f"{where}, column 'file_name': {name!r} has a row already")
            seen.add(name)
            yield self._clip(name, subset, folder, Truth(captions=captions), infos.get(name.strip(), {}))

    def _clip(self, name: str, subset: str, folder: Path, truth: Truth, info: dict[str, str]) -> Clip:
        title, author, sound = name.strip().removesuffix(".wav"), info.get("author"), info.get("sound")
        credit = f'"{title}" by {author}' if author else f'"{title}"'
        kinds = {"recording": sound, "uploader": author}
        terms = spdx(info.get("license", ""))
        if self.options.captions and terms != UNKNOWN:
            terms = f"{terms} AND {CAPTIONS}"
        return Clip(
            id=f"{subset}/{title}",
            source=self.name,
            split=SPLIT_OF[subset],
            path=os.path.join(folder, name),
            license=terms,
            attribution=f"{credit}, Freesound"
            + (f" sound {sound}" if sound else "")
            + "; captions by Clotho",
            source_url=info.get("link") or (f"https://freesound.org/s/{sound}/" if sound else ""),
            truth=truth if self.options.captions else Truth(),
            groups=tuple(f"{kind}:{value}" for kind, value in kinds.items() if value),
        )

    def _infos(self, subset: str) -> dict[str, dict[str, str]]:
        """Sound, page, author and licence by file name; empty without the table."""
        path = self.root / f"clotho_metadata_{subset}.csv"
        if not path.exists():
            log.warning("%s: not there: the licences of the clips are %s", path, UNKNOWN)
            return {}
        return {
            row["file_name"].strip(): {
                "sound": _known(row["sound_id"]),
                "link": _known(row["sound_link"]),
                "author": _known(row["manufacturer"]),
                "license": row["license"],
            }
            for _, row in self._read(path, _METADATA)
        }

    @staticmethod
    def _read(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[str, dict[str, str]]]:
        # Some names of files begin with a space.
        return read_table(path, columns, exact=("file_name",), encodings=_ENCODINGS)


def _known(cell: str) -> str:
    """A cell without the table's words for no value."""
    return "" if cell in ("Not found", "NaN", "nan", "-") else cell
