"""Connection to a Ray cluster, and what fits on its nodes."""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import Mapping
from contextlib import contextmanager, suppress
from typing import Any

from paqa_builder.config import Config
from paqa_builder.config.resources import RayOptions
from paqa_builder.errors import NotReadyError
from paqa_builder.runtime.compat import importing

log = logging.getLogger(__name__)

LOCAL = "local"
_CONNECT = 10.0
"""Seconds to wait for the port of a cluster."""
_STORE = 200 << 20
"""Bytes of the object store of a cluster on this machine. Tasks and results are small."""
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "0",
}


def connect(options: RayOptions, workers: int) -> Any:
    """Connects this process to a cluster, unless it is connected, and returns the module ``ray``.

    Args:
        workers: CPUs of a cluster that is started on this machine, if it has fewer cores.

    Raises:
        NotReadyError: Ray is not installed, or no cluster answers.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    with importing("ray", "ray"):
        import ray
    if ray.is_initialized():
        return ray
    _keep_stdout_clean(ray)
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": True}
    with _signals():
        try:
            if options.address == LOCAL:
                cpus = max(workers, _cores())
                ray.init(
                    address="local", num_cpus=cpus, include_dashboard=False, object_store_memory=_STORE,
                    **quiet,
                )  # fmt: skip
            else:
                _check(options.address)
                ray.init(address=options.address, **quiet)
        except (ConnectionError, RuntimeError, ValueError, TimeoutError, OSError, KeyError) as error:
            raise NotReadyError(
                f"no Ray cluster can be used at address {options.address!r}: {_first_line(error)}",
                fix="start one (`ray start --head`), name it with --address HOST:PORT, or start one on this "
                "machine with --address local",
            ) from error
    return ray


def _check(address: str) -> None:
    """Raises an error for an address that does not answer, for which Ray would wait long."""
    if address == "auto":
        return
    if "://" in address:
        raise ValueError("Ray clients are not supported; run paqa on a node of the cluster, for example "
                         "with `ray job submit`")  # fmt: skip
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise ValueError("it must be HOST:PORT, auto or local")
    socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT).close()


def _keep_stdout_clean(ray: Any) -> None:
    """Sends Ray's messages on lost nodes to the log instead of standard output, which holds JSON."""
    inner: Any = getattr(getattr(ray, "_private", None), "worker", None)
    if hasattr(inner, "print_to_stdstream"):
        inner.print_to_stdstream = lambda data, **_: log.debug("ray: %s", data)


@contextmanager
def _signals() -> Any:
    """Restores the signal handlers, one of which Ray replaces."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    try:
        yield
    finally:
        with suppress(ValueError):  # not the main thread
            for number, handler in zip(numbers, before, strict=True):
                if handler is not None:
                    signal.signal(number, handler)


def _cores() -> int:
    return Config.model_construct(jobs=None).workers


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__


def nodes(ray: Any) -> list[Mapping[str, Any]]:
    """The nodes that are alive."""
    return [node for node in ray.nodes() if node["Alive"]]


def is_alive(ray: Any, node: str) -> bool:
    """Whether a node is alive, by its id."""
    return any(other["NodeID"] == node for other in nodes(ray))


def capacity(ray: Any, needed: Mapping[str, float]) -> int:
    """How many workers fit on all nodes together, if nothing else runs there.

    Args:
        needed: Amounts by Ray's names of resources, as in :func:`described`.
    """
    return sum(_fit(node["Resources"], needed) for node in nodes(ray))


def _fit(total: Mapping[str, float], needed: Mapping[str, float]) -> int:
    amounts = [(total.get(name, 0.0), amount) for name, amount in needed.items() if amount > 0]
    if not amounts:
        return int(max(1.0, total.get("CPU", 1.0)))
    return min(int(has / amount + 1e-9) for has, amount in amounts)


def described(amounts: Mapping[str, float]) -> str:
    """Resources as text.

    Example:
        >>> described({"CPU": 2, "GPU": 0.5, "memory": 4e9})
        '2 CPUs, 0.5 GPUs, 4 GB of memory'
    """
    units = (("CPU", 1.0, "CPUs"), ("GPU", 1.0, "GPUs"), ("memory", 1e9, "GB of memory"))
    return ", ".join(
        f"{amounts[name] / scale:.3g} {unit}" for name, scale, unit in units if amounts.get(name)
    ) or "no resources"  # fmt: skip


def all_nodes(ray: Any) -> str:
    """The resources of each node, as text."""
    listed = [f"{node['NodeManagerAddress']}: {described(node['Resources'])}" for node in nodes(ray)]
    return "; ".join(listed) or "no nodes"
