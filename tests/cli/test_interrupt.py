"""Signals and closed pipes: how a command ends that is not let finish."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.llm_server import Server, Trouble, fair, serving

PAQA = [sys.executable, "-m", "paqa_builder"]
# One signal ends a command within this time; the interpreter's start on a busy machine is not counted.
LIMIT = 5.0


def end(child: subprocess.Popen[bytes], number: int) -> tuple[float, str]:
    """Sends one signal; returns the seconds until the end, and what was printed on stderr."""
    child.send_signal(number)
    began = time.monotonic()
    _, text = child.communicate(timeout=60)
    return time.monotonic() - began, text.decode()


@pytest.fixture
def slow() -> Iterator[Server]:
    """A language model whose replies take ten minutes, except the first ones."""

    def model(system: str, user: str) -> Any:
        return fair(system, user) if len(server.requests) <= 3 else Trouble(sleep=600)

    with serving(model) as server:
        yield server


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_slow_reply_does_not_delay_the_end(slow: Server, corpus: Path, tmp_path: Path, number: int) -> None:
    arguments = [
        "build",
        "-s",
        "folder",
        "--root",
        corpus,
        "-o",
        tmp_path / "out",
        "--preset",
        "fake",
        "-j",
        1,
    ]
    environment = os.environ | {"PAQA_EXECUTOR": "inline"}
    child = subprocess.Popen(
        [*PAQA, *map(str, arguments), "--llm", slow.url], stderr=subprocess.PIPE, env=environment
    )
    while child.poll() is None and len(slow.requests) < 5:
        time.sleep(0.02)
    took, text = end(child, number)
    assert (child.returncode, took < LIMIT) == (130, True), (took, text)
    assert "run the same command again" in text
    assert "Traceback" not in text


NATIVE = """
import sys, time, threading
from paqa_builder.runtime import interrupt
interrupt.install()
print("ready", flush=True)
{body}
"""


@pytest.mark.parametrize(
    "body",
    [
        "time.sleep(600)",
        # A library that swallows the exception, a thread that never ends, and a handler that cannot run.
        "while True:\n    try:\n        time.sleep(600)\n    except BaseException:\n        pass",
        "threading.Thread(target=time.sleep, args=(600,)).start()\ntime.sleep(600)",
        "lock = threading.Lock(); lock.acquire()\nimport ctypes; ctypes.CDLL(None).sleep(600)",
    ],
)
def test_a_process_that_cannot_react_is_ended(body: str) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", NATIVE.format(body=body)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdout
    assert child.stdout.readline() == b"ready\n"
    took, text = end(child, signal.SIGTERM)
    assert took < LIMIT, text
    assert child.returncode == 130 or "KeyboardInterrupt" in text  # nothing catches it in the first body


def test_a_signal_during_the_start_ends_quietly() -> None:
    for delay in (0.05, 0.15, 0.3):
        child = subprocess.Popen([*PAQA, "ls", "backends"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(delay)
        took, text = end(child, signal.SIGTERM)
        assert took < LIMIT
        # Before Python has started, the signal ends the process as any other.
        assert child.returncode in (0, 130, -signal.SIGTERM)
        assert "Traceback" not in text


@pytest.mark.parametrize(
    "command", ["ls backends", "ls templates --json", "ls templates --markdown", "--help"]
)
def test_a_closed_pipe_ends_quietly(command: str) -> None:
    script = f"{sys.executable} -m paqa_builder {command} | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_closed_pipe_does_not_end_a_build(corpus: Path, tmp_path: Path) -> None:
    arguments = f"build -s folder --root {corpus} -o {tmp_path / 'out'} --preset fake -j 1"
    script = f"{sys.executable} -m paqa_builder {arguments} 2>&1 | true; exit ${{PIPESTATUS[0]}}"
    environment = os.environ | {"PAQA_EXECUTOR": "inline"}
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=False, env=environment)
    assert done.returncode == 0
    assert (tmp_path / "out" / "README.md").is_file()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_behind_the_output_is_an_error() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run([*PAQA, "ls", "backends"], stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 4
    assert b"cannot be written (No space left on device)" in done.stderr
    assert b"Traceback" not in done.stderr
