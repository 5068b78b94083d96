"""Import errors of third-party packages, and workarounds for them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, NoReturn

from paqa_builder.errors import NotReadyError

_EXTENSION = "torchaudio._extension"


@contextmanager
def importing(package: str, extra: str) -> Iterator[None]:
    """Reports an import error as a missing package.

    Args:
        package: Name of the package, for the message.
        extra: The extra of paqa-builder that installs it.

    Raises:
        NotReadyError: The block raised ImportError, OSError (a shared library that does not load) or
            AttributeError (a package that needs another version of a dependency).
    """
    try:
        yield
    except (ImportError, OSError, AttributeError) as error:
        raise NotReadyError(
            f"{package} does not import ({error})", fix=f"pip install 'paqa-builder[{extra}]'"
        ) from error


def torchaudio() -> Any:
    """Imports torchaudio, without its compiled extension where that does not load.

    The extension is linked against CUDA. With a CPU build of torch it does not load and the whole package
    fails with an OSError, although only forced alignment and a few legacy filters need it. pyannote.audio
    imports torchaudio, and so does transformers where it is installed: call this before importing either.

    Returns:
        The package. A later plain ``import torchaudio`` finds the same one.

    Raises:
        NotReadyError: torchaudio is not installed, or fails for another reason.
    """
    with importing("torchaudio", "gpu"):
        try:
            return importlib.import_module("torchaudio")
        except OSError as error:
            first = error
        # A failed import leaves partly initialised submodules behind.
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchaudio"]:
            del sys.modules[name]
        sys.modules[_EXTENSION] = _without_extension(first)
        try:
            return importlib.import_module("torchaudio")
        except BaseException:
            del sys.modules[_EXTENSION]
            raise


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
