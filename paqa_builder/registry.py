"""Registry of all extensible parts: sources, backends, fact kinds, rewards, model families and export
formats.

A built-in is an entry ``name -> "module:attribute"``; listing does not import it. Plugins come from the
entry point group ``paqa_builder.plugins`` of installed packages and from files given with ``--plugin``.
A plugin is a module that defines any of:

- subclasses of :class:`~paqa_builder.sources.Source`,
- subclasses of a stage's base in :mod:`paqa_builder.backends`,
- subclasses of :class:`~paqa_builder.questions.facts.FactKind`,
- functions decorated with :func:`reward`,
- subclasses of ``recipes.families.Family``,
- subclasses of :class:`~paqa_builder.export.ExportFormat`.

The name of an entry is its ``name`` attribute, or else its class or function name in snake case. The
attribute ``plugin_kind`` of a base class states the kind of its subclasses.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from paqa_builder.config.environment import expanded
from paqa_builder.errors import ConfigError, NotReadyError, suggest
from paqa_builder.records import STAGES

ENTRY_POINT_GROUP = "paqa_builder.plugins"

BACKENDS = "paqa_builder.perception.backends"
EXPORTS = "paqa_builder.export.formats"

BUILTIN: dict[str, dict[str, Any]] = {
    "source": {
        "folder": "paqa_builder.sources.folder:Folder",
        "ami": "paqa_builder.sources.ami:Ami",
        "audioset": "paqa_builder.sources.audioset:Audioset",
        "avqa": "paqa_builder.sources.avqa:Avqa",
        "clotho": "paqa_builder.sources.clotho:Clotho",
        "common_voice": "paqa_builder.sources.common_voice:CommonVoice",
        "covost2": "paqa_builder.sources.covost2:Covost2",
        "crema_d": "paqa_builder.sources.crema_d:CremaD",
        "esc50": "paqa_builder.sources.esc50:Esc50",
        "fsd50k": "paqa_builder.sources.fsd50k:Fsd50k",
        "hub": "paqa_builder.sources.hub:Hub",
        "librispeech": "paqa_builder.sources.librispeech:LibriSpeech",
        "meld": "paqa_builder.sources.meld:Meld",
        "mix": "paqa_builder.mix.source:Mix",
        "musan": "paqa_builder.sources.musan:Musan",
        "ravdess": "paqa_builder.sources.ravdess:Ravdess",
        "urbansound8k": "paqa_builder.sources.urbansound8k:UrbanSound8k",
        "voxconverse": "paqa_builder.sources.voxconverse:VoxConverse",
    },
    "separate": {
        "deepfilternet3": f"{BACKENDS}.separate.deepfilternet3:DeepFilterNet3",
        "demucs": f"{BACKENDS}.separate.demucs:Demucs",
        "fake": f"{BACKENDS}.fake:FakeSeparator",
    },
    "diarize": {
        "segmentation_campplus": f"{BACKENDS}.diarize.segmentation_campplus:SegmentationCampplus",
        "pyannote": f"{BACKENDS}.diarize.pyannote_audio:Pyannote",
        "fake": f"{BACKENDS}.fake:FakeDiarizer",
    },
    "tag": {
        "yamnet": f"{BACKENDS}.tag.yamnet:Yamnet",
        "panns": f"{BACKENDS}.tag.panns:Panns",
        "fake": f"{BACKENDS}.fake:FakeTagger",
    },
    "transcribe": {
        "faster_whisper": f"{BACKENDS}.transcribe.faster_whisper:FasterWhisper",
        "openai_whisper": f"{BACKENDS}.transcribe.openai_whisper:OpenaiWhisper",
        "fake": f"{BACKENDS}.fake:FakeTranscriber",
    },
    "measure": {
        "signal": f"{BACKENDS}.measure.signal:Signal",
        "fake": f"{BACKENDS}.fake:FakeMeasurer",
    },
    "export": {
        "ms-swift": f"{EXPORTS}.ms_swift:MsSwift",
        "llama-factory": f"{EXPORTS}.llama_factory:LlamaFactory",
        "lmms-eval": f"{EXPORTS}.lmms_eval:LmmsEval",
        "trl": f"{EXPORTS}.trl:Trl",
        "moss": f"{EXPORTS}.moss:Moss",
        "avqa": f"{EXPORTS}.avqa:Avqa",
        "audiomcq": f"{EXPORTS}.audiomcq:AudioMcq",
        "lhotse": f"{EXPORTS}.lhotse:Lhotse",
        "nemo": f"{EXPORTS}.nemo:Nemo",
        "webdataset": f"{EXPORTS}.webdataset:WebDataset",
        "label-studio": f"{EXPORTS}.label_studio:LabelStudio",
        "textgrid": f"{EXPORTS}.textgrid:TextGrid",
        "eaf": f"{EXPORTS}.eaf:Eaf",
        "audacity": f"{EXPORTS}.audacity:Audacity",
        "rttm": f"{EXPORTS}.rttm:Rttm",
        "ctm": f"{EXPORTS}.ctm:Ctm",
        "jams": f"{EXPORTS}.jams:Jams",
    },
}
KINDS = ("source", *STAGES, "fact", "reward", "family", "export")
_LISTED_BY: dict[str, str] = {"source": "paqa ls sources", "export": "paqa ls exports"} | dict.fromkeys(
    STAGES, "paqa ls backends"
)

F = TypeVar("F", bound=Callable[..., list[float]])


@dataclass(frozen=True, slots=True)
class Entry:
    """A registered name. ``where`` is ``"module:attribute"``, or a plugin's file and attribute."""

    kind: str
    name: str
    where: str
    plugin: bool


