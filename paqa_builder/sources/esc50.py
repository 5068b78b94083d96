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

_COLUMNS = ("filename", "fold", "category", "esc10", "src_file")
_FOLDS = range(1, 6)
_CREDIT = re.compile(
    r"- \[([\w-]+)\.ogg\]:\s*clip derived from (.+) \(https?://\S+\) by (.+) \[([\w+-]+)\]\s*"
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
    revision: ClassVar[str] = "1.0"
    Options = Esc50Options

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
