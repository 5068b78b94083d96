"""TextGrid files (Praat), in the long and the short text form, in UTF-8 or UTF-16."""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from paqa_builder.annotations.base import FIX, Annotation, span
from paqa_builder.annotations.tiers import Tier, fill
from paqa_builder.errors import SourceError

FILE_BYTES = 16 << 20
_MOST = 200_000  # intervals
# What Praat's reader takes: texts in quotes, numbers and flags that stand alone. Everything else is a remark.
_TOKEN = re.compile(
    r'"((?:[^"]|"")*+)"|(?<![^\s=])([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?!\S)|<(exists|absent)>'
)


def read_textgrid(path: Path) -> Iterator[Annotation]:
    """The annotation of the clip with the file's name."""
    annotation = Annotation(str(path), (path.stem,), "textgrid")
    fill(annotation, _Grid(path).tiers())
    yield annotation


class _Grid:
    """The tokens of a file, with their lines."""

    def __init__(self, path: Path) -> None:
        self._path, self._text = path, _text(path)
        self._tokens = _TOKEN.finditer(self._text)
        self._at = self._read = 0

    def tiers(self) -> Iterator[Tier]:
        """The tiers of intervals; those of points are left out."""
        kind, grid = self._string(), self._string()
        if not kind.startswith("ooTextFile") or grid != "TextGrid":
            self._refuse(f"is a {grid!r}, not a TextGrid")
        self._number(), self._number()
        if self._flag() == "absent":
            return
        for _ in range(self._count()):
            of_points = self._string() == "TextTier"
            name = self._string()
            self._number(), self._number()
            intervals = []
            for _ in range(self._count()):
                start = self._number()
                end = start if of_points else self._number()
                if not of_points and not 0 <= start < end:
                    span(start, end, self._where())
                text = self._string().strip()
                self._read += 1
                if self._read > _MOST:
                    self._refuse(f"has more than {_MOST} intervals")
                if text and not of_points:
                    intervals.append((start, end, text))
            if not of_points:
                yield Tier(name, tuple(intervals))

    def _next(self, group: int, what: str) -> str:
        match = next(self._tokens, None)
        if match is None:
            self._refuse(f"ends where {what} is expected")
        self._at = match.start()
        if match[group] is None:
            self._refuse(f"has {match[0][:40]!r} where {what} is expected")
        return match[group]

    def _string(self) -> str:
        return self._next(1, "a text in quotes").replace('""', '"')

    def _number(self) -> float:
        number = float(self._next(2, "a number"))
        if math.isinf(number):
            self._refuse("has a number that is too large")
        return number

    def _flag(self) -> str:
        return self._next(3, "<exists>")

    def _count(self) -> int:
        number = self._number()
        if number != int(number) or number < 0:
            self._refuse(f"has {number:g} where a count is expected")
        return int(number)

    def _where(self) -> str:
        return f"{self._path}, line {self._text.count(chr(10), 0, self._at) + 1}"

    def _refuse(self, why: str) -> NoReturn:
        raise SourceError(f"{self._where()}: {why}", fix=FIX)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES + 1)
        if len(data) > FILE_BYTES:
            raise SourceError(f"{path}: is larger than {FILE_BYTES >> 20} MB", fix=FIX)
        utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        return data.decode("utf-16" if utf16 else "utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: cannot be read as text in UTF-8 or UTF-16 ({error})", fix=FIX) from error
