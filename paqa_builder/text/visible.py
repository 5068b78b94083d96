"""Text whose control characters have no effect on a terminal, and the log in this form."""

from __future__ import annotations

import logging
import re
import sys
from typing import Any

from paqa_builder.text.privacy import redact

ACTIVE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff"
    "\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
"""Control characters except line feed and tab, changes of direction, invisible ones, lone surrogates."""


def visible(text: str) -> str:
    r"""A text whose characters with an effect on a terminal are replaced by their escapes.

    Example:
        >>> visible("\x1b[31mred")
        '\\x1b[31mred'
    """
    return ACTIVE.sub(lambda found: ascii(found[0])[1:-1], text)


class VisibleFormatter(logging.Formatter):
    """Formats messages in visible form, without secrets."""

    def format(self, record: logging.LogRecord) -> str:
        return visible(redact(super().format(record)))


class _Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(self.format(record) + "\n")
        except Exception:
            self.handleError(record)


def show_log() -> None:
    """Prints the log's warnings in visible form, where nothing else handles them."""
    handler: Any = _Handler(logging.WARNING)
    handler.setFormatter(VisibleFormatter())
    logging.lastResort = handler
