"""Executor ``ray``: runs tasks on the nodes of a Ray cluster.

Each worker is an actor, a process that keeps its stage's model and runs one task at a time. Workers start
when a run begins and end with it, as those of :class:`~paqa_builder.runtime.executor.Processes`. Nodes may
join and leave meanwhile.
"""

from __future__ import annotations

import itertools
import logging
import os
import time
import uuid
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from paqa_builder.config.resources import RayOptions, Resources
from paqa_builder.errors import NotReadyError, PaqaError
from paqa_builder.files import temporary_name
from paqa_builder.runtime import ray_cluster
from paqa_builder.runtime.executor import Crash, worker_environment
from paqa_builder.runtime.ray_worker import NodeState, Worker, software

log = logging.getLogger(__name__)

_POLL = 1.0
"""Seconds between two looks at the cluster."""
_QUEUE = 2
"""Tasks of a worker: one that runs, and one that waits there so that it is never idle."""
_LOSSES = 3
"""Times that a task is run again because its node was lost."""
_FAILED_STARTS = 3
"""Workers in a row that may fail to start."""

T = TypeVar("T")
R = TypeVar("R")


@dataclass(eq=False)
class _Job:
    """A task, and how often its node was lost."""

    task: Any
    losses: int = 0


@dataclass(eq=False)
class _Actor:
    handle: Any
    node: NodeState | None = None
    jobs: deque[tuple[Any, _Job]] = field(default_factory=deque)
    """(reference of the result, job), in the order in which they run."""


