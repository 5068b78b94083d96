"""Runs tasks in this process, one after the other: for tests and for a debugger."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from paqa_builder.runtime.executor import Crash, R, T


class Inline:
    """A crash of native code takes this process with it; everything else is the same."""

    def run(self, function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[tuple[T, R | Crash]]:
        for task in tasks:
            yield task, function(task)

    def run_alone(self, function: Callable[[T], R], task: T) -> R | Crash:
        return function(task)
