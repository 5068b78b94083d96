"""On-disk cache of replies, keyed by the content of the request.

::

    WORK/llm-cache/ab/ab12….json      model, reply, tokens

A killed build loses only the requests in flight. The endpoint's address is not part of the key.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from paqa_builder import files
from paqa_builder.files import state

Messages = tuple[tuple[str, str], ...]
"""(role, text) of each message."""


@dataclass(frozen=True, slots=True)
class Request:
    """Content of a request, without its endpoint."""

    model: str
    messages: Messages
    temperature: float
    max_tokens: int

    @property
    def key(self) -> str:
        """Hash of the content."""
        return files.digest(
            [self.model, [list(m) for m in self.messages], self.temperature, self.max_tokens], 64
        )

    @property
    def reserve(self) -> int:
        """Estimated upper bound of its tokens: two characters per token, and the longest reply."""
        return sum(len(text) for _, text in self.messages) // 2 + self.max_tokens


@dataclass(frozen=True, slots=True)
class Reply:
    """Reply of the endpoint.

    Attributes:
        finish: The finish reason: ``"stop"``, ``"length"``, …
        read: Tokens of the request, as counted by the endpoint; an estimate where it gives no count.
        written: Tokens of the reply, likewise.
    """

    text: str
    finish: str
    read: int
    written: int

    @property
    def tokens(self) -> int:
        """Tokens of request and reply."""
        return self.read + self.written


class Cache:
    """Replies in a folder. Thread-safe for different keys."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, request: Request) -> Reply | None:
        """The cached reply; None if there is none or its file is damaged."""
        data = state.read(self._file(request))
        return Reply(**data["reply"]) if data else None

    def put(self, request: Request, reply: Reply) -> None:
        """Writes a reply atomically."""
        content = {"model": request.model, "reply": asdict(reply)}
        state.write(self._file(request), content)

    def _file(self, request: Request) -> Path:
        key = request.key
        return self.folder / key[:2] / f"{key}.json"
