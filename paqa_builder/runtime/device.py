"""Where models run: which device, in which precision, and how much audio at once.

One process per GPU, models loaded once. A device is named ``auto``, ``cpu``, ``cuda`` or ``cuda:N``;
``auto`` and ``cuda`` take the first GPU that no other process of ours has taken. Batches are bounded
in seconds of audio, not in clips, and halved when memory runs out.
"""

from __future__ import annotations

import logging
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
        raise ConfigError(f"{wanted!r} is no device", fix="choose auto, cpu, cuda or cuda:N")
    if kind == "cpu" or (kind == "auto" and not gpus):
        return "cpu"
    if gpus <= (int(number) if number else 0):
        raise NotReadyError(
            f"device {wanted!r}: torch sees {gpus} GPU{'' if gpus == 1 else 's'} here",
            fix="choose --device auto, or install a CUDA build of torch: https://pytorch.org/get-started",
        )
    return f"cuda:{number or claim(gpus)}"


def claim(gpus: int, folder: Path | None = None) -> int:
    """Takes the first GPU that no other process holds, for as long as this process lives.

    Where all are taken the first is shared: slower, and short of memory, but not wrong.
    """
    if folder is None and _claimed:
        return _claimed[0][0]
    home = folder or Path(tempfile.gettempdir())
    for number in range(gpus):
        file = (home / f"paqa-cuda-{number}.lock").open("a")
        if _lock(file):
            _claimed.append((number, file))  # closing the file would give the lock back
            return number
        file.close()
    log.warning("all %d GPUs are taken by other processes: sharing the first; lower --jobs", gpus)
    return 0


_claimed: list[tuple[int, IO[str]]] = []


def _lock(file: IO[str]) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows: no locks, so every process takes the first GPU
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def workers(device: str) -> int | None:
    """Number of worker processes for a device; None where the CPU's cores decide.

    Counts GPUs without torch, which would take seconds to import: Linux lists NVIDIA's by folder.
    """
    if device == "cpu":
        return None
    if ":" in device:
        return 1
    listed = Path("/proc/driver/nvidia/gpus")
    return len(list(listed.iterdir())) or None if listed.is_dir() else None


def place(options: type[BaseModel], values: Mapping[str, Any], device: str | None) -> dict[str, Any]:
    """A backend's configured values with ``--device`` filled in, where it has that option unset."""
    if device is None or "device" not in options.model_fields or "device" in values:
        return dict(values)
    return {**values, "device": device}


def dtype(torch: Any, precision: Precision, device: str) -> Any:
    """The floating point type to compute in; ``auto`` is half precision on a GPU, full on the CPU.

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
    """Computes in ``kind`` what tolerates it; without effect for float32."""
    with torch.autocast(device.partition(":")[0], dtype=kind, enabled=kind != torch.float32):
        yield


@dataclass(frozen=True, slots=True)
class BatchReduction:
    """A batch that did not fit into memory: the model, and its seconds of audio at once, before and after."""

    what: str
    before: float
    after: float


_halvings: list[BatchReduction] = []


def halvings() -> tuple[BatchReduction, ...]:
    """Batch reductions of this process, in order. Each was also logged as a warning."""
    return tuple(_halvings)


class Batches:
    """Runs a model over equal windows of audio, as many at once as fit into ``seconds``.

    A window must get the same result whatever it shares a batch with, but which kernel runs may depend
    on the batch's size. So all batches have one size: the last is filled up with its own last window.
    On the CPU, where batches gain nothing, that size is one.

    Args:
        what: What runs, for messages.
        window: Seconds of audio in a window.
        seconds: Most audio at once.
        device: As :func:`torch_on` says.
    """

    def __init__(self, what: str, window: float, seconds: float, device: str) -> None:
        self._what = what
        self._window = window
        self._device = device
        self.size = 1 if device == "cpu" else max(1, int(seconds / window))

    def run(self, model: Callable[[list[T]], Any], windows: Sequence[T]) -> list[Any]:
        """Runs the model over all windows; one result each, in order.

        ``model`` returns one result a window, as a list or along an array's first axis.

        Raises:
            Exception: Whatever the model raises; out of memory only where a single window is too much.
        """
        results: list[Any] = []

        def run_batch(size: int) -> list[Any]:
            chosen = list(windows[len(results) : len(results) + size])
            return list(model(chosen + [chosen[-1]] * (size - len(chosen))))[: len(chosen)]

        while len(results) < len(windows):
            results += self.attempt(run_batch)
        return results

    def attempt(self, call: Callable[[int], R]) -> R:
        """Calls with the number of windows that may run at once; halves it while memory runs out.

        Raises:
            Exception: Whatever the call raises; out of memory only where a single window is too much.
        """
        while True:
            try:
                return call(self.size)
            except Exception as error:
                if not out_of_memory(error) or self.size == 1:
                    raise
                self._halve()

    def _halve(self) -> None:
        before, self.size = self.size, self.size // 2
        halving = BatchReduction(self._what, before * self._window, self.size * self._window)
        _halvings.append(halving)
        log.warning(
            "%s: out of memory at %.0f s of audio at once; %.0f s from now on",
            halving.what, halving.before, halving.after,
        )  # fmt: skip
        if self._device != "cpu":
            import torch

            torch.cuda.empty_cache()


def out_of_memory(error: BaseException) -> bool:
    """True for what torch, CUDA's libraries, CTranslate2 and pyannote.audio raise when memory is full."""
    if isinstance(error, MemoryError):
        return True
    texts = ("out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")
    return isinstance(error, RuntimeError) and any(text in str(error) for text in texts)
