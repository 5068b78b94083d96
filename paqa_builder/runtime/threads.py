"""Inference libraries on one thread per process.

Floating point sums depend on how threads divide them, so with more threads a build could depend on
``--jobs``. Busy thread pools of several processes also slow each other down several times.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from types import ModuleType
from typing import Any

from paqa_builder.runtime.compat import importing

VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
"""Environment variables that libraries read when they are imported."""


def one_thread() -> None:
    """Sets libraries that are not imported yet, such as numpy's BLAS, to one thread in this process."""
    os.environ.update(dict.fromkeys(VARIABLES, "1"))


def torch_cpu() -> Any:
    """Imports torch with one thread and denormal floats flushed to zero.

    Denormals (numbers near 1e-40, common after separation) slow a CPU down many times.

    Raises:
        NotReadyError: torch is not installed, or does not load.
    """
    with importing("torch", "cpu"):
        import torch
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    return torch


def onnx_session(model: Path | bytes) -> Any:
    """Opens an ONNX file, or the bytes of one, on the CPU with one thread.

    Raises:
        NotReadyError: onnxruntime is not installed.
    """
    with importing("onnxruntime", "cpu"):
        import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors: of warnings about unused constants a user can do nothing
    source = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def module_at(path: Path) -> ModuleType:
    """Imports one file of a package without running the package's ``__init__``.

    Raises:
        NotReadyError: A package that the file imports is missing.
    """
    spec = importlib.util.spec_from_file_location(f"_paqa_embedded_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with importing(path.name, "cpu"):
        spec.loader.exec_module(module)
    return module
