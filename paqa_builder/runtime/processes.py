"""Runs tasks in worker processes on this machine."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool

from paqa_builder.runtime.executor import Crash, R, T, worker_environment


class Processes:
    """A pool of ``workers`` processes, started afresh for every :meth:`run`.

    Workers are spawned, not forked: a fork would inherit locks and threads of loaded libraries.
    Starting afresh frees the last stage's model.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def run(self, function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[tuple[T, R | Crash]]:
        waiting = iter(tasks)
        while True:
            first = next(waiting, None)
            if first is None:
                return
            waiting = itertools.chain([first], waiting)
            yield from self._run_until_crash(function, waiting)

    def run_alone(self, function: Callable[[T], R], task: T) -> R | Crash:
        return next(result for _, result in Processes(1).run(function, [task]))

    def _run_until_crash(
        self, function: Callable[[T], R], tasks: Iterator[T]
    ) -> Iterator[tuple[T, R | Crash]]:
        pool = _pool(self.workers)
        under_way: dict[Future[R], T] = {}
        # A task in reserve keeps every worker busy, and few are lost or held in memory.
        reserve = 2 * self.workers if self.workers > 1 else 1
        try:
            while True:
                for task in itertools.islice(tasks, reserve - len(under_way)):
                    under_way[pool.submit(function, task)] = task
                if not under_way:
                    pool.shutdown()
                    return
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
        finally:
            _stop(pool)


def _pool(workers: int) -> ProcessPoolExecutor:
    # Libraries read these when they are imported, so they must be there when the worker starts.
    os.environ.update(worker_environment())
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, context, initializer=_start_worker, initargs=(os.getpid(),))


def _stop(pool: ProcessPoolExecutor) -> None:
    """Ends the workers at once; parts are written atomically, so no work can be half done."""
    workers = list((pool._processes or {}).values())
    pool.shutdown(wait=False, cancel_futures=True)
    for worker in workers:
        worker.terminate()


def _start_worker(parent: int) -> None:
    # Ctrl-C reaches the whole process group; the parent alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with, args=(parent,), daemon=True).start()


def _die_with(parent: int) -> None:
    """Ends this worker when its parent is gone, also after a kill -9."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