_plugins: dict[tuple[str, str], Any] = {}
_entry_points_loaded = False


def load_attribute(where: str) -> Any:
    """Imports ``"module:attribute"`` and returns the attribute."""
    module, _, attribute = where.partition(":")
    return getattr(importlib.import_module(module), attribute)


def reward(function: F) -> F:
    """Decorator for a reward of stage II: a function of completions, rows and token counts.

    Example::

        @paqa.reward
        def short(completions, rows, tokens=None):
            return [float(len(text) < 200) for text in completions]
    """
    function.plugin_kind = "reward"  # type: ignore[attr-defined]
    return function


def name_of(thing: Any) -> str:
    """The ``name`` attribute of a class or function itself, else its own name in snake case."""
    return vars(thing).get("name") or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", thing.__name__).lower()


def declare(kind: str, table: Mapping[str, Any]) -> None:
    """Adds built-ins of a kind that this module may not import: objects, or ``"module:attribute"``.

    Raises:
        ConfigError: Two built-ins have the same name.
    """
    known = BUILTIN.setdefault(kind, {})
    for name, thing in table.items():
        if not isinstance(thing, str) and name in known and not _same(known[name], thing):
            raise ConfigError(f"two built-ins of kind {kind} have the name {name!r}")
        known[name] = thing


def register(kind: str, name: str, thing: Any, where: str = "") -> Entry:
    """Registers a plugin's class or function. Registering the same one twice has no effect.

    Raises:
        ConfigError: The kind is unknown, or the name is taken.
    """
    _check_kind(kind)
    if name in BUILTIN.get(kind, {}) or not _same(_plugins.get((kind, name), thing), thing):
        prefix = f"plugin {where}: " if where else ""
        raise ConfigError(f"{prefix}the {kind} name {name!r} is already taken", fix="choose another name")
    _plugins[kind, name] = thing
    return Entry(kind, name, f"{where or thing.__module__}:{thing.__qualname__}", plugin=True)


