"""Lines of text files and values of cells, as corpora write them."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from paqa_builder.errors import SourceError
from paqa_builder.turns import rttm_turn
from paqa_builder.untrusted import lines


def read_lines(path: Path, *, comment: str = "", fix: str | None = None) -> Iterator[tuple[str, str]]:
    """Reads the lines of a file that are not blank.

    Args:
        comment: Lines that begin with this text are left out.
        fix: Advice for the error if the file cannot be read.

    Yields:
        The position of a line for error messages, and the line without its end.

    Raises:
        SourceError: The file cannot be read, or is not text in UTF-8.
    """
    try:
        for number, line in lines(path):
            if not (comment and line.startswith(comment)):
                yield f"{path}, line {number}", line
    except (OSError, ValueError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SourceError(f"{path}: cannot be read as text in UTF-8 ({reason})", fix=fix) from error


def visible(paths: Iterable[Path]) -> list[Path]:
    """Paths in order, without hidden files such as ``._x.wav``, which macOS writes beside ``x.wav``."""
    return sorted(path for path in paths if not path.name.startswith("."))


def sex_of(text: str) -> str | None:
    """Female or male for the letters and words of corpora; other words as they are; None for none.

    Example:
        >>> sex_of(" F "), sex_of("male_masculine"), sex_of("intersex"), sex_of("do_not_wish_to_say")
        ('female', 'male', 'intersex', None)
    """
    word = text.strip().casefold()
    return _SEX.get(word, word) or None


_SEX = {
    "f": "female", "m": "male", "w": "female", "female_feminine": "female", "male_masculine": "male",
    "woman": "female", "man": "male", "do_not_wish_to_say": "", "unknown": "", "n/a": "", "na": "",
}  # fmt: skip


def read_rttm(path: Path) -> dict[str, list[tuple[float, float, str]]]:
    """The turns of an RTTM file (NIST) by recording, as (start, end, speaker).

    Raises:
        SourceError: The file cannot be read, or a line is malformed.
    """
    turns: dict[str, list[tuple[float, float, str]]] = {}
    for where, line in read_lines(path, comment=";"):
        try:
            turn = rttm_turn(line.split())
        except (IndexError, ValueError) as error:
            raise SourceError(f"{where}: no line of RTTM ({error})") from error
        if turn is not None:
            name, start, end, speaker = turn
            own = turns.setdefault(name, [])
            if 0.0 <= start < end < float("inf"):
                own.append((start, end, speaker))
    return turns
