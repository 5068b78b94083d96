"""A local server that speaks as much of the OpenAI protocol as the tests need, with a made-up model."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Model = Callable[[str, str], Any]
"""(system prompt, user's text) -> the reply: data (sent as JSON), or a text, or a :class:`Trouble`."""


@dataclass(frozen=True)
class Trouble:
    """Something that a server does instead of answering."""

    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    sleep: float = 0.0
    body: str = '{"error": {"message": "no"}}'


@dataclass
class Server:
    """What the server is asked, and how to change its mind."""

    url: str
    model: Model
    requests: list[dict[str, Any]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    models: tuple[str, ...] = ("made-up",)


@contextmanager
def serving(model: Model) -> Iterator[Server]:
    """Runs a server on a free port for the time of a test."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            data = [{"id": name, "object": "model", "created": 0, "owned_by": ""} for name in state.models]
            self._send(200, json.dumps({"object": "list", "data": data}))

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.requests.append(asked)
            state.times.append(time.monotonic())
            system, user = (message["content"] for message in asked["messages"])
            made = state.model(system, user)
            if isinstance(made, Trouble):
                time.sleep(made.sleep)
                self._send(made.status, made.body, made.headers)
                return
            text = made if isinstance(made, str) else json.dumps(made, ensure_ascii=False)
            message = {"role": "assistant", "content": text}
            self._send(200, json.dumps({
                "id": "x", "object": "chat.completion", "created": 0, "model": asked["model"],
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
            }))  # fmt: skip

        def _send(self, status: int, body: str, headers: dict[str, str] | None = None) -> None:
            try:
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body.encode())))
                self.end_headers()
                self.wfile.write(body.encode())
            except OSError:
                pass  # the client gave up waiting

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state = Server(f"http://127.0.0.1:{server.server_address[1]}/v1", model)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()


_FAIR = (
    (r"\bis heard\b", "can be heard"),
    (r"\bWhich of these sounds\b", "What sound of these"),
    (r"\brecording\b", "clip"),
    (r"\bone hears\b", "can be heard"),
    (r"\bI should\b", "I need to"),
    (r"\bI need\b", "I want to find"),
    (r"\bSo, ", "Thus, "),
    (r"\bTherefore, ", "Thus, "),
)


def fair(system: str, user: str) -> Any:
    """A model that changes the frame only; it chooses the first of all proposals, and A where it is blind."""
    if user.startswith("{"):
        data = json.loads(user)
        if "candidates" in data:
            return {"chosen": [{"number": item["number"]} for item in data["candidates"][: data["wanted"]]]}
        return {name: _reworded(text) for name, text in data.items()}
    return {"answer": "A"}


def _reworded(text: str) -> str:
    for old, new in _FAIR:
        text = re.sub(old, new, text)
    return text
