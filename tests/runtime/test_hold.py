"""One build at a time in a folder."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import filelock
import pytest

from paqa_builder.errors import NotReadyError
from paqa_builder.runtime import hold as holding
from paqa_builder.runtime.hold import hold

HOLD = """
import sys
from pathlib import Path
from paqa_builder.runtime.hold import hold
with hold(Path(sys.argv[1]), "--out"):
    print("held", flush=True)
    sys.stdin.read()
"""
COUNT = """
import sys
from pathlib import Path
from paqa_builder.errors import NotReadyError
from paqa_builder.runtime.hold import hold
folder, counter, done = Path(sys.argv[1]), Path(sys.argv[2]), 0
while done < 30:
    try:
        with hold(folder, "--out"):
            counter.write_text(str(int(counter.read_text()) + 1))
        done += 1
    except NotReadyError:
        pass
"""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "WAIT", 0.1)


def another(folder: Path) -> subprocess.Popen:
    """A process that holds a folder until its input is closed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout
    assert process.stdout.readline() == b"held\n"
    return process


def refused(folder: Path, holder: int) -> None:
    with (
        pytest.raises(NotReadyError, match=rf"another build .*process {holder} on ") as error,
        hold(folder, "-o"),
    ):
        pass
    assert "-o" in (error.value.fix or "")


def test_another_process_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    out = tmp_path / "out"
    (tmp_path / "link").symlink_to(out)
    holder = another(tmp_path / "link")
    for path in (out, tmp_path / "link", tmp_path / "link" / ".." / "out"):
        refused(path, holder.pid)
    holder.communicate()
    assert not list(out.iterdir())
    with hold(out, "--out"):
        pass


def test_a_killed_holder_blocks_nobody(tmp_path: Path) -> None:
    holder = another(tmp_path)
    holder.kill()
    holder.communicate()
    assert list(tmp_path.iterdir())
    with hold(tmp_path, "--out"):
        pass
    assert not list(tmp_path.iterdir())


def test_the_same_thread_may_hold_a_folder_twice_another_may_not(tmp_path: Path) -> None:
    found: list[str] = []

    def other_thread() -> None:
        try:
            with hold(tmp_path, "--out"):
                pass
        except NotReadyError as error:
            found.append(str(error))

    with hold(tmp_path, "--out"):
        with hold(tmp_path / "." / "x" / "..", "--work"):
            pass
        thread = threading.Thread(target=other_thread)
        thread.start()
        thread.join()
        refused_by_process = subprocess.run(
            [sys.executable, "-c", HOLD, str(tmp_path)], capture_output=True, text=True, check=False
        )
        assert f"process {os.getpid()} on" in refused_by_process.stderr
    assert f"process {os.getpid()} on" in found[0]


def test_races_exclude_each_other(tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")
    racers = [
        subprocess.Popen([sys.executable, "-c", COUNT, str(tmp_path / "out"), str(counter)]) for _ in range(4)
    ]
    assert [racer.wait(60) for racer in racers] == [0] * 4
    assert counter.read_text() == "120"
    assert not list((tmp_path / "out").iterdir())


def test_a_full_disk_does_not_prevent_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with hold(tmp_path, "--out"):
        other = [sys.executable, "-c", HOLD, str(tmp_path)]
        assert b"another build uses" in subprocess.run(other, capture_output=True, check=False).stderr


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_a_folder_that_is_not_writable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def fails(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(filelock.FileLock, "acquire", fails)
    with pytest.raises(NotReadyError, match="--work"), hold(tmp_path, "--work"):
        pass


def test_a_file_system_without_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(filelock.FileLock, "acquire", fails)
    with hold(tmp_path, "--out"):
        assert "only one build at a time" in caplog.text
    assert not list(tmp_path.iterdir())
