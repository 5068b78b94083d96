"""Download of one file over HTTP, resumed after interruptions and verified before it gets its name.

The partial file stays beside the target, so that a later run resumes it. Neither pooch nor huggingface_hub
does that: pooch starts again, and huggingface_hub deletes the partial file when a download fails.
"""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO

from paqa_builder.errors import NotReadyError
from paqa_builder.files import file_sha256, lock, move_atomic
from paqa_builder.runtime.version import __version__

ATTEMPTS = 5
"""Attempts in a row that may bring no data before giving up."""
REFUSED = "check HF_ENDPOINT and the proxy; if the file has moved, a newer paqa-builder has its new address"
_TIMEOUT = 60.0
_CHUNK = 1 << 20
Progress = Callable[[int, int | None], None]


def download(
    url: str,
    target: Path,
    sha256: str = "",
    *,
    token: str | None = None,
    again: str = "",
    progress: Progress = lambda done, total: None,
    wait: Callable[[float], None] = time.sleep,
) -> str:
    """Downloads ``url`` to ``target``.

    A partial download is resumed if the server still has the same file.

    Args:
        sha256: The expected SHA-256 or its first digits; empty where it is unknown.
        token: Bearer token, sent to the first host only.
        again: The command that runs this download, for messages.
        progress: Called with the bytes so far, and the total if it is known.

    Returns:
        The SHA-256 of the file.

    Raises:
        NotReadyError: Refused, not found, not reachable, or the checksum is wrong.
        OSError: The disk is full, or the folder cannot be written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    with part.open("ab") as file:
        if not lock(file):
            raise NotReadyError(
                f"{target.name} is being downloaded by another process", fix=f"wait for it, then: {again}"
            )
        _transfer(url, file, token, again, progress, wait)
        file.flush()
        digest = file_sha256(part)
        if not digest.startswith(sha256):
            part.unlink()
            _etag_file(part).unlink(missing_ok=True)
            raise NotReadyError(
                f"{target.name} from {url} has SHA-256 {digest}, expected {sha256}; the file was deleted",
                fix=f"{again}; if it fails again, the mirror or the proxy changes the file",
            )
        move_atomic(part, target)
    _etag_file(part).unlink(missing_ok=True)
    return digest


def _transfer(
    url: str, file: IO[bytes], token: str | None, again: str, progress: Progress,
    wait: Callable[[float], None],
) -> None:  # fmt: skip
    """Downloads the rest of a file, in as many attempts as necessary."""
    failures = 0
    while True:
        before = file.tell()
        try:
            return _request(url, file, token, progress)
        except urllib.error.HTTPError as error:
            if error.code < 500 and error.code not in (408, 425, 429):
                raise NotReadyError(f"{url}: HTTP {error.code} {error.reason}", fix=REFUSED) from error
            reason = f"HTTP {error.code}"
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
            reason = str(getattr(error, "reason", "")) or str(error) or type(error).__name__
        failures = 1 if file.tell() > before else failures + 1
        if failures >= ATTEMPTS:
            raise NotReadyError(
                f"{url} cannot be reached ({reason}); {file.tell()} bytes are kept",
                fix=f"{again} resumes from there",
            )
        wait(2.0 ** (failures - 1))


def _request(url: str, file: IO[bytes], token: str | None, progress: Progress) -> None:
    """One request for the missing bytes. Raises urllib's errors; IncompleteRead for a cut connection."""
    size, etag_file = file.tell(), _etag_file(Path(file.name))
    headers = {"User-Agent": f"paqa-builder/{__version__}", "Accept-Encoding": "identity"}
    if size and etag_file.is_file():
        # If the server has another file by now, it sends that one from the start.
        headers |= {"Range": f"bytes={size}-", "If-Range": etag_file.read_text(encoding="utf-8")}
    request = urllib.request.Request(url, headers=headers)
    if token:
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        if error.headers.get("Content-Range") == f"bytes */{size}":  # the file is complete
            return
        _discard(file, etag_file)
        raise http.client.IncompleteRead(b"") from error
    with response:
        if response.status != http.client.PARTIAL_CONTENT and size:
            _discard(file, etag_file)
        etag = response.headers.get("ETag", "")
        if etag and not etag.startswith("W/"):
            etag_file.write_text(etag, encoding="utf-8")
        length = response.headers.get("Content-Length")
        total = file.tell() + int(length) if length else None
        while block := response.read(_CHUNK):
            file.write(block)
            progress(file.tell(), total)
        if total is not None and file.tell() < total:
            raise http.client.IncompleteRead(b"", total - file.tell())


def _discard(file: IO[bytes], etag_file: Path) -> None:
    file.truncate(0)
    file.seek(0)
    etag_file.unlink(missing_ok=True)


def _etag_file(part: Path) -> Path:
    """File with the server's identifier of the version that ``part`` belongs to."""
    return part.with_name(f"{part.name}.etag")
