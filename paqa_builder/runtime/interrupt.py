"""Ctrl-C and SIGTERM: the first signal ends a command within seconds, with exit code 130.

The handler raises ``KeyboardInterrupt`` in the main thread. Python calls it between two instructions of the
main thread only. A call of native code, or a library that waits for its threads at exit, can therefore delay
the end. A second thread learns of the signal at once and ends the process after :data:`GRACE` seconds.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from typing import Any

from paqa_builder.errors import ExitCode

GRACE = 2.0
"""Seconds after a signal in which a command can end by itself."""
MESSAGE = "interrupted; finished work is kept: run the same command again to continue"

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_SHOW_CURSOR = b"\x1b[?25h"


class _State:
    raised = False
    """A ``KeyboardInterrupt`` was raised; later signals raise none and so let the cleanup finish."""
    reported = False
    """The message was printed."""
    ends: socket.socket | None = None
    """End of the pair that Python writes the signals' numbers to."""


def install() -> None:
    """Installs the handlers and the thread; for the main thread of a process that runs one command."""
    if _State.ends is not None:
        return
    for number in _SIGNALS:
        signal.signal(number, _raise)
    received, _State.ends = socket.socketpair()
    _State.ends.setblocking(False)
    signal.set_wakeup_fd(_State.ends.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(received,), daemon=True).start()


def report() -> str:
    """The message for the user; records that it is printed."""
    _State.reported = True
    return MESSAGE


def leave() -> None:
    """Called when a command is done: ends an interrupted process at once, and lets no later signal raise.

    The interpreter's own exit waits for threads and unloads all modules, which can take seconds.
    """
    if _State.raised and _State.reported:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        _end()
    _State.raised = True


def _raise(*_: Any) -> None:
    if not _State.raised:
        _State.raised = True
        raise KeyboardInterrupt


def _watch(received: socket.socket) -> None:
    while number := received.recv(1):
        if number[0] in _SIGNALS:
            time.sleep(GRACE)
            _end()


def _end() -> None:
    """Ends this process and its workers without any further cleanup; files are written atomically."""
    if "multiprocessing.process" in sys.modules:
        from multiprocessing import active_children

        for child in active_children():
            child.kill()
    if not _State.reported:
        cursor = _SHOW_CURSOR if os.isatty(2) else b""
        os.write(2, cursor + MESSAGE.encode() + b"\n")
    os._exit(ExitCode.INTERRUPTED)
