"""Time limits for code that may hang, such as a model on an unusual clip."""

from __future__ import annotations

import faulthandler
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from paqa_builder.files import temporary_name

_worker = False


class TimeLimitReached(BaseException):
    """The time is over. Not an ``Exception``, which a model's code may catch and ignore."""


def mark_worker() -> None:
    """Allows :func:`time_limit` to end this process, because it is a worker."""
    global _worker
    _worker = True


def in_worker() -> bool:
    """Whether this process is a worker."""
    return _worker


@contextmanager
def time_limit(seconds: float, note: Path) -> Iterator[None]:
    """Ends the block after ``seconds``.

    The block is interrupted where it runs Python code. Native code cannot be interrupted: a worker process
    then ends a little later, and the file ``note`` says so (:func:`limit_reached`). Without worker
    processes, native code is waited for.

    Raises:
        TimeLimitReached: The time is over.
    """
    if not hasattr(signal, "SIGALRM") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: Any) -> None:
        raise TimeLimitReached

    began = time.monotonic()
    handler = signal.signal(signal.SIGALRM, stop)
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        with _hard_limit(1.25 * seconds + 5, seconds, note):
            yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if left:  # a timer of the caller
            signal.setitimer(signal.ITIMER_REAL, max(0.001, left - (time.monotonic() - began)), interval)


@contextmanager
def _hard_limit(seconds: float, said: float, note: Path) -> Iterator[None]:
    if not _worker:
        yield
        return
    path = note.with_name(temporary_name(f"{note.name}.late"))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        file.write(f"{said:g}\n")
        file.flush()
        # Its own thread needs no interpreter lock, which native code may hold.
        faulthandler.dump_traceback_later(seconds, exit=True, file=file)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
            with suppress(OSError):
                path.unlink()


def limit_reached(note: Path) -> float | None:
    """The limit in seconds at which a worker ended itself, if one did; removes what it noted."""
    reached = None
    for path in note.parent.glob(f".{note.name}.late.*.tmp"):
        first, _, rest = path.read_text(encoding="utf-8", errors="replace").partition("\n")
        if rest:
            reached = float(first)
        path.unlink(missing_ok=True)
    return reached
