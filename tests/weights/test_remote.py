"""``paqa fetch`` with an unreliable local server."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from paqa_builder.cli import app
from paqa_builder.errors import ConfigError, NotReadyError
from paqa_builder.weights import store
from paqa_builder.weights.download import ATTEMPTS, download
from paqa_builder.weights.table import GROUPS, TABLE, PackageFile, RemoteFile, Weights

DATA = bytes(range(256)) * 4000
SHA = hashlib.sha256(DATA).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves ``files``; ``drops`` says after how many bytes the next connections break."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.drops: list[int] = []
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.status: list[int] = []
        self.redirect: dict[str, str] = {}
        self.linked: dict[str, str] = {}
        self.etags = True

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
            self._answer(server.status.pop(0), b"")
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
        if wanted and self.headers.get("If-Range") == etag:
            start, status = int(wanted[1]), 206
            if start >= len(data):
                self._answer(416, b"", {"Content-Range": f"bytes */{len(data)}"})
                return
        self._answer(status, data[start:], {"ETag": etag} if server.etags else {})

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


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def cache(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of its own, a mirror in place of the Hub, and a model to fetch from it."""
    monkeypatch.setenv("PAQA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_ENDPOINT", f"{server.url}/mirror/")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    files = {
        "weights.bin": RemoteFile("us/toy:deep/the weights.bin", SHA[:12]),
        "config.json": RemoteFile("us/toy:config.json"),
    }
    toy = Weights("toy", "tag: fake", "us", "MIT", 1, files, terms=("us/toy",))
    monkeypatch.setitem(TABLE, "toy", toy)
    server.files["/mirror/us/toy/resolve/main/deep/the%20weights.bin"] = DATA
    server.files["/mirror/us/toy/resolve/main/config.json"] = b"{}"
    return tmp_path / "cache"


def get(server: Server, target: Path, sha256: str = "", **more: Any) -> str:
    server.files.setdefault("/file", DATA)
    return download(f"{server.url}/file", target, sha256, again="paqa fetch it", wait=lambda s: None, **more)


def test_a_dropped_connection_is_resumed(server: Server, tmp_path: Path) -> None:
    server.drops = [300_000, 400_000]
    reported: list[tuple[int, int | None]] = []
    assert (
        get(server, tmp_path / "f", SHA, progress=lambda done, total: reported.append((done, total))) == SHA
    )
    assert (tmp_path / "f").read_bytes() == DATA
    assert [headers.get("Range") for _, headers in server.seen] == [None, "bytes=300000-", "bytes=700000-"]
    assert [done for done, _ in reported] == sorted(done for done, _ in reported)
    assert reported[-1] == (len(DATA), len(DATA))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f"]


def test_an_interrupted_download_is_resumed_by_the_next_run(server: Server, tmp_path: Path) -> None:
    server.drops = [300_000] + [0] * 20
    with pytest.raises(NotReadyError, match="300000 bytes are kept") as error:
        get(server, tmp_path / "f")
    assert error.value.fix == "paqa fetch it resumes from there"
    assert not (tmp_path / "f").exists()
    server.drops = []
    server.seen.clear()
    get(server, tmp_path / "f", SHA)
    assert [headers.get("Range") for _, headers in server.seen] == ["bytes=300000-"]
    assert (tmp_path / "f").read_bytes() == DATA


def test_a_changed_file_is_downloaded_from_the_start(server: Server, tmp_path: Path) -> None:
    server.drops = [300_000] + [0] * 20
    with pytest.raises(NotReadyError):
        get(server, tmp_path / "f")
    server.drops = []
    server.files["/file"] = DATA[::-1]
    get(server, tmp_path / "f", hashlib.sha256(DATA[::-1]).hexdigest())
    assert (tmp_path / "f").read_bytes() == DATA[::-1]


def test_without_etags_the_download_starts_again(server: Server, tmp_path: Path) -> None:
    server.etags = False
    server.drops = [300_000]
    get(server, tmp_path / "f", SHA)
    assert [headers.get("Range") for _, headers in server.seen] == [None, None]
    assert (tmp_path / "f").read_bytes() == DATA


def test_a_complete_partial_file_is_accepted(server: Server, tmp_path: Path) -> None:
    """Interrupted after the last byte and before the check."""
    (tmp_path / ".f.part").write_bytes(DATA)
    (tmp_path / ".f.part.etag").write_text(f'"{hashlib.md5(DATA).hexdigest()}"')
    assert get(server, tmp_path / "f", SHA) == SHA
    assert (tmp_path / "f").read_bytes() == DATA


def test_a_file_with_a_wrong_checksum_is_deleted(server: Server, tmp_path: Path) -> None:
    with pytest.raises(NotReadyError, match="SHA-256") as error:
        get(server, tmp_path / "f", "0" * 64)
    assert SHA in error.value.message
    assert "paqa fetch it" in str(error.value.fix)
    assert list(tmp_path.iterdir()) == []


