"""ONNX files of the embedded torch networks, for onnxruntime on the CPU.

A network is exported once, in some seconds, into the cache of models. Later loads need no torch: they verify
the file's SHA-256, which is in a file beside it, and open it. A lock keeps workers that start together from
exporting at the same time.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from paqa_builder.errors import NotReadyError
from paqa_builder.files import disk_errors, file_sha256, write_atomic
from paqa_builder.runtime.compat import importing
from paqa_builder.runtime.folders import CACHE
from paqa_builder.runtime.threads import torch_cpu
from paqa_builder.weights import store
from paqa_builder.weights.table import TABLE

_VERSION, _OPSET = 1, 17
_WAIT = 600.0
"""Seconds that a worker waits for another one's export."""
INPUT, OUTPUT = "signal", "result"


def exported(
    weights: str,
    network: Callable[[Any], Any],
    shape: tuple[int, ...],
    varying: Mapping[str, Mapping[int, str]],
) -> Path:
    """The ONNX file of a network, exported if it is absent or damaged.

    Args:
        weights: Name of the weights in :data:`paqa_builder.weights.table.TABLE`.
        network: Takes torch and returns the module in evaluation mode.
        shape: Shape of an example input.
        varying: Axes of variable length of :data:`INPUT` and :data:`OUTPUT`.

    Raises:
        NotReadyError: The weights, torch or onnx are missing, the cache cannot be written, or another process
            holds the lock for longer than 10 minutes.
    """
    store.locate(weights)  # an exported file of an uninstalled package would hide that it is missing
    file = store.home(TABLE[weights]) / f"network-{_VERSION}.onnx"
    if _intact(file):
        return file
    from filelock import FileLock, Timeout

    lock = file.with_suffix(".lock")
    with disk_errors(lock, CACHE):
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(lock, timeout=_WAIT):
                if not _intact(file):
                    _write(file, network, shape, varying)
        except Timeout as error:
            raise NotReadyError(
                f"{lock}: held by another process for {_WAIT:.0f} s",
                fix="end the process that exports the network, and run the same command again",
            ) from error
    return file


def _checksum(file: Path) -> Path:
    return file.with_name(f"{file.name}.sha256")


def _intact(file: Path) -> bool:
    try:
        return _checksum(file).read_text(encoding="ascii").strip() == file_sha256(file)
    except (OSError, UnicodeDecodeError):
        return False


def _write(file: Path, network: Callable[[Any], Any], shape: Any, varying: Any) -> None:
    torch = torch_cpu()
    with importing("onnx", "cpu"):
        import onnx  # noqa: F401 - torch's exporter imports it
    data = io.BytesIO()
    logging.getLogger(__name__).info("%s: exported for onnxruntime", file)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing warns of lengths that become constants
        torch.onnx.export(
            network(torch), (torch.zeros(shape),), data, dynamo=False, opset_version=_OPSET,
            input_names=[INPUT], output_names=[OUTPUT],
            dynamic_axes={name: dict(axes) for name, axes in varying.items()},
        )  # fmt: skip
    # A crash between the two leaves a file without its checksum, or with the one of an older file: both count
    # as damaged.
    write_atomic(file, data.getvalue(), setting=CACHE)
    write_atomic(_checksum(file), f"{file_sha256(file)}\n".encode(), setting=CACHE)
