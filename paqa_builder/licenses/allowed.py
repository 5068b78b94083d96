"""Lists of allowed licences, as ``--license-allow`` states them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import TypeVar

from paqa_builder.licenses import LISTED, UNKNOWN, normal

_FAMILIES = ("CC0", *(f"CC-BY{terms}" for terms in ("", "-SA", "-ND", "-NC", "-NC-SA", "-NC-ND")))
_KNOWN = ("open", UNKNOWN, "CC-PDM", *_FAMILIES, *LISTED)
_Names = TypeVar("_Names", bound=Sequence[str])
_VERSION = re.compile(r"-\d\.\d$")


def checked(entries: _Names) -> _Names:
    """Checks the entries of a list of allowed licences, and returns them.

    Names that are not known here are kept, because corpora have licences of their own.

    Raises:
        ValueError: An entry is empty, or is a misspelt name of a known licence.

    Example:
        >>> checked(["open", "CC-BY-NC-3.0", "LicenseRef-Clotho"])
        ['open', 'CC-BY-NC-3.0', 'LicenseRef-Clotho']
        >>> checked(["CC-BY-NCC"])
        Traceback (most recent call last):
            ...
        ValueError: there is no licence 'CC-BY-NCC'. Did you mean 'CC-BY-NC'?
    """
    known = {name.casefold(): name for name in _KNOWN}
    for entry in entries:
        if not entry.strip():
            raise ValueError("a licence is an empty text; leave the setting out to allow all licences")
        name = normal(entry)
        if name.casefold() in known or _VERSION.sub("", name).casefold() in known or "://" in name:
            continue
        close = difflib.get_close_matches(name.casefold(), known, n=1, cutoff=0.75)
        if close or re.match(r"cc\b|cc-?by", name, re.I):
            meant = known[close[0]] if close else "CC-BY"
            raise ValueError(f"there is no licence {entry.strip()!r}. Did you mean {meant!r}?")
    return entries
