"""Runs ``paqa`` as a user does and examines how it ended."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import unicodedata
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import paqa_builder

PACKAGE = Path(paqa_builder.__file__).parents[1]
BIDI = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended.

    Attributes:
        code: Exit code; negative: the signal that ended it.
        text: Its output and errors.
        peak_mb: Largest resident memory of one of its processes; 0 if not measured.
        stopped: Why it was stopped before its end; else empty.
        cpu_seconds: Seconds of processor time of all its processes; 0 if not measured.
    """

    code: int
    text: str
    seconds: float
    peak_mb: float = 0.0
    stopped: str = ""
    cpu_seconds: float = 0.0


class Command:
    """A ``paqa`` command that runs in a session of its own."""

    def __init__(
        self,
        *arguments: object,
        script: tuple[object, ...] = ("-m", "paqa_builder"),
    ) -> None:
        """Starts the command.

        Args:
            script: What Python runs.
        """
        self._output = tempfile.TemporaryFile()  # noqa: SIM115, read in `wait`
        self._began, self._cpu = time.monotonic(), _cpu_of_children()
        self._peak = 0.0
        self._process = subprocess.Popen(
            [sys.executable, *map(str, script), *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=clean_environment(),
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """Sends SIGKILL to the command alone; its workers have to notice."""
        self._process.kill()
        self._process.wait()

    def kill_session(self) -> None:
        """Sends SIGKILL to the command and its workers."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    def alive(self) -> list[int]:
        """Processes of the command's session that still run."""
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                with suppress(OSError, IndexError):
                    state, _, _, session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
                    if int(session) == self.pid and state != "Z":
                        found.append(int(folder.name))
        return found

    def wait(self, seconds: float = 600.0, megabytes: float = 8000.0) -> Ended:
        """Waits for the end. Stops the command where it takes longer, or more memory, than the limits."""
        stopped = ""
        while self.running and not stopped:
            time.sleep(0.02)
            self._peak = max([self._peak, *map(_peak_mb, _tree(self.pid))])
            if time.monotonic() - self._began > seconds:
                stopped = f"still running after {seconds:.0f} s"
            elif self._peak > megabytes:
                stopped = f"took more than {megabytes:.0f} MB"
        took = time.monotonic() - self._began
        if stopped:
            self.kill_session()
        self._output.seek(0)
        text = self._output.read().decode("utf-8", "surrogateescape")
        code = self._process.wait()
        return Ended(code, text, took, self._peak, stopped, _cpu_of_children() - self._cpu)


def paqa(*arguments: object, seconds: float = 600.0, megabytes: float = 8000.0) -> Ended:
    """Runs a ``paqa`` command to its end."""
    return Command(*arguments).wait(seconds, megabytes)


def forked(*arguments: object, prepare: Callable[[], None] | None = None, seconds: float = 300.0) -> Ended:
    """Runs a ``paqa`` command in a copy of this process, which has imported the package already.

    Args:
        prepare: Called in the copy before the command.
    """

    for name in ("paqa_builder.cli", "paqa_builder.pipeline.build"):
        import_module(name)
    import_module("paqa_builder.questions").load_templates()  # these are cached, so copies need not read them
    began = time.monotonic()
    with tempfile.TemporaryFile() as output:
        pid = os.fork()
        if pid == 0:
            _run_and_exit([str(argument) for argument in arguments], output.fileno(), prepare)
        stopped, status = "", 0
        while not (ended := os.waitpid(pid, os.WNOHANG))[0]:
            time.sleep(0.01)
            if not stopped and time.monotonic() - began > seconds:
                stopped = f"still running after {seconds:.0f} s"
                os.kill(pid, signal.SIGKILL)
        status = ended[1]
        output.seek(0)
        text = output.read().decode("utf-8", "surrogateescape")
    return Ended(os.waitstatus_to_exitcode(status), text, time.monotonic() - began, 0.0, stopped)


def _run_and_exit(arguments: list[str], output: int, prepare: Callable[[], None] | None) -> None:
    code = 1
    try:
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
        for name in [name for name in os.environ if name.startswith("PAQA_") and name != "PAQA_CACHE"]:
            del os.environ[name]
        from paqa_builder.cli import app

        if prepare:
            prepare()
        app(arguments)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def clean_environment() -> dict[str, str]:
    """The environment without settings of ``paqa``, with this process's package first on Python's path."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PAQA_") or name in ("PAQA_CACHE", "PAQA_TESTDATA")
    }
    path = os.pathsep.join(filter(None, [str(PACKAGE), kept.get("PYTHONPATH", "")]))
    return kept | {"PYTHONPATH": path, "NO_COLOR": "1", "COLUMNS": "200"}


def problem(ended: Ended, codes: Collection[int] = (0,)) -> str | None:
    """What is wrong with the end of a command, if anything: a time limit, a traceback, its exit code."""
    lines = [line for line in ended.text.splitlines() if line.strip()]
    if ended.stopped:
        return ended.stopped
    if "Traceback (most recent call last)" in ended.text:
        last = next((line for line in reversed(lines) if re.match(r"[\w.]+(:|$)", line)), lines[-1])
        return f"traceback, {shown(last)}"
    if ended.code not in codes:
        error = next((line for line in lines if line.startswith("error")), (lines or ["no output"])[-1])
        return f"exit code {ended.code}, {shown(error)}"
    return None


def control_character(text: str) -> str | None:
    """The first character that a terminal would act on, if there is one."""
    for character in text:
        if character not in "\n\t" and (unicodedata.category(character) == "Cc" or character in BIDI):
            at = text.index(character)
            return f"{character!r} in the output: {text[max(0, at - 30) : at + 10]!r}"
    return None


def shown(text: str, length: int = 160) -> str:
    """A text on one line, printable and short."""
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text.strip())
    return text if len(text) <= length else text[: length - 1] + "…"


def _tree(pid: int) -> Iterator[int]:
    yield pid
    with suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            yield from _tree(int(child))


def _cpu_of_children() -> float:
    """Seconds of processor time of all ended processes that this one has started."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _peak_mb(pid: int) -> float:
    with suppress(OSError, ValueError):
        found = re.search(r"VmHWM:\s*(\d+) kB", Path(f"/proc/{pid}/status").read_text())
        return int(found[1]) / 1024 if found else 0.0
    return 0.0
