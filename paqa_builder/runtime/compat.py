"""Import workarounds for third-party packages.

Each function describes and works around one defect. None runs on import of this module.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any, NoReturn

from paqa_builder.errors import NotReadyError

_EXTENSION = "torchaudio._extension"


def torchaudio() -> Any:
    """Imports torchaudio, without its compiled extension where that does not load.

    The wheel's extension is linked against CUDA. Beside a CPU build of torch it does not load, and the
    whole package fails with an OSError, although only forced alignment and a few legacy filters need
    it; features, resampling and models are plain Python. pyannote.audio imports torchaudio always and
    transformers where it is installed: call this before importing either.

    Returns:
        The package. A later plain ``import torchaudio`` finds the same one.

    Raises:
        NotReadyError: torchaudio is not installed, or fails for another reason.
    """
    try:
        return importlib.import_module("torchaudio")
    except ImportError as error:
        raise _not_ready(error) from error
    except OSError as error:
        first = error
    # A failed import leaves submodules behind that would be half initialised the second time.
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchaudio"]:
        del sys.modules[name]
    sys.modules[_EXTENSION] = _without_extension(first)
    try:
        return importlib.import_module("torchaudio")
    except (ImportError, OSError, AttributeError) as error:
        sys.modules.pop(_EXTENSION, None)
        raise _not_ready(error) from error


def _without_extension(reason: OSError) -> ModuleType:
    """Substitute for ``torchaudio._extension``, as in a build of torchaudio without an extension."""

    def fail_if_no_align(function: Any) -> Any:
        def fail(*args: Any, **kwargs: Any) -> NoReturn:
            raise RuntimeError(
                f"{function.__name__} needs torchaudio's extension, which does not load: {reason}"
            )

        return fail

    module = ModuleType(_EXTENSION)
    module.__dict__.update(
        _IS_TORCHAUDIO_EXT_AVAILABLE=False,
        _IS_ALIGN_AVAILABLE=False,
        _check_cuda_version=lambda: None,
        fail_if_no_align=fail_if_no_align,
    )
    return module


def _not_ready(error: BaseException) -> NotReadyError:
    return NotReadyError(f"torchaudio does not import ({error})", fix="pip install 'paqa-builder[gpu]'")
