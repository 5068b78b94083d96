"""``musan``: MUSAN, 2,016 recordings of music, speech and noise, of 109 h; most last minutes.

Reads ``music/``, ``noise/`` and ``speech/`` at the root or in ``musan/`` below it, with a folder for each
origin: WAV files, ``ANNOTATIONS`` and ``LICENSE``. Music has genres and whether there are vocals, speech the
sex of the speaker; noise has no labels. The licence of a file is the one that its block of ``LICENSE`` names.

MUSAN has no splits. A hash of the artist, or else of the file, draws them.

Source: Snyder, Chen, Povey, "MUSAN: A Music, Speech, and Noise Corpus", arXiv:1510.08484, 2015.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from paqa_builder import seeded
from paqa_builder.errors import SourceError
from paqa_builder.licenses import UNKNOWN
from paqa_builder.records import Clip, Speaker, Truth
from paqa_builder.sources import Source, SourceOptions
from paqa_builder.sources.downloads import Archive, Downloads, openslr
from paqa_builder.sources.license_text import license_in
from paqa_builder.sources.values import visible

log = logging.getLogger(__name__)

KINDS = ("music", "noise", "speech")
GENRES = {
    "blues": "Blues", "bluegrass": "Bluegrass", "classical": "Classical music",
    "westernart": "Classical music", "country": "Country", "electronic": "Electronic music",
    "electronica": "Electronica", "folk": "Folk music", "funk": "Funk", "hiphop": "Hip hop music",
    "jazz": "Jazz", "opera": "Opera", "pop": "Pop music", "reggae": "Reggae", "rnb": "Rhythm and blues",
    "rock": "Rock music", "soul": "Soul music", "swing": "Swing music",
}  # fmt: skip
"""Genres of MUSAN by their AudioSet names; others are not listed."""

_SEX = {"m": "male", "f": "female"}
_ID = re.compile(r"\b(?:music|noise|speech)-[a-z-]{1,30}-\d{1,6}\b")
_BAR = re.compile(r"[=*_-]{4,}\s*")
_CREDIT = 300  # most characters of a credit line
_TEXT_BYTES = 16 << 20


DOWNLOADS = Downloads(
    license="CC-BY-4.0; each file public domain or CC BY",
    page="https://www.openslr.org/17/",
    archives=(
        Archive(
            "tar",
            (openslr(17, "musan.tar.gz", 11_086_114_085, "0c472d4fc0c5141eca47ad1ffeb2a7df"),),
            unpacked=12_700_000_000,
            strip="musan",
            small=12,
            small_bytes=100_000_000,
        ),
    ),
)


class MusanOptions(SourceOptions):
    """Options of ``musan``."""

    kinds: tuple[Literal["music", "noise", "speech"], ...] = Field(
        (), description="Parts of the corpus to list; empty for all that are there."
    )
    validation: float = Field(0.1, ge=0, le=1, description="Share of the validation split.")
    test: float = Field(0.1, ge=0, le=1, description="Share of the test split.")

    @model_validator(mode="after")
    def _check(self) -> MusanOptions:
        if self.validation + self.test > 1:
            raise ValueError("validation and test are more than all of the corpus")
        return self


class Musan(Source):
    """MUSAN. A clip's id is its file name without the suffix."""

    name: ClassVar[str] = "musan"
    layout: ClassVar[tuple[str, ...]] = (
        "musan/music",
        "music/*/LICENSE",
        "noise/*/LICENSE",
        "speech/*/LICENSE",
    )
    revision: ClassVar[str] = "1.0"
    Options = MusanOptions
    downloads: ClassVar[Downloads | None] = DOWNLOADS

    def clips(self) -> Iterator[Clip]:
        inner = self.root / "musan"
        root = inner if inner.is_dir() else self.root
        wanted = self.options.kinds or [kind for kind in KINDS if (root / kind).is_dir()]
        if not wanted:
            raise SourceError(f"{root}: no folder music, noise or speech", fix="--root is the folder musan")
        seen: set[str] = set()
        for kind in dict.fromkeys(wanted):
            if not (root / kind).is_dir():
                raise SourceError(f"{root / kind}: not there", fix="check --root and the option kinds")
            for folder in filter(Path.is_dir, visible((root / kind).iterdir())):
                for clip in self._folder(kind, folder):
                    if clip.id in seen:
                        raise SourceError(f"{clip.path}: there is another file {clip.id}.wav")
                    seen.add(clip.id)
                    yield clip

    def _folder(self, kind: str, folder: Path) -> Iterator[Clip]:
        notes, blocks = _annotations(folder / "ANNOTATIONS"), _blocks(folder / "LICENSE")
        unknown = 0
        for path in visible(folder.glob("*.wav")):
            name = path.stem
            fields = notes.get(name, ())
            text = blocks.get(name) or blocks.get("", "")
            terms = license_in(text)
            unknown += terms == UNKNOWN
            artist = fields[2] if kind == "music" and len(fields) > 2 else ""
            credit = " ".join(text.split()) if name in blocks else artist.replace("_", " ")
            credit = credit if len(credit) <= _CREDIT else f"{credit[: _CREDIT - 1]}…"
            group = f"artist:{artist}" if artist else f"recording:{name}"
            yield Clip(
                id=name,
                source=self.name,
                split=self._split(group),
                path=str(path),
                license=terms,
                attribution=f"{credit}; MUSAN" if credit else "MUSAN",
                source_url="https://www.openslr.org/17/",
                truth=self._truth(kind, name, fields),
                groups=(group,),
            )
        if unknown:
            log.warning("%s: %d files whose licence is unknown", folder / "LICENSE", unknown)

    def _split(self, group: str) -> str:
        place = seeded.unit("musan", "split", group)
        test, validation = self.options.test, self.options.validation
        return "test" if place < test else "validation" if place < test + validation else "train"

    def _truth(self, kind: str, name: str, fields: tuple[str, ...]) -> Truth:
        """Ground truth by the fields of the annotation: genres and vocals, or sex and language."""
        if kind == "music":
            labels = (
                ["Music", *(GENRES[g] for g in fields[0].split(",") if g in GENRES)] if fields else ["Music"]
            )
            labels += ["Singing"] if fields[1:2] == ("Y",) else []
            return Truth(tags=tuple(map(self.presence, dict.fromkeys(labels))))
        if kind == "speech" and fields and fields[0] in _SEX:
            return Truth(speakers=(Speaker(name, sex=_SEX[fields[0]]),))
        return Truth()


