"""What the built-in backends share: one thread per process, and code that lives beside weights.

One thread is a rule, not a default. Sums of floats depend on how threads divide them, so a build
with ``--jobs 2`` could differ from ``--jobs 1``; and two busy thread pools on two cores run several
times slower than two single threads.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

from paqa_builder.errors import NotReadyError


def torch_cpu() -> Any:
    """Imports torch, set to one thread and with denormal floats flushed to zero.

    Denormals (numbers near 1e-40, common after separation) slow a CPU down many times.

    Raises:
        NotReadyError: torch is not installed, or does not load.
    """
    try:
        import torch
    except (ImportError, OSError) as error:
        raise NotReadyError(
            f"torch does not import ({error})", fix="pip install 'paqa-builder[cpu]'"
        ) from error
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    return torch


def onnx_session(path: Path) -> Any:
    """Opens an ONNX file on the CPU with one thread.

    Raises:
        NotReadyError: onnxruntime is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise NotReadyError(
            f"onnxruntime does not import ({error})", fix="pip install 'paqa-builder[cpu]'"
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def module_at(path: Path) -> ModuleType:
    """Imports one file of a package without running the package's ``__init__``.

    Raises:
        NotReadyError: Something that the file itself imports is missing.
    """
    spec = importlib.util.spec_from_file_location(f"_paqa_embedded_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except ImportError as error:
        raise NotReadyError(
            f"{path.name} does not import ({error})", fix="pip install 'paqa-builder[cpu]'"
        ) from error
    return module