def test_the_checksum_that_the_hub_states_is_verified(server: Server, cache: Path) -> None:
    """The Hub redirects to a store, and only its own answer names the SHA-256."""
    path = "/mirror/us/toy/resolve/main/config.json"
    server.redirect[path] = f"http://localhost:{server.server_port}/file"
    server.linked[path] = "f" * 64
    server.files["/file"] = DATA
    with pytest.raises(NotReadyError, match="SHA-256"):
        store.fetch(TABLE["toy"], lambda path, done, total: None)
    server.linked[path] = SHA
    place = store.fetch(TABLE["toy"], lambda path, done, total: None)
    assert (place / "config.json").read_bytes() == DATA


def test_a_login_goes_to_the_first_host_only(server: Server, tmp_path: Path) -> None:
    other = Server()
    threading.Thread(target=other.serve_forever, daemon=True).start()
    try:
        other.files["/store"] = DATA
        server.redirect["/hub"] = f"{other.url}/store"
        download(f"{server.url}/hub", tmp_path / "f", SHA, token="hf_secret")
        assert [headers.get("Authorization") for _, headers in server.seen] == ["Bearer hf_secret"]
        assert [headers.get("Authorization") for _, headers in other.seen] == [None]
    finally:
        other.shutdown()
        other.server_close()


def test_a_busy_server_is_tried_again_and_a_refusal_is_not(server: Server, tmp_path: Path) -> None:
    server.status = [503, 429]
    get(server, tmp_path / "f", SHA)
    for status, fix in ((401, "HF_ENDPOINT"), (404, "moved")):
        server.status = [status]
        server.seen.clear()
        with pytest.raises(NotReadyError, match=str(status)) as error:
            get(server, tmp_path / "g")
        assert fix in str(error.value.fix)
        assert len(server.seen) == 1
    server.status = [500] * 20
    server.seen.clear()
    with pytest.raises(NotReadyError, match="HTTP 500"):
        get(server, tmp_path / "g")
    assert len(server.seen) == ATTEMPTS


def test_two_downloads_of_one_file_do_not_mix(server: Server, tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    with (tmp_path / ".f.part").open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(NotReadyError, match="another process"):
            get(server, tmp_path / "f")
    assert get(server, tmp_path / "f") == SHA


def test_a_model_from_a_mirror(server: Server, cache: Path) -> None:
    with pytest.raises(NotReadyError) as error:
        store.folder("toy")
    assert error.value.fix == "paqa fetch toy"
    assert store.revision("toy") == "toy-absent"
    place = store.fetch(TABLE["toy"], lambda path, done, total: None)
    assert place == cache / "models" / "toy" == store.folder("toy")
    assert (place / "weights.bin").read_bytes() == DATA
    assert json.loads((place / store.MANIFEST).read_text())["weights.bin"] == SHA
    assert store.revision("toy") == f"toy-{SHA[:8]}{hashlib.sha256(b'{}').hexdigest()[:8]}"
    asked = len(server.seen)
    store.fetch(TABLE["toy"], lambda path, done, total: None)
    assert len(server.seen) == asked  # nothing is asked for twice


def test_the_command_shows_the_terms_first_and_prints_the_folder(server: Server, cache: Path) -> None:
    from typer.testing import CliRunner

    shown = CliRunner().invoke(app, ["fetch", "toy", "--dry-run"])
    assert shown.exit_code == 0
    assert server.seen == []
    assert all(word in shown.stderr for word in ("toy", "MIT", "us/toy", "terms"))
    done = CliRunner().invoke(app, ["fetch", "toy"])
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == str(cache / "models" / "toy")
    assert "hf_secret" not in done.output
    refused = "HTTP 403"
    server.status = [403]
    (cache / "models" / "toy" / "config.json").unlink()
    gated = CliRunner().invoke(app, ["fetch", "toy"])
    assert gated.exit_code == 4
    assert refused in gated.output
    assert "hf auth login" in gated.output
    listed = CliRunner().invoke(app, ["fetch", "--list"])
    assert "whisper-large-v3" in listed.stderr


def test_full_disk_and_unknown_name(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    huge = Weights("huge", "tag: fake", "us", "MIT", 10**9, {"x": RemoteFile("us/x:x")})
    monkeypatch.setitem(TABLE, "huge", huge)
    with pytest.raises(NotReadyError, match="are free"):
        store.fetch(huge, lambda path, done, total: None)
    with pytest.raises(ConfigError, match="no weights are called 'wisper'"):
        store.select("wisper")


def test_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    assert [model.name for model in store.select("gpu")] == list(GROUPS["gpu"])
    for weights in TABLE.values():
        assert weights.license
        assert all(re.fullmatch(r"[0-9a-f]*", file.sha256) for file in weights.files.values())
        kinds = {type(file) for file in weights.files.values()}
        assert kinds == ({PackageFile} if weights.packages else {RemoteFile})


def test_whispers_checksums_are_those_of_its_package() -> None:
    code = (
        "import importlib.util, pathlib, re, sys\n"
        "found = importlib.util.find_spec('whisper')\n"
        "sys.exit(77) if found is None else None\n"
        "from paqa_builder.weights import table\n"
        "text = pathlib.Path(found.origin).read_text()\n"
        "for name, (_, sha256) in table._WHISPER.items():\n"
        "    assert f'{table._WHISPER_URL}/{sha256}/{name}.pt' in text, name\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode == 77:
        pytest.skip("openai-whisper is not installed (extra gpu)")
    assert done.returncode == 0, done.stderr
