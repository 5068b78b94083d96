"""PAQA Builder: perception-grounded question answering data from raw audio.

Importing the package is fast, because every name is imported on first use.

Example::

    import paqa_builder as paqa

    scene = paqa.perceive("office.wav")
    for question in paqa.ask([scene]):
        print(question.question, question.answer)
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from paqa_builder import check as check
    from paqa_builder import errors as errors
    from paqa_builder.backends import AudioInput as AudioInput
    from paqa_builder.backends import Diarizer as Diarizer
    from paqa_builder.backends import Measured as Measured
    from paqa_builder.backends import Measurer as Measurer
    from paqa_builder.backends import Options as Options
    from paqa_builder.backends import Separator as Separator
    from paqa_builder.backends import Span as Span
    from paqa_builder.backends import Speech as Speech
    from paqa_builder.backends import Tagger as Tagger
    from paqa_builder.backends import Transcriber as Transcriber
    from paqa_builder.dataset.read import load_questions as load_questions
    from paqa_builder.dataset.read import load_scenes as load_scenes
    from paqa_builder.errors import AudioError as AudioError
    from paqa_builder.errors import ConfigError as ConfigError
    from paqa_builder.errors import NotReadyError as NotReadyError
    from paqa_builder.errors import PaqaError as PaqaError
    from paqa_builder.errors import SourceError as SourceError
    from paqa_builder.pipeline.api import ask as ask
    from paqa_builder.pipeline.api import build as build
    from paqa_builder.pipeline.api import load_stem as load_stem
    from paqa_builder.pipeline.api import perceive as perceive
    from paqa_builder.pipeline.api import verify as verify
    from paqa_builder.pipeline.build import BuildReport as BuildReport
    from paqa_builder.questions.question import Question as Question
    from paqa_builder.records import Clip as Clip
    from paqa_builder.records import CorpusQuestion as CorpusQuestion
    from paqa_builder.records import Scene as Scene
    from paqa_builder.records import Speaker as Speaker
    from paqa_builder.records import Tag as Tag
    from paqa_builder.records import Truth as Truth
    from paqa_builder.records import Turn as Turn
    from paqa_builder.records import Utterance as Utterance
    from paqa_builder.records import Word as Word
    from paqa_builder.registry import reward as reward
    from paqa_builder.runtime.version import __version__ as __version__
    from paqa_builder.sources import Source as Source

_MODULES = ("check", "errors")
_NAMES = {
    "backends": (
        "AudioInput", "Diarizer", "Measured", "Measurer", "Options", "Separator", "Span", "Speech", "Tagger",
        "Transcriber",
    ),
    "dataset.read": ("load_questions", "load_scenes"),
    "errors": ("AudioError", "ConfigError", "NotReadyError", "PaqaError", "SourceError"),
    "pipeline.api": ("ask", "build", "load_stem", "perceive", "verify"),
    "pipeline.build": ("BuildReport",),
    "questions.question": ("Question",),
    "records": ("Clip", "CorpusQuestion", "Scene", "Speaker", "Tag", "Truth", "Turn", "Utterance", "Word"),
    "registry": ("reward",),
    "runtime.version": ("__version__",),
    "sources": ("Source",),
}  # fmt: skip
_WHERE = {name: module for module, names in _NAMES.items() for name in names}

__all__ = sorted([*_WHERE, *_MODULES])


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    return value


def __dir__() -> list[str]:
    return __all__
