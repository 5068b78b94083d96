"""Executors: where tasks run. They know nothing of stages; a task is a function and its argument.

An executor yields each task with its result as it finishes, in any order. A worker that dies (out
of memory, a crash in native code) does not raise: the tasks that it may have been working on come
back as :class:`Crash`, and the caller decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from paqa_builder.config import Config

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Crash:
    """The worker died. ``alone`` says that nothing else was running: this task is to blame."""

    alone: bool


class Executor(Protocol):
    """Runs tasks somewhere."""

    def run(self, function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[tuple[T, R | Crash]]:
        """Yields every task with its result. Exceptions of ``function`` are raised here."""
        ...

    def run_alone(self, function: Callable[[T], R], task: T) -> R | Crash:
        """Runs one task in a worker of its own."""
        ...


def executor_for(config: Config, *, on_gpu: bool = False) -> Executor:
    """The executor that a configuration asks for.

    Args:
        on_gpu: Whether the tasks can use a GPU; then there is one worker a GPU, where there are any.
    """
    if config.executor == "inline":
        from paqa_builder.runtime.inline import Inline

        return Inline()
    from paqa_builder.runtime.device import workers
    from paqa_builder.runtime.processes import Processes

    gpus = workers(config.device or "auto") if on_gpu and config.jobs is None else None
    return Processes(gpus or config.workers)


def worker_environment() -> dict[str, Any]:
    """Environment of every process that runs a model, set before heavy libraries are imported.

    One thread per process: results must not depend on ``--jobs``, and two torch threads on a busy
    machine ran 4 to 12 times slower than one. No library phones home or downloads.
    """
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
    return dict.fromkeys(threads, "1") | {
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "PYANNOTE_METRICS_ENABLED": "0",
        "DO_NOT_TRACK": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