def _annotations(path: Path) -> dict[str, tuple[str, ...]]:
    """The fields of each file's line; empty without the file."""
    lines = (line.split() for line in _text(path).splitlines())
    return {fields[0]: tuple(fields[1:]) for fields in lines if fields}


def _blocks(path: Path) -> dict[str, str]:
    """The part of a LICENSE file that names each file; that of all others is under an empty name.

    Blocks are separated by lines of ``====``, or by blank lines. A text that names no file is about all.
    """
    text = _text(path)
    lines = text.splitlines()
    barred = any(_BAR.fullmatch(line) for line in lines)
    blocks: list[list[str]] = [[]]
    for line in lines:
        if _BAR.fullmatch(line) if barred else not line.strip():
            blocks.append([])
        else:
            blocks[-1].append(line)
    named: dict[str, str] = {}
    for block in map("\n".join, blocks):
        for name in _ID.findall(block):
            named.setdefault(name, block)
    return named or {"": text}


def _text(path: Path) -> str:
    """A text in UTF-8 or Latin-1; empty without the file."""
    if not path.is_file():
        return ""
    try:
        with path.open("rb") as file:
            data = file.read(_TEXT_BYTES + 1)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror})") from error
    if len(data) > _TEXT_BYTES:
        raise SourceError(f"{path}: is larger than {_TEXT_BYTES >> 20} MB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")
