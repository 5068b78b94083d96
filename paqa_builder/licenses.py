"""Licences by one name each: SPDX identifiers where there is one, else the licence's URL."""

from __future__ import annotations

import re
from functools import cache

UNKNOWN = "unknown"

_CC = re.compile(
    r"https?://(?:www\.)?creativecommons\.org/(licenses|publicdomain)/([a-z+-]+)/(\d\.\d)/?([a-z.]*)/?"
)
# The only two dedications to the public domain that Creative Commons has.
_PUBLIC_DOMAIN = {"zero": "CC0", "mark": "CC-PDM"}


@cache
def spdx(text: str) -> str:
    """Names a licence: a Creative Commons URL becomes its SPDX identifier.

    Anything else is returned as it is, white space removed: SPDX identifiers, other URLs, and those
    Creative Commons licences that SPDX has no identifier for (Sampling+, national ports). Nothing
    at all becomes ``"unknown"``.

    >>> spdx("http://creativecommons.org/licenses/by-nc/3.0/")
    'CC-BY-NC-3.0'
    >>> spdx("http://creativecommons.org/licenses/sampling+/1.0/")
    'http://creativecommons.org/licenses/sampling+/1.0/'
    """
    text = text.strip()
    match = _CC.fullmatch(text.removesuffix("legalcode").removesuffix("deed.en"))
    if not match:
        return text or UNKNOWN
    kind, name, version, port = match.groups()
    if kind == "publicdomain" and name in _PUBLIC_DOMAIN:
        return f"{_PUBLIC_DOMAIN[name]}-{version}"
    if kind == "licenses" and re.fullmatch(r"by(-nc)?(-sa|-nd)?", name) and not port:
        return f"CC-{name.upper()}-{version}"
    return text


# Identifiers that the Hub's dataset cards know, by SPDX identifier in lower case.
_HUB = frozenset(
    {
        "apache-2.0", "mit", "bsd-3-clause", "gpl-3.0", "cc0-1.0", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0",
        "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0",
        "cc-by-nd-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0",
        "cc-by-nc-sa-4.0", "unknown",
    }
)  # fmt: skip


def hub_id(identifier: str) -> str:
    """The Hub's identifier of one licence: ``"cc-by-4.0"``; ``"other"`` where it knows none."""
    name = identifier.lower().removesuffix("-only").removesuffix("-or-later")
    return name if name in _HUB else "other"