def entries(kind: str | None = None) -> list[Entry]:
    """Lists the registered entries, built-ins first, without importing built-ins."""
    _load_entry_points()
    listed = [
        Entry(k, name, _where(thing), plugin=False)
        for k, table in BUILTIN.items()
        for name, thing in table.items()
    ]
    listed += [Entry(k, name, _where(thing), plugin=True) for (k, name), thing in sorted(_plugins.items())]
    return [entry for entry in listed if kind is None or entry.kind == kind]


def get(kind: str, name: str) -> Any:
    """Returns the class or function registered under ``name``, importing its module.

    Raises:
        ConfigError: The kind or the name is unknown; suggests the most similar name.
    """
    _check_kind(kind)
    thing = BUILTIN.get(kind, {}).get(name)
    if thing is not None:
        return load_attribute(thing) if isinstance(thing, str) else thing
    _load_entry_points()
    if (kind, name) in _plugins:
        return _plugins[kind, name]
    known = names(kind)
    raise ConfigError(
        f"no {kind} is called {name!r}.{suggest(name, known)} The names are: {', '.join(known)}.",
        fix=_LISTED_BY.get(kind),
    )


def names(kind: str) -> list[str]:
    """The registered names of a kind."""
    return [entry.name for entry in entries(kind)]


def load_plugins(paths: Iterable[str | Path]) -> None:
    """Loads plugin files; see :func:`load_plugin`."""
    for path in paths:
        load_plugin(path)


def load_plugin(path: str | Path) -> list[Entry]:
    """Imports a plugin file and registers its classes and functions.

    Loading the same file twice has no effect.

    Raises:
        ConfigError: The file is missing, fails to import, has nothing to register, or uses a taken name.
    """
    file = expanded(path).resolve()
    if not file.is_file():
        raise ConfigError(f"plugin {path}: no such file")
    module_name = f"paqa_plugin_{re.sub(r'[^0-9a-zA-Z]', '_', str(file))}"
    if module_name in sys.modules:
        return _register_all(sys.modules[module_name], str(path))
    spec = importlib.util.spec_from_file_location(module_name, file)
    if spec is None or spec.loader is None:
        raise ConfigError(f"plugin {path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[module_name]
        raise ConfigError(f"plugin {path}: {type(error).__name__}: {error}") from error
    return _register_all(module, str(path))


def _register_all(module: Any, where: str) -> list[Entry]:
    added = []
    for thing in list(vars(module).values()):
        kind = getattr(thing, "plugin_kind", None)
        if not isinstance(kind, str) or getattr(thing, "__module__", None) != module.__name__:
            continue
        if inspect.isabstract(thing):
            continue
        name = name_of(thing)
        if kind == "backend":
            kind = thing.stage
        elif inspect.isclass(thing):
            setattr(thing, "name", name)  # noqa: B010
        added.append(register(kind, name, thing, where))
    if not added:
        raise ConfigError(
            f"plugin {where}: defines no Source, Backend, FactKind, Family, ExportFormat or reward",
            fix="see the files in examples/",
        )
    return added


def _check_kind(kind: str) -> None:
    if kind not in KINDS:
        raise ConfigError(f"unknown kind {kind!r}; the kinds are: {', '.join(KINDS)}")


def _same(first: Any, second: Any) -> bool:
    return _where(first) == _where(second)


def _where(thing: Any) -> str:
    return thing if isinstance(thing, str) else f"{thing.__module__}:{thing.__qualname__}"


def _load_entry_points() -> None:
    global _entry_points_loaded
    if _entry_points_loaded:
        return
    _entry_points_loaded = True
    from importlib.metadata import entry_points

    for point in entry_points(group=ENTRY_POINT_GROUP):
        try:
            _register_all(point.load(), f"{point.name} ({point.value})")
        except ConfigError:
            raise
        except Exception as error:
            raise NotReadyError(
                f"the installed plugin {point.name!r} fails to import: {error}",
                fix=f"pip uninstall {point.dist.name if point.dist else point.name}",
            ) from error
