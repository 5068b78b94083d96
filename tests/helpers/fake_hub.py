"""A server that speaks as much of the Hub's API as an upload needs, and remembers what it was sent.

Only the protocol is imitated; ``huggingface_hub`` itself is the real one.
"""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Repo:
    """One data set: committed files by path, and how many commits made them."""

    private: bool
    files: dict[str, bytes] = field(default_factory=dict)
    commits: int = 0


class FakeHub(ThreadingHTTPServer):
    """Runs while it is used as a context manager.

    Attributes:
        repos: The data sets by name.
        stored: Uploaded objects by SHA-256, committed or not.
        puts: SHA-256 of each upload, in order.
        requests: Method and path of each request.
        drop_after: Breaks the connection on uploads once so many have been stored; None for never.
        refuse: Status with which to refuse writing, or None.
    """

    daemon_threads = True

    def __init__(self, token: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.token = token
        self.repos: dict[str, Repo] = {}
        self.stored: dict[str, bytes] = {}
        self.puts: list[str] = []
        self.requests: list[str] = []
        self.drop_after: int | None = None
        self.refuse: int | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> FakeHub:
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        """A dropped connection is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: FakeHub
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each answer waits 40 ms

    def log_message(self, *_: object) -> None:
        pass

    def handle_one_request(self) -> None:
        super().handle_one_request()
        if getattr(self, "command", None):
            self.server.requests.append(f"{self.command} {self.path}")

    def _answer(self, status: int, content: Any = None, **headers: str) -> None:
        data = json.dumps(content if content is not None else {}).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _allowed(self) -> bool:
        if self.headers.get("Authorization") != f"Bearer {self.server.token}":
            self._answer(401, {"error": "Invalid credentials"})
            return False
        return True

    def do_GET(self) -> None:
        name = self.path.removeprefix("/api/datasets/").partition("?")[0].partition("/revision/")[0]
        if not self._allowed():
            return
        if name not in self.server.repos:
            return self._answer(404, {"error": "Repository not found"}, X_Error_Code="RepoNotFound")
        repo = self.server.repos[name]
        siblings = [{"rfilename": path} for path in sorted(repo.files)]
        self._answer(200, {"id": name, "private": repo.private, "sha": "0" * 40, "siblings": siblings})

    def do_POST(self) -> None:
        body = self._body()
        if not self._allowed():
            return
        if self.path == "/api/validate-yaml":
            return self._validate(json.loads(body)["content"])
        if self.server.refuse:
            return self._answer(self.server.refuse, {"error": "refused"})
        if self.path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}"
            self.server.repos[name] = Repo(asked.get("visibility") != "public")
            return self._answer(200, {"url": f"{self.server.url}/datasets/{name}", "name": name, "id": name})
        if self.path.endswith("/info/lfs/objects/batch"):
            return self._answer(200, self._batch(json.loads(body)))
        name, _, action = self.path.removeprefix("/api/datasets/").rpartition("/")[0].rpartition("/")
        if action == "preupload":
            return self._answer(200, {"files": [_mode(file) for file in json.loads(body)["files"]]})
        assert action == "commit", self.path
        self._commit(self.server.repos[name], [json.loads(line) for line in body.splitlines()])
        self._answer(
            200, {"commitUrl": f"{self.server.url}/datasets/{name}/commit/{'1' * 40}", "commitOid": "1" * 40}
        )

    def do_PUT(self) -> None:
        data = self._body()
        limit = self.server.drop_after
        if limit is not None and len(self.server.puts) >= limit:
            self.close_connection = True
            return self.connection.shutdown(socket.SHUT_RDWR)
        oid = self.path.rpartition("/")[2]
        if hashlib.sha256(data).hexdigest() != oid:
            return self._answer(400, {"error": "wrong content"})
        self.server.puts.append(oid)
        self.server.stored[oid] = data
        self._answer(200)

    def _validate(self, content: str) -> None:
        if not content.startswith("---\n"):
            return self._answer(400, {"errors": [{"message": "no YAML"}]})
        self._answer(200, {"errors": [], "warnings": []})

    def _batch(self, asked: dict[str, Any]) -> dict[str, Any]:
        objects = []
        for item in asked["objects"]:
            upload = {"upload": {"href": f"{self.server.url}/upload/{item['oid']}"}}
            objects.append(item if item["oid"] in self.server.stored else {**item, "actions": upload})
        return {"transfer": "basic", "objects": objects}

    def _commit(self, repo: Repo, lines: list[dict[str, Any]]) -> None:
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                repo.files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                repo.files[value["path"]] = self.server.stored[value["oid"]]
            elif line["key"] == "deletedFile":
                del repo.files[value["path"]]
        repo.commits += 1


def _mode(file: dict[str, Any]) -> dict[str, Any]:
    """The Hub keeps binary files in its large file storage, and text in git."""
    mode = "lfs" if file["path"].endswith(".parquet") else "regular"
    return {"path": file["path"], "uploadMode": mode, "shouldIgnore": False, "oid": None}
