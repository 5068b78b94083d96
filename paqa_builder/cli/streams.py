"""Standard output and error of a command whose reader may have ended (``paqa ls backends | head -1``)."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from paqa_builder.errors import NotReadyError

_CLOSED = (errno.EPIPE, errno.EIO)  # EIO: a terminal that was closed


@contextmanager
def tolerant() -> Iterator[None]:
    """Replaces ``sys.stdout`` and ``sys.stderr`` in the block by :class:`Stream`."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (_wrapped(stream) for stream in before)
    try:
        yield
    finally:
        with suppress(NotReadyError):
            sys.stdout.flush()
            sys.stderr.flush()
        sys.stdout, sys.stderr = before


def _wrapped(stream: TextIO | None) -> Any:
    # Without the file descriptor (`paqa ls >&-`) Python has no stream.
    return Stream(stream if stream is not None else open(os.devnull, "w", encoding="utf-8"))


class Stream:
    """A text stream. After its reader has ended, further text is discarded and the command goes on.

    The command keeps its own exit code, and a build is finished although nothing shows its progress.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes text.

        Raises:
            NotReadyError: The file that the stream goes to cannot be written, e.g. for lack of space.
        """
        try:
            return self._stream.write(text)
        except OSError as error:
            self._discard(error)
            return len(text)

    def flush(self) -> None:
        """Writes what is buffered; raises as :meth:`write` does."""
        try:
            self._stream.flush()
        except OSError as error:
            self._discard(error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _discard(self, error: OSError) -> None:
        # The stream keeps the text that it could not write, and would write it again at exit.
        with suppress(OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self._stream.fileno())
            os.close(null)
        if error.errno not in _CLOSED:
            raise NotReadyError(
                f"the output of the command cannot be written ({error.strerror})",
                fix="free some space, or redirect the output to another place",
            ) from error
