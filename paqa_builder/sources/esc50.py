"""``esc50``: ESC-50, 2,000 excerpts of environmental sounds of 50 categories, 5 s each.

Reads the official tree: ``meta/esc50.csv``, ``audio/`` and, for the authors of the recordings, ``LICENSE``. A
category is the AudioSet class that ``data/esc50.csv`` maps it to, or keeps its name. An excerpt has one label
and may contain other sounds, so the labels are not complete.

Source: Piczak, "ESC: Dataset for Environmental Sound Classification", ACM Multimedia 2015.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field, model_validator

from paqa_builder import untrusted
from paqa_builder.errors import SourceError
from paqa_builder.labels import crosswalk
from paqa_builder.records import Clip, Truth
from paqa_builder.sources import Source, SourceOptions, plain_name, read_table, require
from paqa_builder.sources.downloads import ALL, Archive, Downloads, RemoteFile

_COLUMNS = ("filename", "fold", "category", "esc10", "src_file")
_FOLDS = range(1, 6)
_CREDIT = re.compile(
    r"- \[([\w-]+)\.ogg\]:\s*clip derived from (.+) \(https?://\S+\) by (.+) \[([\w+-]+)\]\s*"
)


_COMMIT = "33c8ce9eb2cf0b1c2f8bcf322eb349b6be34dbb6"
_RAW = f"https://raw.githubusercontent.com/karolpiczak/ESC-50/{_COMMIT}"
_WAV_BYTES = 441_044
_SMALL = (
    "1-100032-A-0", "1-116765-A-41", "1-17150-A-12", "1-172649-A-40", "1-17367-A-10", "2-100786-A-1",
    "2-101676-A-10", "2-102852-A-11", "2-107351-A-20", "2-109505-A-21", "3-104632-A-12", "3-107219-A-1",
    "3-118656-A-41", "3-132852-A-10", "3-136288-A-0", "4-156843-A-21", "4-157611-A-41", "4-160999-A-10",
    "4-164021-A-1", "4-164661-A-12", "5-151085-A-20", "5-170338-A-41", "5-177957-A-40", "5-181766-A-10",
    "5-186924-A-12",
)  # fmt: skip
"""Five clips of each fold."""
# GitHub packs the archive. Its checksum was the same whenever somebody published it until 2026.
_SHA256 = "sha256:661183a6f53ef04f12c9bd618fed0ddc1713280d6c94a5a5431e844ba6f6a21f"
DOWNLOADS = Downloads(
    license="CC-BY-NC-3.0; the 400 clips of ESC-10 CC-BY-3.0",
    page=f"https://github.com/karolpiczak/ESC-50/blob/{_COMMIT}/LICENSE",
    archives=(
        Archive(
            "zip",
            (
                RemoteFile(
                    f"https://github.com/karolpiczak/ESC-50/archive/{_COMMIT}.zip", 645_832_161, _SHA256
                ),
            ),
            label="ESC-50.zip",
            unpacked=900_000_000,
            strip=f"ESC-50-{_COMMIT}",
        ),
        Archive(
            "files",
            tuple(RemoteFile(f"{_RAW}/{path}", path=path) for path in ("meta/esc50.csv", "LICENSE")),
            label="tables",
            small=ALL,
            small_bytes=300_000,
            small_only=True,
        ),
        Archive(
            "files",
            tuple(RemoteFile(f"{_RAW}/audio/{name}.wav", _WAV_BYTES) for name in _SMALL),
            label="clips of all folds",
            into="audio",
            small=ALL,
            small_only=True,
        ),
    ),
    note="GitHub packs the archive; if its checksum changes, clone the repository and use --root",
)


class Esc50Options(SourceOptions):
    """Folds of the splits; the other folds are train."""

    validation: tuple[int, ...] = Field((4,), description="Folds (1 to 5) of the validation split.")
    test: tuple[int, ...] = Field((5,), description="Folds (1 to 5) of the test split.")

    @model_validator(mode="after")
    def _check(self) -> Esc50Options:
        folds = [*self.validation, *self.test]
        if len(set(folds)) < len(folds) or not set(folds) <= set(_FOLDS):
            raise ValueError("validation and test are different folds from 1 to 5")
        return self


class Esc50(Source):
    """ESC-50. A clip's id is its file name without the suffix."""

    name: ClassVar[str] = "esc50"
    layout: ClassVar[tuple[str, ...]] = ("meta/esc50.csv",)
    revision: ClassVar[str] = "1.0"
    Options = Esc50Options
    downloads: ClassVar[Downloads | None] = DOWNLOADS

    def clips(self) -> Iterator[Clip]:
        table = self.root / "meta" / "esc50.csv"
        fix = "--root is the folder of the repository ESC-50"
        require(table, self.root / "audio", fix=fix)
        splits = dict.fromkeys(map(str, _FOLDS), "train")
        splits |= {str(fold): "validation" for fold in self.options.validation}
        splits |= {str(fold): "test" for fold in self.options.test}
        authors, seen = self._credits(), set()
        for where, row in read_table(table, _COLUMNS, fix=fix):
            name = plain_name(row["filename"], f"{where}, column 'filename'")
            category = row["category"]
            if row["fold"] not in splits:
                raise SourceError(f"{where}, column 'fold': {row['fold']!r} is not a number from 1 to 5")
            if category not in crosswalk.esc50():
                raise SourceError(f"{where}, column 'category': ESC-50 has no category {category!r}")
            if row["esc10"] not in ("True", "False"):
                raise SourceError(f"{where}, column 'esc10': {row['esc10']!r} is neither True nor False")
            if name in seen:
                raise SourceError(f"{where}: {name} has a row already")
            seen.add(name)
            recording = row["src_file"]
            stem = name.removesuffix(".wav")
            yield Clip(
                id=stem,
                source=self.name,
                split=splits[row["fold"]],
                path=os.path.join(self.root, "audio", name),
                license="CC-BY-3.0" if row["esc10"] == "True" else "CC-BY-NC-3.0",
                attribution=f"{authors.get(stem.rpartition('-')[0], f'Freesound sound {recording}')}; ESC-50",
                source_url=f"https://freesound.org/s/{recording}/",
                truth=Truth(tags=(self.presence(crosswalk.esc50()[category][0] or category),)),
                groups=(f"recording:{recording}",),
            )

    def _credits(self) -> dict[str, str]:
        """Credit lines of the recordings by excerpt (``"1-100032-A"``); empty without the file."""
        path = self.root / "LICENSE"
        if not path.is_file():
            return {}
        found = {}
        try:
            for _, line in untrusted.lines(path):
                if match := _CREDIT.fullmatch(line[:1000]):
                    excerpt, title, author, license_name = match.groups()
                    number = excerpt.split("-")[1] if "-" in excerpt else excerpt
                    found[excerpt] = f'"{title}" by {author}, Freesound sound {number} ({license_name})'
        except (OSError, ValueError) as error:
            raise SourceError(f"{path}: cannot be read as text in UTF-8 ({error})") from error
        return found
