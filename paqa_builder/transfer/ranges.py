"""A file on a server as a seekable file, of which only the bytes that are read are downloaded."""

from __future__ import annotations

import http.client
import time
import urllib.error
from collections.abc import Callable
from typing import Any, TypeVar

from paqa_builder.errors import NotReadyError
from paqa_builder.transfer.download import ATTEMPTS, BUSY, LONGEST_WAIT, REFUSED, Wait, open_url, retry_after
from paqa_builder.transfer.seekable import SeekableFile

T = TypeVar("T")
_SKIP = 1 << 18
"""Bytes ahead that are read and dropped, in place of another request."""


class RemoteFile(SeekableFile):
    """A file on a server that answers requests for ranges of bytes.

    Reading onwards uses one response; a seek sends another request. Cut connections are resumed.

    Attributes:
        size: Number of bytes of the file.
        received: Number of bytes that were downloaded.
    """

    def __init__(
        self, url: str, *, token: str | None = None, refused: str = REFUSED, wait: Wait | None = None
    ) -> None:
        """Asks for the size.

        Raises:
            NotReadyError: The file cannot be had, or the server has no ranges.
        """
        self._url, self._token, self._refused, self._wait = url, token, refused, wait or time.sleep
        self._response: http.client.HTTPResponse | None = None
        self._at = self.received = 0
        self._etag = ""
        self.size = 0
        self._patiently(lambda: self._open(0))

    def readinto(self, buffer: Any) -> int:
        if self._place >= self.size:
            return 0
        data = self._patiently(lambda: self._read(len(buffer)))
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)

    def close(self) -> None:
        self._drop()
        super().close()

    def _patiently(self, action: Callable[[], T]) -> T:
        """The result of a request, which is repeated if the connection is cut or the server is busy."""
        for attempt in range(ATTEMPTS):
            asked = 0.0
            try:
                return action()
            except urllib.error.HTTPError as error:
                reason, asked = f"HTTP {error.code}", retry_after(error.headers.get("Retry-After", ""))
            except (OSError, http.client.HTTPException) as error:
                reason = str(getattr(error, "reason", "")) or str(error) or type(error).__name__
            self._drop()
            if asked > LONGEST_WAIT:
                break
            if attempt + 1 < ATTEMPTS:
                self._wait(max(asked, 2.0**attempt))
        raise NotReadyError(f"{self._url} cannot be reached ({reason})", fix="run the same command again")

    def _read(self, most: int) -> bytes:
        if self._response is None or not 0 <= self._place - self._at <= _SKIP:
            self._open(self._place)
        assert self._response is not None
        while self._at < self._place:
            dropped = len(self._response.read(self._place - self._at))
            if not dropped:
                raise http.client.IncompleteRead(b"")
            self._at, self.received = self._at + dropped, self.received + dropped
        data = self._response.read(min(most, self.size - self._place))
        if not data:
            raise http.client.IncompleteRead(b"")
        self._at, self.received = self._at + len(data), self.received + len(data)
        return data

    def _open(self, place: int) -> None:
        self._drop()
        try:
            response = open_url(self._url, {"Range": f"bytes={place}-"}, self._token)
        except urllib.error.HTTPError as error:
            if error.code >= 500 or error.code in BUSY:
                raise
            raise NotReadyError(
                f"{self._url}: HTTP {error.code} {error.reason}", fix=self._refused
            ) from error
        span, _, total = response.headers.get("Content-Range", "").partition("/")
        if response.status != http.client.PARTIAL_CONTENT or not total.isdigit():
            response.close()
            raise NotReadyError(
                f"{self._url}: the server sends only whole files", fix="fetch the corpus without --small"
            )
        etag = response.headers.get("ETag", "")
        if not span.startswith(f"bytes {place}-") or (self.size and (int(total), etag) != self._known()):
            response.close()
            raise NotReadyError(
                f"{self._url}: the server's file changed meanwhile", fix="run the same command again"
            )
        self.size, self._etag = int(total), etag
        self._response, self._at = response, place

    def _known(self) -> tuple[int, str]:
        return self.size, self._etag

    def _drop(self) -> None:
        if self._response is not None:
            self._response.close()
            self._response = None
