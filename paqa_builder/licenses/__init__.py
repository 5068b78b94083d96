"""Licences: their names, their terms, and the licence of a mixture of recordings.

A name is an SPDX identifier where there is one, else the licence's URL. A mixture is an adaptation of
all its recordings, so all their licences apply. If one licence includes the terms of all others, it alone is
named (the most restrictive one). Otherwise those with distinct terms are joined to an SPDX expression,
such as ``CC-BY-NC-4.0 AND http://creativecommons.org/licenses/sampling+/1.0/``. :func:`conflict` finds
licences whose recordings may not be mixed. One recording of unknown licence makes the licence of the
mixture unknown.

Source: the terms of the licences, and the compatibility table of Creative Commons
(https://wiki.creativecommons.org/wiki/Wiki/cc_license_compatibility).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import cache
from itertools import combinations

UNKNOWN = "unknown"

_CC = re.compile(
    r"(?:https?:)?(?://)?(?:www\.)?creativecommons\.org/(licenses|publicdomain)/([a-z+-]+)/(\d\.\d)/?"
    r"([a-z]{2,3}(?:-[a-z]{2})?/?)?(?:(?:deed|legalcode)(?:\.[a-z_-]+)?/?)?(?:[?#].*)?",
    re.IGNORECASE,
)
# The two public domain tools of Creative Commons.
_PUBLIC_DOMAIN = {"zero": "CC0", "mark": "CC-PDM"}
# Names as people write them, in lower case with hyphens for spaces and underscores.
_NOISE = re.compile(r"-(?:international|unported|generic|universal|licen[cs]e|public-domain-dedication)\b")
_ZERO = re.compile(r"(?:cc-?0|cc-?zero|creative-commons-(?:0|zero))(?:-v?(\d\.\d))?")
_SHORT = re.compile(r"(?:cc|creative-commons)-?by(-?nc)?(-?sa|-?nd)?(?:-?v?(\d\.\d))?")
_LONG = re.compile(
    r"(?:(?:creative-commons|cc)-)?attribution((?:-?non-?commercial|-?share-?alike|-?no-?deriv[a-z]*)*)"
    r"(?:-v?(\d\.\d))?"
)
_SAMPLING = re.compile(r"(?:(?:creative-commons|cc)-)?sampling-?(?:\+|plus)(?:-v?1\.0)?")
_NOT_STATED = frozenset(
    {"", "unknown", "unspecified", "not-stated", "not-found", "none", "null", "nan", "n-a", "?"}
)
_PUBLIC = re.compile(r"public-?domain(?:-mark)?(?:-1\.0)?")


@cache
def spdx(text: str) -> str:
    """The SPDX identifier of a licence that is named by a URL of Creative Commons or as people write it.

    Creative Commons licences without an SPDX identifier (Sampling+, national ports) become their URL. Other
    texts are stripped and returned unchanged: SPDX identifiers, other URLs. An empty text, and words such as
    ``n/a``, become ``"unknown"``.

    >>> spdx("http://creativecommons.org/licenses/by-nc/3.0/"), spdx("CC BY 4.0"), spdx("cc0")
    ('CC-BY-NC-3.0', 'CC-BY-4.0', 'CC0-1.0')
    >>> spdx("http://creativecommons.org/licenses/sampling+/1.0/")
    'http://creativecommons.org/licenses/sampling+/1.0/'
    """
    text = text.strip()
    match = _CC.fullmatch(text)
    if not match:
        return _named(text) or text or UNKNOWN
    kind, name, version, port = match.groups()
    kind, name = kind.lower(), name.lower()
    if kind == "publicdomain" and name in _PUBLIC_DOMAIN:
        return f"{_PUBLIC_DOMAIN[name]}-{version}"
    if kind == "licenses" and re.fullmatch(r"by(-nc)?(-sa|-nd)?", name) and not port:
        return f"CC-{name.upper()}-{version}"
    port = port.strip("/").lower() + "/" if port else ""
    return f"http://creativecommons.org/{kind}/{name}/{version}/{port}"


def _named(text: str) -> str:
    """The identifier of a Creative Commons licence by its name; empty if it is none."""
    name = _NOISE.sub("", re.sub(r"[\s_,/()\u2010-\u2015-]+", "-", text[:200].lower()).strip("-."))
    if name in _NOT_STATED:
        return UNKNOWN
    if _SAMPLING.fullmatch(name):
        return "http://creativecommons.org/licenses/sampling+/1.0/"
    if match := _ZERO.fullmatch(name):
        return f"CC0-{match[1] or '1.0'}"
    if _PUBLIC.fullmatch(name):
        return "CC-PDM-1.0"
    if match := _SHORT.fullmatch(name):
        return _attribution((match[1] or "") + (match[2] or ""), match[3])
    if match := _LONG.fullmatch(name):
        return _attribution(match[1], match[2])
    return _CASED.get(name, "")


def _attribution(terms: str, version: str | None) -> str:
    """The identifier of an attribution licence; the order of its terms does not matter."""
    letters = [
        code
        for code, mark in (("NC", r"nc|comm"), ("SA", r"sa|share"), ("ND", r"nd|deriv"))
        if re.search(mark, terms)
    ]
    return "-".join(["CC-BY", *letters, *([version] if version else [])])


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


_CASED = {
    name.lower(): name
    for name in ("Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause", "ISC", "GPL-3.0", "LGPL-3.0",
                 "AGPL-3.0", "ODbL-1.0", "MPL-2.0", "CDLA-Permissive-2.0", "CDLA-Permissive-1.0")
}  # fmt: skip


def from_hub(text: str) -> str:
    """The SPDX identifier for the Hub's identifier of a licence, or for what :func:`normal` knows.

    >>> from_hub("cc-by-nc-4.0"), from_hub("mit"), from_hub("https://example.org/terms")
    ('CC-BY-NC-4.0', 'MIT', 'https://example.org/terms')
    """
    name = text.strip().lower()
    if re.fullmatch(r"cc(0|-by(-nc)?(-sa|-nd)?)-\d\.\d", name):
        return name.upper()
    return _CASED.get(name, UNKNOWN if name in ("other", "unknown") else normal(text))


LISTED = tuple(_CASED.values())
"""Licences other than those of Creative Commons that are known by name."""
_PERMISSIVE = frozenset({"mit", "apache-2.0", "bsd-2-clause", "bsd-3-clause", "isc"})


def normal(text: str) -> str:
    """Normalises the name of a licence: removes remarks in brackets, converts ``CC0`` and URLs to SPDX.

    >>> normal("CC-BY-4.0 (VCTK)"), normal("CC0"), normal("")
    ('CC-BY-4.0', 'CC0-1.0', 'unknown')
    """
    return spdx(re.sub(r"\s*\([^)]*\)$", "", text.strip()))


def combined(licenses: Iterable[str]) -> str:
    """The licence of a mixture of recordings under ``licenses``; ``"unknown"`` for no recordings."""
    names = sorted({part for name in licenses for part in _parts(name)})
    if not names or UNKNOWN in names:
        return UNKNOWN
    terms = {name: _terms(name) for name in names}
    kept: list[str] = []
    # The largest set of terms first; of equal sets, the newest version first.
    for name in sorted(names, key=lambda n: (len(terms[n]), n), reverse=True):
        if not any(terms[name] <= terms[other] for other in kept):
            kept.append(name)
    return " AND ".join(sorted(kept))


def is_open(name: str) -> bool:
    """True if a licence asks for attribution at most: CC0, public domain, CC BY, MIT and the like.

    An expression is open if all its licences are.

    >>> is_open("CC-BY-4.0"), is_open("CC-BY-NC-4.0"), is_open("unknown")
    (True, False, False)
    """
    return all(_terms(part) <= {"by"} for part in _parts(name))


def is_restricted(name: str) -> bool:
    """True if a licence is known and not open: non-commercial, share-alike, no derivatives, Sampling+ …"""
    return normal(name) != UNKNOWN and not is_open(name)


def allows(allowed: Collection[str], name: str) -> bool:
    """True if all licences of a name or an expression are in a list.

    Args:
        allowed: Names of licences, or families without a version: ``CC0``, ``CC-BY`` (not ``CC-BY-NC``),
            ``CC-BY-NC``; ``open`` for all open licences (:func:`is_open`); ``unknown``. Case does not matter.

    >>> allows(["CC-BY"], "CC-BY-3.0"), allows(["CC-BY"], "CC-BY-NC-3.0")
    (True, False)
    """
    wanted = {normal(entry).casefold() for entry in allowed} | {entry.strip().casefold() for entry in allowed}
    return all(
        part.casefold() in wanted
        or _family(part).casefold() in wanted
        or ("open" in wanted and part != UNKNOWN and is_open(part))
        for part in _parts(name)
    )


def conflict(licenses: Iterable[str]) -> tuple[str, str, str] | None:
    """Two licences whose recordings may not be in one published mixture, and the reason; None if all may.

    Unknown licences are not judged. A licence without derivatives conflicts with all, also with itself.

    >>> conflict(["CC-BY-SA-4.0", "CC-BY-NC-4.0"])[2]
    'CC-BY-SA-4.0 asks for the same licence on the mixture, which CC-BY-NC-4.0 does not permit'
    """
    names = sorted({part for name in licenses for part in _parts(name)} - {UNKNOWN})
    for name in names:
        if "nd" in _terms(name):
            return name, name, f"{name} does not permit mixtures"
    for one, other in combinations(names, 2):
        for own, foreign in ((one, other), (other, one)):
            if _copyleft(own) and not _terms(foreign) <= _terms(own):
                reason = f"{own} asks for the same licence on the mixture, which {foreign} does not permit"
                return own, foreign, reason
    return None


def url(name: str) -> str:
    """The address of a licence's text; empty if it is unknown.

    >>> url("CC-BY-NC-3.0")
    'https://creativecommons.org/licenses/by-nc/3.0/'
    """
    if name.startswith(("http://", "https://")):
        return name
    if match := re.fullmatch(r"CC-(BY(?:-NC)?(?:-SA|-ND)?)-(\d\.\d)", name):
        return f"https://creativecommons.org/licenses/{match[1].lower()}/{match[2]}/"
    if match := re.fullmatch(r"CC0-(\d\.\d)", name):
        return f"https://creativecommons.org/publicdomain/zero/{match[1]}/"
    return "" if name == UNKNOWN or " " in name else f"https://spdx.org/licenses/{name}.html"


def _parts(name: str) -> list[str]:
    return [normal(part) for part in name.split(" AND ")]


def _family(name: str) -> str:
    """A Creative Commons licence without its version: ``CC-BY-NC`` for ``CC-BY-NC-3.0``."""
    if match := _PORTED.match(name):
        return f"CC-{match[1].upper()}"
    return re.sub(r"-\d\.\d$", "", name) if name.upper().startswith("CC") else name


def _copyleft(name: str) -> bool:
    """True for share-alike licences, and for those that are not known here, which may be such."""
    terms = _terms(name)
    return "by-sa" in terms or "by-nc-sa" in terms or any(term.startswith(_COPYLEFT) for term in terms)


_COPYLEFT = ("gpl", "lgpl", "agpl", "odbl")
_PORTED = re.compile(r"https?://(?:www\.)?creativecommons\.org/licenses/(by(?:-nc)?(?:-sa|-nd)?)/\d\.\d/")


def _terms(name: str) -> frozenset[str]:
    """The terms of a licence. A licence that is not listed here has a term of its own."""
    lower = name.lower()
    if lower.startswith(("cc0", "cc-pdm", "http://creativecommons.org/publicdomain")):
        return frozenset()
    if lower in _PERMISSIVE:
        return frozenset({"by"})
    match = re.fullmatch(r"cc-(by(?:-nc)?(?:-sa|-nd)?)(?:-\d\.\d)?", lower) or _PORTED.match(lower)
    if not match:
        return frozenset({"by", lower})
    # Share-alike requires exactly the same terms: BY-NC-SA does not satisfy BY-SA.
    return frozenset(match[1] if term == "sa" else term for term in match[1].split("-"))
