"""Replies by the content of their requests, as files: what was answered once is never asked again.

::

    WORK/llm-cache/ab/ab12….json      model, reply, tokens

A killed build loses only the requests under way. The endpoint's address is not part of the key: a
model is the same wherever it runs.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from paqa_builder import files

Messages = tuple[tuple[str, str], ...]
"""(role, text) of each message."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent, and nothing of where to."""

    model: str
    messages: Messages
    temperature: float
    max_tokens: int

    @property
    def key(self) -> str:
        """A hash of the content."""
        return files.digest(
            [self.model, [list(m) for m in self.messages], self.temperature, self.max_tokens], 64
        )

    @property
    def reserve(self) -> int:
        """Tokens that it costs at most, roughly: a token is seldom shorter than two characters."""
        return sum(len(text) for _, text in self.messages) // 2 + self.max_tokens


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back.

    Attributes:
        finish: The endpoint's reason for stopping: ``"stop"``, ``"length"``, …
        read: Tokens of the request, as the endpoint counts them (a guess where it does not say).
        written: Tokens of the reply, likewise.
    """

    text: str
    finish: str
    read: int
    written: int

    @property
    def tokens(self) -> int:
        """What the request cost."""
        return self.read + self.written


class Cache:
    """Replies in a folder. Safe for threads that put different keys."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, request: Request) -> Reply | None:
        """The reply to an equal request; None if there is none, or its file is damaged."""
        try:
            data: dict[str, Any] = json.loads(self._file(request).read_text(encoding="utf-8"))
            return Reply(**data["reply"])
        except (OSError, ValueError, KeyError, TypeError):
            return None  # a cache: what cannot be read is asked for again

    def put(self, request: Request, reply: Reply) -> None:
        """Keeps a reply; it is there, whole, when this returns."""
        content = {"model": request.model, "reply": asdict(reply)}
        files.write_atomic(self._file(request), json.dumps(content, ensure_ascii=False).encode())

    def _file(self, request: Request) -> Path:
        key = request.key
        return self.folder / key[:2] / f"{key}.json"
