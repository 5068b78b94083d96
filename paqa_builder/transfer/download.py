"""Download of one file over HTTP, resumed after interruptions and verified before it gets its name.

The partial file stays beside the target, so that a later run resumes it. Neither pooch nor huggingface_hub
does that: pooch starts again, and huggingface_hub deletes the partial file when a download fails. With a
``downloader=`` of its own, pooch would add the comparison of one checksum and a temporary file, in which
nothing can be resumed.
"""

from __future__ import annotations

import email.utils
import http.client
import logging
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from paqa_builder.errors import NotReadyError
from paqa_builder.files import lock, move_atomic
from paqa_builder.runtime.version import __version__
from paqa_builder.transfer import checksum as checksums

log = logging.getLogger(__name__)

ATTEMPTS = 5
"""Attempts in a row that may bring no data before giving up."""
REFUSED = "check the proxy; if the file has moved, a newer paqa-builder has its new address"
LONGEST_WAIT = 600.0
"""Seconds that a server may ask to wait (``Retry-After``); after a longer time the download gives up."""
TIMEOUT = 60.0
_CHUNK = 1 << 20
BUSY = (408, 425, 429)
Progress = Callable[[int, int | None], None]
Wait = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class _Request:
    """A file on a server, and what is known of it."""

    url: str
    size: int
    token: str | None
    again: str
    refused: str


