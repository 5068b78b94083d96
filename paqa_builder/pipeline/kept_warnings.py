"""Warnings of a build, kept for its summary: later lines and progress hide them where they are printed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from paqa_builder.text.privacy import redact

_LOGGER = logging.getLogger("paqa_builder")


@contextmanager
def keep_warnings() -> Iterator[list[str]]:
    """Collects the log's warnings in the block, without secrets; they are printed as without it."""
    handler = _Handler(logging.WARNING)
    _LOGGER.addHandler(handler)
    try:
        yield handler.messages
    finally:
        _LOGGER.removeHandler(handler)


class _Handler(logging.Handler):
    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(redact(record.getMessage()))
        # A logger with a handler no longer prints through the last resort.
        alone = all(isinstance(other, _Handler) for other in _LOGGER.handlers)
        first = next((other for other in _LOGGER.handlers if isinstance(other, _Handler)), None)
        if alone and first is self and not logging.getLogger().handlers and logging.lastResort:
            logging.lastResort.handle(record)
