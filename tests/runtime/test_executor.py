"""Executors: results, exceptions and crashes of workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pytest

from paqa_builder.runtime import executor
from paqa_builder.runtime.executor import Crash, Inline, Processes


def square(n: int) -> int:
    return n * n


def die_on_three(n: int) -> int:
    if n == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return n


def refuse_two(n: int) -> int:
    if n == 2:
        raise ValueError("two")
    return n


def environment(name: str) -> str | None:
    return os.environ.get(name)


@pytest.mark.parametrize("executor", [Inline(), Processes(1), Processes(2)])
def test_every_task_comes_back_once(executor: Inline | Processes) -> None:
    assert sorted(executor.run(square, range(7))) == [(n, n * n) for n in range(7)]


@pytest.mark.parametrize("executor", [Inline(), Processes(2)])
def test_an_exception_reaches_the_caller(executor: Inline | Processes) -> None:
    with pytest.raises(ValueError, match="two"):
        list(executor.run(refuse_two, range(4)))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_worker_loses_no_task(workers: int) -> None:
    results = dict(Processes(workers).run(die_on_three, range(8)))
    assert sorted(results) == list(range(8))
    crashed = {n for n, result in results.items() if isinstance(result, Crash)}
    assert 3 in crashed
    assert all(result == n for n, result in results.items() if n not in crashed)


def test_a_task_that_a_broken_pool_refuses_is_run_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    submit = executor._submit
    submitted = []

    def submit_to_a_broken_pool_once(pool: ProcessPoolExecutor, function: Any, task: int) -> Future[Any]:
        submitted.append(task)
        if len(submitted) == 6:
            raise BrokenProcessPool
        return submit(pool, function, task)

    monkeypatch.setattr(executor, "_submit", submit_to_a_broken_pool_once)
    results = dict(Processes(2).run(square, range(8)))
    assert sorted(results) == list(range(8))
    assert results[submitted[5]] == submitted[5] ** 2


def test_a_crash_of_a_single_task_is_alone() -> None:
    assert Processes(4).run_alone(die_on_three, 3) == Crash(alone=True)
    assert Processes(4).run_alone(die_on_three, 4) == 4


def test_a_script_needs_no_guard_against_its_import_by_workers(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import math\n"
        "from paqa_builder.runtime.executor import Processes\n"
        "print(sorted(result for _, result in Processes(2).run(math.sqrt, [1, 4])))\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60)
    assert done.stdout == "[1.0, 2.0]\n", done.stderr


def test_models_get_one_thread_and_no_network() -> None:
    found = dict(Processes(1).run(environment, ["OMP_NUM_THREADS", "HF_HUB_OFFLINE"]))
    assert found == {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at /proc")
def test_tasks_in_this_process_get_one_thread() -> None:
    ((_, threads),) = Inline().run(_blas_threads, [0])
    assert set(threads) <= {1}


def _blas_threads(_: int) -> list[int]:
    import numpy  # noqa: F401 - its BLAS is counted
    from threadpoolctl import threadpool_info

    return [library["num_threads"] for library in threadpool_info()]


def test_workers_end_with_their_parent() -> None:
    code = (
        "import time\n"
        "from paqa_builder.runtime.executor import Processes\n"
        "if __name__ == '__main__':\n"
        "    for _ in Processes(2).run(time.sleep, [60, 60]): pass\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code])
    workers: list[int] = []
    deadline = time.monotonic() + 30
    while len(workers) < 2 and time.monotonic() < deadline:
        time.sleep(0.2)
        listing = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
        workers = [int(pid) for pid in listing if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert len(workers) == 2
    time.sleep(2)  # until they have started their watch
    parent.kill()
    parent.wait()
    while any(alive(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not any(alive(pid) for pid in workers)


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


def test_no_thread_of_a_pool_is_left_for_the_exit_of_the_interpreter() -> None:
    # Such a thread and the interpreter's exit used the same pipe: OSError "Bad file descriptor".
    before = set(threading.enumerate())
    assert Processes(1).run_alone(square, 4) == 16
    for _ in Processes(2).run(square, range(9)):
        break
    assert set(threading.enumerate()) <= before


def blocked_signals(_: int) -> bool:
    return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="no masks of signals on this system")
def test_ctrl_c_does_not_reach_a_worker_that_starts() -> None:
    assert Processes(1).run_alone(blocked_signals, 0)
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
