"""A file server that breaks connections, is busy, or changes files, for tests of downloads."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Server(ThreadingHTTPServer):
    """Serves ``files`` by path, with faults.

    Attributes:
        drops: After how many bytes the next connections break.
        seen: (path, headers) of every request.
        status: Status codes of the next answers.
        headers: Headers of those answers.
        redirect: Address by path.
        ranges: Whether ranges are answered.
        etags: Whether answers have an ETag.
        dates: Dates of change by path.
        shift: Bytes by which the next range is wrong.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.drops: list[int] = []
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.status: list[int] = []
        self.redirect: dict[str, str] = {}
        self.linked: dict[str, str] = {}
        self.etags = self.ranges = True
        self.headers: dict[str, str] = {}
        self.dates: dict[str, str] = {}
        self.shift = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *args: Any) -> None: ...

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        server, path = self.server, self.path
        server.seen.append((path, dict(self.headers)))
        if server.status:
            self._answer(server.status.pop(0), b"", server.headers)
            return
        if path in server.redirect:
            self.send_response(302)
            self.send_header("Location", server.redirect[path])
            if path in server.linked:
                self.send_header("X-Linked-ETag", f'"{server.linked[path]}"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if path not in server.files:
            self._answer(404, b"")
            return
        data = server.files[path]
        etag = f'"{hashlib.md5(data).hexdigest()}"'
        start, status = 0, 200
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        headers = {"ETag": etag} if server.etags else {}
        if path in server.dates:
            headers["Last-Modified"] = server.dates[path]
        current = (etag, server.dates.get(path))
        if wanted and server.ranges and self.headers.get("If-Range", etag) in current:
            start, status = int(wanted[1]) + server.shift, 206
            server.shift = 0
            if start >= len(data):
                self._answer(416, b"", {"Content-Range": f"bytes */{len(data)}"})
                return
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        self._answer(status, data[start:], headers)

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if body and self.server.drops:
            self.wfile.write(body[: self.server.drops.pop(0)])
            self.close_connection = True
        else:
            self.wfile.write(body)


@contextmanager
def serving() -> Iterator[Server]:
    """A server that runs in a thread until the block ends."""
    server = Server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
