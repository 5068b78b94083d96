"""Executors: run tasks in this process, in worker processes or on a Ray cluster.

An executor yields each task with its result as it finishes, in any order. If a worker dies (out of memory, a
crash in native code), the result of the tasks that it may have been running is a :class:`Crash`.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
import threading
import time
import types
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any, Protocol, TypeVar

from paqa_builder.runtime import threads
from paqa_builder.runtime.time_limit import mark_worker
from paqa_builder.text.visible import show_log

_PATIENCE = 1.0
"""Seconds to wait for terminated workers before they are killed."""

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Crash:
    """Result of a task whose worker died. ``alone``: no other task was running, so this one caused it."""

    alone: bool


class Executor(Protocol):
    """Interface of an executor."""

    def run(self, function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[tuple[T, R | Crash]]:
        """Yields every task with its result. Exceptions of ``function`` are raised here."""
        ...

    def run_alone(self, function: Callable[[T], R], task: T) -> R | Crash:
        """Runs one task in a worker of its own."""
        ...


def retried(
    executor: Executor, function: Callable[[T], R], tasks: Iterable[T], doing: Callable[[T], str]
) -> Iterator[tuple[T, R]]:
    """Yields every task with its result. A task whose worker died is run again, alone.

    Args:
        doing: What a task does, for the error.

    Raises:
        RuntimeError: The worker died again.
    """
    for task, result in executor.run(function, tasks):
        if isinstance(result, Crash):
            result = executor.run_alone(function, task)
        if isinstance(result, Crash):
            raise RuntimeError(f"the worker died while {doing(task)}")
        yield task, result


class Inline:
    """Runs tasks in this process, one after the other; a crash of native code ends this process."""

    def run(self, function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[tuple[T, R | Crash]]:
        from threadpoolctl import threadpool_limits

        for task in tasks:
            with threadpool_limits(1):  # as in workers, where the environment says so
                result = function(task)
            yield task, result

    def run_alone(self, function: Callable[[T], R], task: T) -> R | Crash:
        return function(task)


class Processes:
    """Runs tasks in a pool of ``workers`` processes, started for every :meth:`run`.

    Workers are spawned, not forked: a fork would inherit locks and threads of loaded libraries.
    A new pool frees the last stage's model.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def run(self, function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[tuple[T, R | Crash]]:
        waiting = iter(tasks)
        while (first := next(waiting, None)) is not None:
            waiting = itertools.chain([first], waiting)
            refused = yield from self._run_until_crash(function, waiting)
            waiting = itertools.chain(refused, waiting)

    def run_alone(self, function: Callable[[T], R], task: T) -> R | Crash:
        return next(result for _, result in Processes(1).run(function, [task]))

    def _run_until_crash(
        self, function: Callable[[T], R], tasks: Iterator[T]
    ) -> Generator[tuple[T, R | Crash], None, list[T]]:
        """Runs tasks in one pool until none is left or a worker dies.

        Returns the tasks that were taken from ``tasks`` but not run: a pool refuses a task if a worker dies
        between two results.
        """
        pool = _pool(self.workers)
        under_way: dict[Future[R], T] = {}
        # One more task per worker keeps all of them busy; few tasks are lost or held in memory.
        reserve = 2 * self.workers if self.workers > 1 else 1
        refused: list[T] = []
        try:
            while True:
                for task in itertools.islice(tasks, reserve - len(under_way)):
                    refused = [task]
                    under_way[_submit(pool, function, task)] = task
                    refused = []
                if not under_way:
                    pool.shutdown()
                    return []
                finished, _ = wait(under_way, return_when=FIRST_COMPLETED)
                for future in finished:
                    if isinstance(future.exception(), BrokenProcessPool):
                        raise BrokenProcessPool
                    yield under_way.pop(future), future.result()
        except BrokenProcessPool:
            alone = len(under_way) == 1
            for future, task in under_way.items():
                survived = future.done() and future.exception() is None
                yield task, future.result() if survived else Crash(alone)
            return refused
        finally:
            _stop(pool)


class _Worker(SpawnProcess):
    """A spawned process that does not import the calling script, which needs no ``__main__`` guard."""

    def start(self) -> None:
        script = sys.modules["__main__"]
        sys.modules["__main__"] = types.ModuleType("__main__")
        try:
            super().start()
        finally:
            sys.modules["__main__"] = script


class _Spawn(SpawnContext):
    Process = _Worker


def _pool(workers: int) -> ProcessPoolExecutor:
    # Libraries read these when they are imported, so they must be there when the worker starts.
    os.environ.update(worker_environment())
    # It unblocks signals when it starts, so it must run before the workers start (see _submit).
    resource_tracker.ensure_running()
    return ProcessPoolExecutor(workers, _Spawn(), initializer=_start_worker, initargs=(os.getpid(),))


def _submit(pool: ProcessPoolExecutor, function: Callable[[T], R], task: T) -> Future[R]:
    """Submits a task, which may start a worker.

    A worker inherits that SIGINT is blocked: Ctrl-C reaches the whole process group, and a worker that is
    still importing would print a traceback.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        return pool.submit(function, task)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        return pool.submit(function, task)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _stop(pool: ProcessPoolExecutor) -> None:
    """Terminates the workers. Safe at any time, since files are written atomically.

    Waits for the pool's own thread: it closes a pipe at its end, into which the interpreter writes when it
    exits meanwhile (an OSError "Bad file descriptor").
    """
    workers = list((pool._processes or {}).values())
    manager: Any = pool._executor_manager_thread  # mypy takes it for another class
    pool.shutdown(wait=False, cancel_futures=True)
    for worker in workers:
        worker.terminate()
    if manager is not None:
        manager.join(_PATIENCE)
        if manager.is_alive():
            for worker in workers:
                worker.kill()
            manager.join(_PATIENCE)


def _start_worker(parent: int) -> None:
    # Ctrl-C reaches the whole process group; only the parent handles it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    mark_worker()
    show_log()
    threading.Thread(target=_exit_with, args=(parent,), daemon=True).start()


def _exit_with(parent: int) -> None:
    """Ends this worker when its parent has ended, also after a kill -9."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def worker_environment() -> dict[str, Any]:
    """Environment of every process that runs a model, set before heavy libraries are imported.

    Libraries run on one thread (see :mod:`paqa_builder.runtime.threads`), download nothing and send no
    telemetry.
    """
    return dict.fromkeys(threads.VARIABLES, "1") | {
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "PYANNOTE_METRICS_ENABLED": "0",
        "DO_NOT_TRACK": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
