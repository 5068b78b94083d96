"""Output to the terminal. Names, questions and messages of foreign data are shown as text.

All commands print through a :class:`Terminal` or :func:`as_json`. Characters that a terminal acts on are
shown by their escapes; markup of rich is not interpreted.
"""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console
from rich.text import Text

from paqa_builder.text.visible import ACTIVE, visible


class Terminal(Console):
    """A console that shows every string as text; only :class:`rich.text.Text` has styles."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False, markup=False, emoji=False)

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(visible(text), **options)


def line(*parts: str | tuple[str, str]) -> Text:
    """One line of text, from texts and pairs of text and style."""
    return Text.assemble(
        *(_line(part) if isinstance(part, str) else (_line(part[0]), part[1]) for part in parts)
    )


def _line(text: str) -> str:
    return visible(text).replace("\n", "\\n")


def as_json(data: Any) -> str:
    """Data as indented JSON without characters that a terminal acts on."""
    text = json.dumps(data, indent=2, ensure_ascii=False)
    return ACTIVE.sub(lambda found: json.dumps(found[0])[1:-1], text)
