"""A server that speaks as much of the Hub's API as reading a data set needs."""

from __future__ import annotations

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "a" * 40


class HubFiles(ThreadingHTTPServer):
    """Serves the files of a folder as the data set ``repository``, while it is used as a context manager.

    Attributes:
        requests: Method and path of each request.
    """

    daemon_threads = True

    def __init__(self, folder: Path, repository: str, license: str) -> None:  # noqa: A002
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder, self.repository, self.license = folder, repository, license
        self.requests: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> HubFiles:
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: HubFiles

    def log_message(self, *_: Any) -> None:
        self.server.requests.append(f"{self.command} {self.path}")

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path, name = unquote(urlsplit(self.path).path), self.server.repository
        if path.startswith(f"/api/datasets/{name}/tree/{COMMIT}"):
            self._tree(path.partition(COMMIT)[2].strip("/"))
        elif path.startswith(f"/api/datasets/{name}"):
            files = [{"rfilename": p} for p in self._below(self.server.folder.rglob("*"))]
            self._json(
                {"id": name, "sha": COMMIT, "siblings": files, "cardData": {"license": self.server.license}}
            )
        elif path.startswith(f"/datasets/{name}/resolve/{COMMIT}/"):
            self._file(self.server.folder / path.partition(f"{COMMIT}/")[2])
        else:
            self._send(404, {"X-Error-Code": "RepoNotFound"})

    def _below(self, paths: Any) -> list[str]:
        return [p.relative_to(self.server.folder).as_posix() for p in sorted(paths) if p.is_file()]

    def _tree(self, below: str) -> None:
        folder = self.server.folder / below
        paths = sorted(folder.rglob("*") if "recursive=true" in self.path.lower() else folder.iterdir())
        self._json(
            [
                {
                    "type": "file" if path.is_file() else "directory", "oid": "0" * 40,
                    "size": path.stat().st_size, "path": path.relative_to(self.server.folder).as_posix(),
                }
                for path in paths
            ]
        )  # fmt: skip

    def _file(self, path: Path) -> None:
        if not path.is_file():
            self._send(404, {"X-Error-Code": "EntryNotFound"})
            return
        data = path.read_bytes()
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{hashlib.sha1(data).hexdigest()}"'}
        if wanted := self.headers.get("Range"):
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            part = data[int(first) : int(last) + 1 if last else None]
            headers["Content-Range"] = f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}"
            self._send(206, headers, part)
        else:
            self._send(200, headers, data)

    def _json(self, value: Any) -> None:
        self._send(200, {"Content-Type": "application/json"}, json.dumps(value).encode())

    def _send(self, status: int, headers: dict[str, str], data: bytes = b"") -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