def download(
    url: str,
    target: Path,
    checksum: str = "",
    *,
    size: int = 0,
    token: str | None = None,
    again: str = "",
    refused: str = REFUSED,
    progress: Progress = lambda done, total: None,
    wait: Wait | None = None,
) -> str:
    """Downloads ``url`` to ``target``.

    A partial download is resumed if the server still has the same file.

    Args:
        checksum: The expected checksum or its first digits (:mod:`paqa_builder.transfer.checksum`); empty
            where it is unknown.
        size: The expected number of bytes, which is checked where no checksum is known; 0: unknown.
        token: Bearer token, sent to the first host only.
        again: The command that runs this download, for messages.
        refused: Advice for a file that the server does not give.
        progress: Called with the bytes so far, and the total if it is known.

    Returns:
        The checksum of the file with all digits, by the algorithm of ``checksum`` (by default SHA-256).

    Raises:
        NotReadyError: Refused, not found, not reachable, or the checksum or the size is wrong.
        OSError: The disk is full, or the folder cannot be written. What was downloaded is kept.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    request = _Request(url, 0 if checksum else size, token, again, refused)
    with part.open("ab") as file:
        if not lock(file):
            raise NotReadyError(
                f"{target.name} is being downloaded by another process", fix=f"wait for it, then: {again}"
            )
        _transfer(request, file, progress, wait or time.sleep)
        file.flush()
        actual = checksums.of_file(part, checksum)
        if not actual.startswith(checksum):
            part.unlink()
            _etag_file(part).unlink(missing_ok=True)
            name, wanted = checksums.split(checksum)
            name = {"sha256": "SHA-256", "md5": "MD5"}[name]
            raise NotReadyError(
                f"{target.name} from {url} has {name} {checksums.split(actual)[1]}, expected {wanted}; "
                "the file was deleted",
                fix=f"{again}; if it fails again, the mirror or the proxy changes the file",
            )
        move_atomic(part, target)
    _etag_file(part).unlink(missing_ok=True)
    return actual


def _transfer(request: _Request, file: IO[bytes], progress: Progress, wait: Wait) -> None:
    """Downloads the rest of a file, in as many attempts as necessary."""
    failures = 0
    while True:
        before, asked = file.tell(), 0.0
        try:
            return _receive(request, file, progress)
        except urllib.error.HTTPError as error:
            reason = f"HTTP {error.code} {error.reason}".strip()
            if error.code < 500 and error.code not in BUSY:
                raise NotReadyError(f"{request.url}: {reason}", fix=request.refused) from error
            asked = retry_after(error.headers.get("Retry-After", ""))
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
            reason = str(getattr(error, "reason", "")) or str(error) or type(error).__name__
        failures = 1 if file.tell() > before else failures + 1
        kept = f"{file.tell()} bytes are kept"
        if asked > LONGEST_WAIT:
            raise NotReadyError(
                f"{request.url}: {reason}; the server asks to wait {asked:.0f} s; {kept}",
                fix=f"after that time, {request.again} resumes from there",
            )
        if failures >= ATTEMPTS:
            raise NotReadyError(
                f"{request.url} cannot be reached ({reason}); {kept}",
                fix=f"{request.again} resumes from there",
            )
        seconds = max(asked, 2.0 ** (failures - 1))
        if asked:
            host = urllib.parse.urlsplit(request.url).hostname
            log.warning("%s asks to wait (%s): next attempt in %.0f s", host, reason, seconds)
        wait(seconds)


def retry_after(text: str) -> float:
    """Seconds of a header ``Retry-After``, which is a number or a date; 0 where it is neither.

    Example:
        >>> retry_after("120")
        120.0
    """
    if text.strip().isdigit():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError):
        return 0.0


def open_url(url: str, headers: dict[str, str], token: str | None = None) -> http.client.HTTPResponse:
    """Sends a GET request. The token goes to the first host only, not to those it redirects to."""
    own = {"User-Agent": f"paqa-builder/{__version__}", "Accept-Encoding": "identity"}
    request = urllib.request.Request(url, headers=own | headers)
    if token:
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    return urllib.request.urlopen(request, timeout=TIMEOUT)


def _receive(request: _Request, file: IO[bytes], progress: Progress) -> None:
    """One request for the missing bytes. Raises urllib's errors; IncompleteRead for a cut connection."""
    size, etag_file = file.tell(), _etag_file(Path(file.name))
    headers = {}
    if size and etag_file.is_file():
        # If the server has another file by now, it sends that one from the start.
        headers = {"Range": f"bytes={size}-", "If-Range": etag_file.read_text(encoding="utf-8")}
    try:
        response = open_url(request.url, headers, request.token)
    except urllib.error.HTTPError as error:
        if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        if error.headers.get("Content-Range") == f"bytes */{size}":  # the file is complete
            return
        _discard(file, etag_file)
        raise http.client.IncompleteRead(b"") from error
    with response:
        begins = response.headers.get("Content-Range", "").startswith(f"bytes {size}-")
        if size and not (response.status == http.client.PARTIAL_CONTENT and begins):
            _discard(file, etag_file)
            if response.status == http.client.PARTIAL_CONTENT:  # of another place than was asked for
                raise http.client.IncompleteRead(b"")
        length = response.headers.get("Content-Length")
        total = file.tell() + int(length) if length and length.isdigit() else None
        if request.size and total not in (None, request.size):
            raise NotReadyError(
                f"{request.url} has {total} bytes, expected {request.size}", fix=request.refused
            )
        if validator := _validator(response):
            etag_file.write_text(validator, encoding="utf-8")
        while block := response.read(_CHUNK):
            file.write(block)
            progress(file.tell(), total)
        if total is not None and file.tell() < total:
            raise http.client.IncompleteRead(b"", total - file.tell())
    if request.size and file.tell() != request.size:
        raise NotReadyError(
            f"{request.url} has {file.tell()} bytes, expected {request.size}", fix=request.refused
        )


def _validator(response: http.client.HTTPResponse) -> str:
    """The server's identifier of the version of a file: a strong ETag, or the date of its last change."""
    etag = response.headers.get("ETag", "")
    if etag and not etag.startswith("W/"):
        return etag
    return response.headers.get("Last-Modified", "")


def _discard(file: IO[bytes], etag_file: Path) -> None:
    file.truncate(0)
    file.seek(0)
    etag_file.unlink(missing_ok=True)


def _etag_file(part: Path) -> Path:
    """File with the server's identifier of the version that ``part`` belongs to."""
    return part.with_name(f"{part.name}.etag")
