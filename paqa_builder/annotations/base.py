"""The annotation of one clip in one file, and checks of its times."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paqa_builder.errors import SourceError
from paqa_builder.labels.crosswalk import audioset_name
from paqa_builder.records import TRUTH, Origin, Tag, Turn, Utterance, Word
from paqa_builder.untrusted import lines

FIX = "docs/sources.md describes the formats"
PAUSE = 0.5
"""Longest pause between two words of an utterance, in seconds, where a file has words alone."""


@dataclass
class Annotation:
    """Records of one clip.

    Attributes:
        where: The file, and the place in it, for error messages.
        names: Names of the clip, best first: its id, its exported name, the stem of its file.
        tool: Name of the format, for the origin of the records.
        part: Which part of a layer it holds, where a format has several files for one.
        turns: Speaker turns; None where the file does not annotate them, as in the next two.
    """

    where: str
    names: tuple[str, ...]
    tool: str
    turns: list[Turn] | None = None
    tags: list[Tag] | None = None
    utterances: list[Utterance] | None = None
    part: str = ""

    @property
    def origin(self) -> Origin:
        return Origin(TRUTH, self.tool, "1")

    def knows(self, layer: str) -> None:
        """Makes a layer known, so that it is empty where nothing is added."""
        if getattr(self, layer) is None:
            setattr(self, layer, [])

    def turn(self, start: float, end: float, speaker: str) -> None:
        """Adds a speaker turn."""
        self.knows("turns")
        assert self.turns is not None
        self.turns.append(Turn(start, end, speaker, 1.0, self.origin))

    def tag(self, start: float, end: float, label: str, *, localized: bool = True) -> None:
        """Adds a sound, by its AudioSet name where there is one."""
        self.knows("tags")
        assert self.tags is not None
        name = audioset_name(label) or label
        span = (start, end) if localized else (0.0, 0.0)
        self.tags.append(Tag(*span, name, 1.0, "clip", localized, self.origin))

    def utterance(
        self, start: float, end: float, text: str, speaker: str | None, words: tuple[Word, ...] = ()
    ) -> None:
        """Adds an utterance."""
        self.knows("utterances")
        assert self.utterances is not None
        self.utterances.append(Utterance(start, end, speaker, text, words, None, 1.0, self.origin))

    def utterances_of(self, words: list[Word], speaker: str | None) -> None:
        """Adds utterances from words alone; a pause of more than :data:`PAUSE` ends one."""
        self.knows("utterances")
        own: list[Word] = []
        for word in [*sorted(words, key=lambda word: (word.start, word.end)), None]:
            if own and (word is None or word.start - own[-1].end > PAUSE):
                end = max(w.end for w in own)
                self.utterance(own[0].start, end, " ".join(w.text for w in own), speaker, tuple(own))
                own = []
            if word is not None:
                own.append(word)


def span(start: Any, end: Any, where: str) -> tuple[float, float]:
    """Times in seconds.

    Raises:
        SourceError: They are no numbers, negative, or the end is not after the start.
    """
    try:
        first, last = float(start), float(end)
    except (TypeError, ValueError):
        raise SourceError(f"{where}: times are seconds, not {start!r} and {end!r}", fix=FIX) from None
    if not (math.isfinite(first) and math.isfinite(last)) or first < 0:
        raise SourceError(f"{where}: {start!r} to {end!r} is no interval of a clip", fix=FIX)
    if last <= first:
        raise SourceError(f"{where}: ends at {last:g} s, not after its start at {first:g} s", fix=FIX)
    return first, last


def text_lines(path: Path) -> Iterator[tuple[str, str]]:
    """The lines of a text file that are not blank, each with "FILE, line N".

    Raises:
        SourceError: The file cannot be read, is no UTF-8, or has a line that is too long.
    """
    found = lines(path)
    while True:
        try:
            number, line = next(found)
        except StopIteration:
            return
        except (OSError, ValueError) as error:
            raise SourceError(f"{path}: cannot be read as text in UTF-8 ({error})", fix=FIX) from error
        for part in line.split("\r"):  # ends a line in files of old Macintosh programs
            if part.strip():
                yield f"{path}, line {number}", part
