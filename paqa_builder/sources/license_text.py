"""Recognises the licence that a text names, such as a block of a LICENSE file."""

from __future__ import annotations

import re

from paqa_builder.licenses import UNKNOWN, combined, spdx

_URL = re.compile(r"https?://(?:www\.)?creativecommons\.org/(?:licenses|publicdomain)/[\w.+/-]{1,60}", re.I)
_SHORT = re.compile(r"\bCC[ -]BY((?:-NC)?(?:-SA|-ND)?)(?:[ -]?(\d\.\d))?\b", re.I)
_LONG = re.compile(
    r"\bAttribution((?:[\s,/-]{1,3}(?:Non-?\s?Commercial|Share-?\s?Alike|No-?\s?Deriv\w{0,8}))*)"
    r"(?:[\s,-]{1,3}(\d\.\d))?",
    re.I,
)
_ZERO = re.compile(r"\bCC-?\s?0\b|\bCreative Commons (?:Zero|0)\b", re.I)
_PUBLIC = re.compile(r"\bpublic[\s-]domain\b", re.I)


def license_in(text: str) -> str:
    """The licence that a text names, as an SPDX identifier; ``"unknown"`` if it names none.

    Addresses of licences take precedence over their names. Several licences are joined as those of a mixture.

    Example:
        >>> license_in("Licensed under Creative Commons Attribution-NonCommercial 3.0"), license_in("CC0")
        ('CC-BY-NC-3.0', 'CC0-1.0')
    """
    text = text[:20_000]
    if urls := _URL.findall(text):
        return combined(_of_url(url) for url in urls)
    named = {spdx(match[0]) for match in _SHORT.finditer(text)}
    if not named and re.search(r"creative\s+commons|licen[sc]e", text, re.I):
        named = {spdx(match[0]) for match in _LONG.finditer(text)}
    if named:
        return combined(named)
    if _ZERO.search(text):
        return "CC0-1.0"
    return "CC-PDM-1.0" if _PUBLIC.search(text) else UNKNOWN


def _of_url(url: str) -> str:
    url = url.rstrip(".,)").lower().replace("https://", "http://").replace("://www.", "://")
    # A national port has terms of its own only in details; the international name is the nearest one.
    match = re.match(r"http://creativecommons\.org/(licenses|publicdomain)/([a-z+-]+)/(\d\.\d)", url)
    return spdx(match[0] + "/") if match else spdx(url)
