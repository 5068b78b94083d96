"""PAQA Builder: perception-grounded question answering data from audio.

The Python API, imported when it is first used::

    import paqa_builder as paqa

    report = paqa.build("folder", root="recordings", out="shards", preset="cpu")
    scene = paqa.perceive("office.wav")                  # one file: its scene
    for question in paqa.ask([scene]):
        print(question.question, question.answer)
        assert not paqa.verify(question, scene)          # [] where it is proved
    scenes = paqa.load_scenes("shards")                  # records of a finished build
    questions = paqa.load_questions("shards")

Authors of corpora import ``Source``, ``Clip``, ``Truth``, ``Tag`` and ``Turn`` from here; authors of models
``Separator``, ``Diarizer``, ``Tagger``, ``Transcriber``, ``Span`` and ``Options``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from paqa_builder.dataset.read import load_questions, load_scenes
    from paqa_builder.errors import AudioError, ConfigError, NotReadyError, PaqaError, SourceError
    from paqa_builder.perception.backends.base import (
        AudioInput,
        Diarizer,
        Measurer,
        Options,
        Separator,
        Span,
        Speech,
        Tagger,
        Transcriber,
    )
    from paqa_builder.pipeline.api import ask, build, perceive, verify
    from paqa_builder.questions.question import Question
    from paqa_builder.records import Clip, Scene, Tag, Truth, Turn, Utterance, Word
    from paqa_builder.registry import reward
    from paqa_builder.sources import Source

__version__ = "0.1.0"

_MODULES = {
    "pipeline.api": ("ask", "build", "perceive", "verify"),
    "dataset.read": ("load_questions", "load_scenes"),
    "errors": ("AudioError", "ConfigError", "NotReadyError", "PaqaError", "SourceError"),
    "perception.backends.base": (
        "AudioInput", "Diarizer", "Measurer", "Options", "Separator", "Span", "Speech", "Tagger",
        "Transcriber",
    ),
    "questions.question": ("Question",),
    "records": ("Clip", "Scene", "Tag", "Truth", "Turn", "Utterance", "Word"),
    "registry": ("reward",),
    "sources": ("Source",),
}  # fmt: skip
_WHERE = {name: f"{__name__}.{module}" for module, names in _MODULES.items() for name in names}

__all__ = [
    "AudioError", "AudioInput", "Clip", "ConfigError", "Diarizer", "Measurer", "NotReadyError", "Options",
    "PaqaError", "Question", "Scene", "Separator", "Source", "SourceError", "Span", "Speech", "Tag", "Tagger",
    "Transcriber", "Truth", "Turn", "Utterance", "Word", "ask", "build", "load_questions", "load_scenes",
    "perceive", "reward", "verify",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_WHERE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
