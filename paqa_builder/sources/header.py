"""The header of a table: names of columns in any case and with spaces, and misspelt ones."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Sequence

from paqa_builder.errors import SourceError

ALIKE = 0.8
"""Similarity (:class:`difflib.SequenceMatcher`) from which on a name counts as misspelt."""


def columns_of(cells: Sequence[str], known: Iterable[str], where: object) -> list[str]:
    """The columns that the cells of a header name.

    Args:
        known: The columns that are read.
        where: The table, for error messages.

    Returns:
        A name for each cell: that of ``known`` which is equal apart from case and surrounding spaces, or the
        cell without the spaces.

    Raises:
        SourceError: Two cells name one column; or a cell is similar to a known column that no cell names.

    Example:
        >>> columns_of([" File_Name", "LICENSE ", "Notes"], ["file_name", "license"], "a.csv")
        ['file_name', 'license', 'Notes']
    """
    folded = {_folded(name): name for name in known}
    names = [folded.get(_folded(cell), cell.strip()) for cell in cells]
    repeated = [name for name, count in Counter(names).items() if count > 1 and name]
    if repeated:
        raise SourceError(f"{where}: the column {repeated[0]!r} occurs twice", fix="rename or remove one")
    absent = [name for name in folded if folded[name] not in names]
    for name in names:
        if name in folded.values():
            continue
        close = difflib.get_close_matches(_folded(name), absent, n=1, cutoff=ALIKE)
        if close:
            raise SourceError(
                f"{where}: there is no column {name!r}. Did you mean {folded[close[0]]!r}?",
                fix="correct the name, or remove the column",
            )
    return names


def _folded(name: str) -> str:
    return name.strip().casefold()