class Ray:
    """Runs tasks on a Ray cluster.

    Args:
        resources: What each worker needs.
        on_gpu: Whether the tasks can use a GPU.
        workers: The number of workers; by default as many as the nodes have room for.
        folder: The work folder, which all nodes must share.
    """

    def __init__(
        self,
        options: RayOptions,
        resources: Resources,
        *,
        on_gpu: bool = False,
        workers: int | None = None,
        folder: Path | None = None,
    ) -> None:
        self._options = options
        self._resources = resources
        self._on_gpu = on_gpu
        self._workers = workers
        self._folder = folder

    def run(self, function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[tuple[T, R | Crash]]:
        with self._pool(self._workers) as pool:
            yield from pool.run(function, iter(tasks))

    def run_alone(self, function: Callable[[T], R], task: T) -> R | Crash:
        with self._pool(1) as pool:
            return next(result for _, result in pool.run(function, iter([task])))

    @contextmanager
    def _pool(self, workers: int | None) -> Iterator[_Pool]:
        ray = ray_cluster.connect(self._options, self._workers or 1)
        gpus = self._resources.gpus
        if gpus is None:
            with_gpu = any(node["Resources"].get("GPU") for node in ray_cluster.nodes(ray))
            gpus = 1.0 if self._on_gpu and with_gpu else 0.0
        needed = {"CPU": self._resources.cpus, "GPU": gpus}
        if self._resources.memory_gb:
            needed["memory"] = self._resources.memory_gb * 1e9
        pool = _Pool(ray, needed, workers, self._options, self._folder)
        try:
            yield pool
        except (KeyboardInterrupt, GeneratorExit):
            pool.close()
            if self._options.address == ray_cluster.LOCAL:
                ray.shutdown()  # an interrupted process exits without it, and would leave processes of Ray
            raise
        finally:
            pool.close()


class _Pool:
    """The workers of one run."""

    def __init__(
        self,
        ray: Any,
        needed: dict[str, float],
        workers: int | None,
        options: RayOptions,
        folder: Path | None,
    ) -> None:
        self._ray = ray
        self._needed = needed
        self._workers = workers
        self._options = options
        self._actors: list[_Actor] = []
        self._starting: dict[Any, _Actor] = {}
        self._backlog: deque[_Job] = deque()
        self._room, self._looked = 0, -_POLL
        self._failed_starts = 0
        self._last_useful = time.monotonic()
        self._warned = False
        self._probe = _write_probe(folder)
        keywords: dict[str, Any] = {"num_cpus": needed["CPU"], "num_gpus": needed["GPU"]}
        if "memory" in needed:
            keywords["memory"] = int(needed["memory"])
        self._class = ray.remote(max_restarts=0, max_task_retries=0, **keywords)(Worker)

    def run(self, function: Callable[[T], R], tasks: Iterator[T]) -> Generator[tuple[T, R | Crash]]:
        """Yields every task with its result."""
        while True:
            self._start_workers(tasks)
            self._submit(function, tasks)
            running = {actor.jobs[0][0]: actor for actor in self._actors if actor.jobs}
            if not running and not self._backlog:
                return
            for reference in self._finished([*running, *self._starting]):
                if reference in self._starting:
                    self._started(reference)
                elif outcome := self._result(running[reference]):
                    yield outcome
            self._check_progress()

    def _finished(self, references: list[Any]) -> list[Any]:
        """The references that have a result within :data:`_POLL` seconds; at most one."""
        if not references:
            time.sleep(_POLL)
            return []
        return self._ray.wait(references, num_returns=1, timeout=_POLL)[0]

    def close(self) -> None:
        """Ends all workers."""
        for actor in [*self._actors, *self._starting.values()]:
            self._kill(actor)
        self._actors.clear()
        self._starting.clear()
        if self._probe is not None:
            with suppress(OSError):
                self._probe.unlink()

    def _start_workers(self, tasks: Iterator[Any]) -> None:
        if time.monotonic() - self._looked >= _POLL:
            self._room = ray_cluster.capacity(self._ray, self._needed)
            self._looked = time.monotonic()
        target = min(self._workers or self._room, self._room)
        self._fill(tasks, max(1, target))
        busy = sum(bool(actor.jobs) for actor in self._actors)
        wanted = min(target, busy + len(self._backlog)) - len(self._actors) - len(self._starting)
        defaults = {name: os.environ[name] for name in ("PAQA_CACHE",) if name in os.environ}
        for _ in range(wanted):
            handle = self._class.remote(worker_environment(), defaults)
            self._starting[handle.describe.remote(self._probe)] = _Actor(handle)

    def _started(self, reference: Any) -> None:
        """Takes a worker into use, or forgets it if it did not start."""
        actor = self._starting.pop(reference)
        try:
            actor.node = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            self._kill(actor)
            self._failed_starts += 1
            if self._failed_starts >= _FAILED_STARTS:
                raise NotReadyError(
                    f"workers on the Ray cluster do not start: {_last_line(error)}",
                    fix="install the same version of paqa-builder and its extras on every node",
                ) from error
            return
        self._failed_starts = 0
        self._check_node(actor.node)
        self._actors.append(actor)

    def _check_node(self, node: NodeState) -> None:
        if not node.sees_folder and self._probe is not None:
            raise NotReadyError(
                f"node {node.host} of the Ray cluster does not see the work folder {self._probe.parent}",
                fix="choose a --work (and a --root) on a disk that all nodes share at the same path",
            )
        own = software()
        differing = [
            f"{name} {node.software.get(name, 'missing')} instead of {own.get(name, 'none')}"
            for name in sorted({*own, *node.software})
            if own.get(name) != node.software.get(name)
        ]
        if differing:
            raise NotReadyError(
                f"node {node.host} of the Ray cluster has other software, so its results could differ: "
                + ", ".join(differing),
                fix="install the same versions on every node",
            )

    def _submit(self, function: Callable[[Any], Any], tasks: Iterator[Any]) -> None:
        # All workers get their first task before one gets its second.
        for depth in range(1, _QUEUE + 1):
            for actor in self._actors:
                if len(actor.jobs) >= depth:
                    continue
                self._fill(tasks, 1)
                if not self._backlog:
                    return
                job = self._backlog.popleft()
                actor.jobs.append((actor.handle.run.remote(function, job.task), job))

    def _fill(self, tasks: Iterator[Any], size: int) -> None:
        """Takes tasks until ``size`` wait for a worker."""
        self._backlog.extend(map(_Job, itertools.islice(tasks, max(0, size - len(self._backlog)))))

    def _result(self, actor: _Actor) -> tuple[Any, Any] | None:
        """The oldest task of a worker with its result; None if it is to be run again."""
        reference, job = actor.jobs.popleft()
        try:
            result, error = self._ray.get(reference)
        except self._ray.exceptions.RayError as died:
            return self._lost(actor, job, died)
        if error is not None:
            if isinstance(error, PaqaError) and actor.node is not None:
                error = type(error)(f"{error.message} (on node {actor.node.host})", fix=error.fix)
            raise error
        return job.task, result

    def _lost(self, actor: _Actor, job: _Job, died: Exception) -> tuple[Any, Crash] | None:
        """Removes a worker that died. Its other tasks, which had not begun, are run again.

        The task that it was running is run again, too, if the whole node is gone: the task did not cause it.
        If the worker had other tasks, one of them may have caused it, before the result arrived here.
        """
        self._actors.remove(actor)
        self._kill(actor)
        alone = not actor.jobs
        self._backlog.extendleft(other for _, other in reversed(actor.jobs))
        if self._node_is_lost(actor, died) and job.losses < _LOSSES:
            job.losses += 1
            self._backlog.appendleft(job)
            return None
        # A worker that waits for a place would take that of the worker that the caller now starts.
        for waiting in self._starting.values():
            self._kill(waiting)
        self._starting.clear()
        return job.task, Crash(alone)

    def _node_is_lost(self, actor: _Actor, died: Exception) -> bool:
        assert actor.node is not None
        unavailable = isinstance(died, self._ray.exceptions.ActorUnavailableError)
        known = "node has died" in str(died) or not ray_cluster.is_alive(self._ray, actor.node.id)
        if known or unavailable:
            log.warning("node %s of the Ray cluster is lost; its tasks are run again", actor.node.host)
        return known or unavailable

    def _check_progress(self) -> None:
        """Raises an error if no worker has been there for too long."""
        if self._actors:
            self._last_useful, self._warned = time.monotonic(), False
            return
        waited = time.monotonic() - self._last_useful
        needs = ray_cluster.described(self._needed)
        fits = ray_cluster.capacity(self._ray, self._needed) > 0
        if not fits and (waited > self._options.wait_seconds or self._options.address == ray_cluster.LOCAL):
            raise NotReadyError(
                f"a worker needs {needs}, and no node of the Ray cluster has that much "
                f"({ray_cluster.all_nodes(self._ray)})",
                fix="lower stages.NAME.resources in the configuration, or add a node",
            )
        if waited > self._options.wait_seconds:
            raise NotReadyError(
                f"no worker with {needs} could start on the Ray cluster within "
                f"{self._options.wait_seconds:g} s ({ray_cluster.all_nodes(self._ray)})",
                fix="wait until other jobs end (`ray status`), lower stages.NAME.resources, or raise "
                "ray.wait_seconds",
            )
        if waited > 5 and not self._warned:
            self._warned = True
            log.warning("waiting for a node of the Ray cluster with %s", needs)

    def _kill(self, actor: _Actor) -> None:
        with suppress(self._ray.exceptions.RayError, ValueError):
            self._ray.kill(actor.handle)


def _write_probe(folder: Path | None) -> Path | None:
    """A file by which a worker sees whether it shares the work folder; named as a temporary file."""
    if folder is None:
        return None
    path = folder.absolute() / temporary_name(uuid.uuid4().hex)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def _last_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()
