"""What may be done with a mixture of recordings under several licences.

A mixture is an adaptation of everything in it, so every licence applies at once. Where one of them
asks for all that the others ask for, it alone is named (*the most restrictive*); where none does
(share-alike and non-commercial, say), all of those that count are, joined as SPDX expressions are:
``CC-BY-SA-4.0 AND CC-BY-NC-4.0``. Whether such a thing may be published is for a lawyer, not for
this module; it only hides nothing. A recording of unknown licence makes the mixture's unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from paqa_builder.licenses import UNKNOWN, spdx

_PERMISSIVE = frozenset({"mit", "apache-2.0", "bsd-2-clause", "bsd-3-clause", "isc"})


def normal(text: str) -> str:
    """One name for one licence: remarks in brackets dropped, ``CC0`` and URLs as SPDX has them.

    >>> normal("CC-BY-4.0 (VCTK)"), normal("CC0"), normal("")
    ('CC-BY-4.0', 'CC0-1.0', 'unknown')
    """
    bare = re.sub(r"\s*\([^)]*\)$", "", text.strip())
    return "CC0-1.0" if bare.upper() == "CC0" else spdx(bare)


def combined(licenses: Iterable[str]) -> str:
    """The licence of a mixture of recordings under ``licenses``; ``"unknown"`` of none."""
    names = sorted({normal(name) for name in licenses})
    if not names or UNKNOWN in names:
        return UNKNOWN
    terms = {name: _terms(name) for name in names}
    kept: list[str] = []
    # The largest set of terms first; of equals the newest version, which is the last by name.
    for name in sorted(names, key=lambda n: (len(terms[n]), n), reverse=True):
        if not any(terms[name] <= terms[other] for other in kept):
            kept.append(name)
    return " AND ".join(sorted(kept))


def _terms(name: str) -> frozenset[str]:
    """What a licence asks for. One that we do not know asks for something of its own."""
    lower = name.lower()
    if lower.startswith(("cc0", "cc-pdm")):
        return frozenset()
    if lower in _PERMISSIVE:
        return frozenset({"by"})
    match = re.fullmatch(r"cc-(by(?:-nc)?(?:-sa|-nd)?)(?:-\d\.\d)?", lower)
    if not match:
        return frozenset({"by", lower})
    # Share-alike means the very same terms: BY-NC-SA does not do for what asks for BY-SA.
    return frozenset(match[1] if term == "sa" else term for term in match[1].split("-"))
