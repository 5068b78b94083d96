"""Device, precision and batch size of models.

A device is named ``auto``, ``cpu``, ``cuda`` or ``cuda:N``. ``auto`` and ``cuda`` take the first GPU that no
other process of PAQA Builder uses. Batches are bounded in seconds of audio and halved when memory runs out.
"""

from __future__ import annotations

import logging
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, TypeVar

from pydantic import BaseModel

from paqa_builder.config import DEVICE_PATTERN as PATTERN
from paqa_builder.errors import ConfigError, NotReadyError
from paqa_builder.files import lock

Precision = Literal["auto", "float32", "float16", "bfloat16"]
log = logging.getLogger(__name__)
T = TypeVar("T")
R = TypeVar("R")


def torch_on(wanted: str) -> tuple[Any, str]:
    """Imports torch and chooses the device.

    The CPU gets one thread and no denormals (see :mod:`paqa_builder.runtime.threads`). On a GPU the
    same input must give the same bytes: no autotuning of kernels, no TF32.

    Returns:
        torch, and ``"cpu"`` or ``"cuda:N"``.

    Raises:
        ConfigError: ``wanted`` names no device.
        NotReadyError: torch does not import, or there is no such GPU.
    """
    from paqa_builder.runtime.threads import torch_cpu

    torch = torch_cpu()
    device = choose(wanted, torch.cuda.device_count() if torch.cuda.is_available() else 0)
    if device != "cpu":
        torch.cuda.set_device(device)
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False
    return torch, device


def choose(wanted: str, gpus: int) -> str:
    """Resolves a device's name on a machine with ``gpus`` GPUs.

    Raises:
        ConfigError: ``wanted`` names no device.
        NotReadyError: There is no such GPU.
    """
    kind, _, number = wanted.partition(":")
    if not re.match(PATTERN, wanted):
        raise ConfigError(f"{wanted!r} is not a device", fix="choose auto, cpu, cuda or cuda:N")
    if kind == "cpu" or (kind == "auto" and not gpus):
        return "cpu"
    if gpus <= (int(number) if number else 0):
        raise NotReadyError(
            f"device {wanted!r}: torch sees {gpus} GPU{'' if gpus == 1 else 's'} here",
            fix="choose --device auto, or install a CUDA build of torch: https://pytorch.org/get-started",
        )
    return f"cuda:{number or claim(gpus)}"


def claim(gpus: int, folder: Path | None = None) -> int:
    """Reserves the first free GPU until this process ends; shares the first one if none is free."""
    if folder is None and _claimed:
        return _claimed[0][0]
    home = folder or Path(tempfile.gettempdir())
    for number in range(gpus):
        file = (home / f"paqa-cuda-{number}.lock").open("a")
        if lock(file):
            _claimed.append((number, file))  # closing the file would release the lock
            return number
        file.close()
    log.warning("all %d GPUs are taken by other processes: sharing the first; lower --jobs", gpus)
    return 0


def assigned() -> None:
    """Makes :func:`claim` take the first visible GPU, in a process whose GPU a scheduler has chosen."""
    _claimed.append((0, open(os.devnull, encoding="utf-8")))  # noqa: SIM115


_claimed: list[tuple[int, IO[str]]] = []


def workers(device: str) -> int | None:
    """Number of worker processes for a device; None if it depends on the number of CPU cores.

    Counts NVIDIA GPUs by their folders under Linux: importing torch would take seconds.
    """
    if device == "cpu":
        return None
    if ":" in device:
        return 1
    listed = Path("/proc/driver/nvidia/gpus")
    return len(list(listed.iterdir())) or None if listed.is_dir() else None


def place(options: type[BaseModel], values: Mapping[str, Any], device: str | None) -> dict[str, Any]:
    """A backend's configured values with ``--device`` filled in, if it has this option and it is not set."""
    if device is None or "device" not in options.model_fields or "device" in values:
        return dict(values)
    return {**values, "device": device}


def half_free(place: str) -> bool:
    """Whether at least half of a GPU's memory is free, for models that stay while others are loaded."""
    import torch

    if not torch.cuda.is_available():  # CTranslate2 needs no CUDA build of torch
        return False
    free, total = torch.cuda.mem_get_info(place)
    return free >= total / 2


def dtype(torch: Any, precision: Precision, device: str) -> Any:
    """The floating point type of a precision; ``auto`` is float16 on a GPU and float32 on the CPU.

    Raises:
        ConfigError: float16 on the CPU, where it is slower than float32 and often not implemented.
    """
    if precision == "float16" and device == "cpu":
        raise ConfigError("precision float16 needs a GPU", fix="choose float32, or bfloat16, on the CPU")
    if precision == "auto":
        precision = "float32" if device == "cpu" else "float16"
    return getattr(torch, precision)


@contextmanager
def autocast(torch: Any, kind: Any, device: str) -> Iterator[None]:
    """Mixed precision of type ``kind``; without effect for float32."""
    with torch.autocast(device.partition(":")[0], dtype=kind, enabled=kind != torch.float32):
        yield


@dataclass(frozen=True, slots=True)
class BatchReduction:
    """A batch that did not fit into memory: model, and seconds of audio per batch before and after."""

    what: str
    before: float
    after: float


_halvings: list[BatchReduction] = []


def halvings() -> tuple[BatchReduction, ...]:
    """Batch reductions of this process, in order. Each was also logged as a warning."""
    return tuple(_halvings)


class Batches:
    """Batches of equal windows of audio, as many as fit into ``seconds``.

    Kernels, and so results, may depend on the batch size. Therefore all batches have one size, and the last
    one is padded with its last window. On the CPU, where batches are no faster, the size is one.

    Args:
        what: Name of the model, for messages.
        window: Seconds of audio in a window.
        seconds: Maximum of audio in a batch.
        device: Device as returned by :func:`torch_on`.
    """

    def __init__(self, what: str, window: float, seconds: float, device: str) -> None:
        self._what = what
        self._window = window
        self._device = device
        self.size = 1 if device == "cpu" else max(1, int(seconds / window))

    def run(self, model: Callable[[list[T]], Any], windows: Sequence[T]) -> list[Any]:
        """Runs the model over all windows; returns one result each, in order.

        Args:
            model: Returns one result per window, as a list or along an array's first axis.

        Raises:
            Exception: Any error of the model; out of memory only if a single window does not fit.
        """
        results: list[Any] = []

        def run_batch(size: int) -> list[Any]:
            chosen = list(windows[len(results) : len(results) + size])
            return list(model(chosen + [chosen[-1]] * (size - len(chosen))))[: len(chosen)]

        while len(results) < len(windows):
            results += self.attempt(run_batch)
        return results

    def attempt(self, call: Callable[[int], R]) -> R:
        """Calls a function with the batch size, which is halved as long as memory runs out.

        Raises:
            Exception: Any error of the call; out of memory only if a single window does not fit.
        """
        while True:
            try:
                return call(self.size)
            except Exception as error:
                if not out_of_memory(error) or self.size == 1:
                    raise
            before, self.size = self.size * self._window, self.size // 2
            after = self.size * self._window
            _halvings.append(BatchReduction(self._what, before, after))
            log.warning(
                "%s: out of memory at %.0f s of audio per batch; %.0f s from now on",
                self._what,
                before,
                after,
            )
            if self._device != "cpu":
                import torch

                torch.cuda.empty_cache()


def out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch, CUDA's libraries, CTranslate2 or pyannote.audio says that memory is full."""
    if isinstance(error, MemoryError):
        return True
    texts = ("out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")
    return isinstance(error, RuntimeError) and any(text in str(error) for text in texts)
