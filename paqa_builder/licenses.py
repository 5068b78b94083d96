"""Normalises the names of licences and derives the licence of a mixture of recordings.

A name is an SPDX identifier where there is one, else the licence's URL. A mixture is an adaptation of
all its recordings, so all their licences apply. If one licence includes the terms of all others, it alone is
named (the most restrictive one). Otherwise those with distinct terms are joined to an SPDX expression:
``CC-BY-SA-4.0 AND CC-BY-NC-4.0``. Whether such a mixture may be published is a legal question that this
module does not answer. One recording of unknown licence makes the licence of the mixture unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

UNKNOWN = "unknown"

_CC = re.compile(
    r"https?://(?:www\.)?creativecommons\.org/(licenses|publicdomain)/([a-z+-]+)/(\d\.\d)/?([a-z.]*)/?"
)
# The two public domain tools of Creative Commons.
_PUBLIC_DOMAIN = {"zero": "CC0", "mark": "CC-PDM"}


@cache
def spdx(text: str) -> str:
    """Converts a Creative Commons URL to its SPDX identifier.

    Other texts are stripped and returned unchanged: SPDX identifiers, other URLs, and Creative Commons
    licences without an SPDX identifier (Sampling+, national ports). An empty text becomes ``"unknown"``.

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


# Licence identifiers of the Hub's dataset cards: SPDX identifiers in lower case.
_HUB = frozenset(
    {
        "apache-2.0", "mit", "bsd-3-clause", "gpl-3.0", "cc0-1.0", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0",
        "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0",
        "cc-by-nd-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0",
        "cc-by-nc-sa-4.0", "unknown",
    }
)  # fmt: skip


def hub_id(identifier: str) -> str:
    """The Hub's identifier of a licence, such as ``"cc-by-4.0"``; ``"other"`` if it has none."""
    name = identifier.lower().removesuffix("-only").removesuffix("-or-later")
    return name if name in _HUB else "other"


_PERMISSIVE = frozenset({"mit", "apache-2.0", "bsd-2-clause", "bsd-3-clause", "isc"})


def normal(text: str) -> str:
    """Normalises the name of a licence: removes remarks in brackets, converts ``CC0`` and URLs to SPDX.

    >>> normal("CC-BY-4.0 (VCTK)"), normal("CC0"), normal("")
    ('CC-BY-4.0', 'CC0-1.0', 'unknown')
    """
    bare = re.sub(r"\s*\([^)]*\)$", "", text.strip())
    return "CC0-1.0" if bare.upper() == "CC0" else spdx(bare)


def combined(licenses: Iterable[str]) -> str:
    """The licence of a mixture of recordings under ``licenses``; ``"unknown"`` for no recordings."""
    names = sorted({normal(name) for name in licenses})
    if not names or UNKNOWN in names:
        return UNKNOWN
    terms = {name: _terms(name) for name in names}
    kept: list[str] = []
    # The largest set of terms first; of equal sets, the newest version first.
    for name in sorted(names, key=lambda n: (len(terms[n]), n), reverse=True):
        if not any(terms[name] <= terms[other] for other in kept):
            kept.append(name)
    return " AND ".join(sorted(kept))


def _terms(name: str) -> frozenset[str]:
    """The terms of a licence. A licence that is not listed here has a term of its own."""
    lower = name.lower()
    if lower.startswith(("cc0", "cc-pdm")):
        return frozenset()
    if lower in _PERMISSIVE:
        return frozenset({"by"})
    match = re.fullmatch(r"cc-(by(?:-nc)?(?:-sa|-nd)?)(?:-\d\.\d)?", lower)
    if not match:
        return frozenset({"by", lower})
    # Share-alike requires exactly the same terms: BY-NC-SA does not satisfy BY-SA.
    return frozenset(match[1] if term == "sa" else term for term in match[1].split("-"))
