"""One file over HTTP: resumed where it broke off, verified, and only then given its name."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from paqa_builder.errors import NotReadyError
from paqa_builder.runtime.version import __version__

ATTEMPTS = 5
"""Tries in a row that may bring nothing before giving up; a try that brings bytes starts the count anew."""
TIMEOUT = 60.0
_CHUNK = 1 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")
Progress = Callable[[int, int | None], None]


def download(
    url: str,
    target: Path,
    sha256: str = "",
    *,
    gate: tuple[str, ...] = (),
    token: str | None = None,
    again: str = "",
    progress: Progress = lambda done, total: None,
    wait: Callable[[float], None] = time.sleep,
) -> str:
    """Downloads ``url`` to ``target``.

    What is there of an interrupted download is kept beside the target and gone on from, if the server
    still has the same file.

    Args:
        sha256: The expected SHA-256, or its first digits; where empty, what the Hub's own header says.
        gate: Pages on which terms must be accepted first, for the message when access is refused.
        token: Sent as a bearer token, to the first host only.
        again: The command that tries again, for messages.
        progress: Called with the bytes that are there, and how many there will be if that is known.

    Returns:
        The SHA-256 of the file.

    Raises:
        NotReadyError: Refused, not found, not reachable, or the checksum is wrong.
        OSError: The disk is full, or the folder cannot be written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    with part.open("ab") as file:
        _lock(file, target, again)
        stated = _transfer(url, file, gate, token, again, progress, wait)
        expected = sha256 or stated
        file.flush()
        os.fsync(file.fileno())
        found = _digest(part)
        if not found.startswith(expected):
            part.unlink()
            _tag(part).unlink(missing_ok=True)
            raise NotReadyError(
                f"{target.name} from {url} has SHA-256 {found}, expected {expected}: it was thrown away",
                fix=f"{again}; if it fails again, the mirror or the proxy changes the file",
            )
        part.replace(target)
    _tag(part).unlink(missing_ok=True)
    return found


def _transfer(
    url: str, file: IO[bytes], gate: tuple[str, ...], token: str | None, again: str, progress: Progress,
    wait: Callable[[float], None],
) -> str:  # fmt: skip
    """Brings the rest of a file, in as many tries as it takes; the SHA-256 that the server states."""
    failures = 0
    while True:
        before = file.tell()
        try:
            return _once(url, file, token, progress)
        except urllib.error.HTTPError as error:
            if error.code < 500 and error.code not in (408, 425, 429):
                raise _refused(url, error, gate, again) from error
            reason = f"HTTP {error.code}"
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
            reason = str(getattr(error, "reason", "")) or str(error) or type(error).__name__
        failures = 1 if file.tell() > before else failures + 1
        if failures >= ATTEMPTS:
            raise NotReadyError(
                f"{url} cannot be reached ({reason}); {file.tell()} bytes are kept",
                fix=f"{again} goes on from there",
            )
        wait(2.0 ** (failures - 1))


def _once(url: str, file: IO[bytes], token: str | None, progress: Progress) -> str:
    """One request for what is missing. Raises what urllib raises; a cut connection is IncompleteRead."""
    have, tag = file.tell(), _tag(Path(file.name))
    headers = {"User-Agent": f"paqa-builder/{__version__}", "Accept-Encoding": "identity"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if have and tag.is_file():
        # Only if the server still has the same file; else it sends the whole new one.
        headers |= {"Range": f"bytes={have}-", "If-Range": tag.read_text(encoding="utf-8")}
    redirects = _Redirects()
    opener = urllib.request.build_opener(redirects)
    try:
        response = opener.open(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        if error.headers.get("Content-Range") == f"bytes */{have}":  # it is all there
            return redirects.sha256
        _forget(file, tag)
        raise http.client.IncompleteRead(b"") from error
    with response:
        if response.status != http.client.PARTIAL_CONTENT and have:
            _forget(file, tag)
        etag = response.headers.get("ETag", "")
        if etag and not etag.startswith("W/"):
            tag.write_text(etag, encoding="utf-8")
        length = response.headers.get("Content-Length")
        total = file.tell() + int(length) if length else None
        while block := response.read(_CHUNK):
            file.write(block)
            progress(file.tell(), total)
        if total is not None and file.tell() < total:
            raise http.client.IncompleteRead(b"", total - file.tell())
        return redirects.sha256 or _linked(response.headers)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Keeps the login to the first host, and what the Hub says of a file before it redirects."""

    def __init__(self) -> None:
        self.sha256 = ""

    def redirect_request(self, request: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        self.sha256 = self.sha256 or _linked(headers)
        made = super().redirect_request(request, fp, code, msg, headers, newurl)
        if made is not None and urlsplit(newurl)[:2] != urlsplit(request.full_url)[:2]:
            made.remove_header("Authorization")
        return made


def _linked(headers: Any) -> str:
    """The Hub states the SHA-256 of large files; for small ones the same header is another hash."""
    etag = (headers.get("X-Linked-ETag") or "").strip('"')
    return etag if _SHA256.fullmatch(etag) else ""


def _forget(file: IO[bytes], tag: Path) -> None:
    file.truncate(0)
    file.seek(0)
    tag.unlink(missing_ok=True)


def _tag(part: Path) -> Path:
    """Where the server's name for the version that ``part`` belongs to is kept."""
    return part.with_name(f"{part.name}.etag")


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_CHUNK):
            digest.update(block)
    return digest.hexdigest()


def _lock(file: IO[bytes], target: Path, again: str) -> None:
    """Two downloads into one file would mix; the second one is told to wait."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise NotReadyError(
            f"{target.name} is being downloaded by another process", fix=f"wait for it, then: {again}"
        ) from None


def _refused(url: str, error: urllib.error.HTTPError, gate: tuple[str, ...], again: str) -> NotReadyError:
    if error.code in (401, 403) and gate:
        return NotReadyError(
            f"{url}: refused (HTTP {error.code}); the makers ask you to accept their terms first",
            fix=f"accept them at {' and '.join(gate)}, then: hf auth login, then: {again}",
        )
    return NotReadyError(
        f"{url}: HTTP {error.code} {error.reason}",
        fix="check HF_ENDPOINT and the proxy; if the file has moved, a newer paqa-builder knows where to",
    )
