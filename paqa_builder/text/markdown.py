"""Foreign text in Markdown, shown as it is."""

from __future__ import annotations

import re
from typing import Any

from markupsafe import Markup

from paqa_builder.text.visible import visible

_ACTIVE = re.compile(r"[\\`*|\[\]]|^\s*[#+=-](?=\s|$)|^\s*\d+[.)](?=\s)|^\s*>")


def plain(value: Any) -> Any:
    """A value as one line of text: HTML, images, links and other Markdown are escaped.

    :class:`markupsafe.Markup` is Markdown by paqa and stays; values that are not text stay, too.
    """
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    text = re.sub(r"\s+", " ", visible(value))
    text = _ACTIVE.sub(lambda found: found[0][:-1] + "\\" + found[0][-1], text)
    return re.sub(r"&(?=#?\w+;)", "&amp;", text).replace("<", "&lt;")


def fence(text: str) -> Markup:
    """A fenced code block whose fence is longer than any run of backticks in it."""
    text = visible(text)
    marks = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return Markup(f"{marks}text\n{text.rstrip()}\n{marks}")
