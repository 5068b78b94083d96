"""One registry for sources and backends: a table of names that imports nothing until asked.

Built-ins are entries ``name -> "module:attribute"``. Plugins come from two places: the entry point
group ``paqa_builder.plugins`` of installed packages, and files given with ``--plugin``. Either is a
module that defines :class:`~paqa_builder.sources.Source` or
:class:`~paqa_builder.perception.backends.base.Backend` subclasses; each registers under its ``name``
attribute, or else its class name in snake case.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paqa_builder.errors import ConfigError, NotReadyError
from paqa_builder.records import STAGES

ENTRY_POINT_GROUP = "paqa_builder.plugins"

BACKENDS = "paqa_builder.perception.backends"

BUILTIN: dict[str, dict[str, str]] = {
    "source": {
        "folder": "paqa_builder.sources.folder:Folder",
        "covost2": "paqa_builder.sources.covost2:Covost2",
        "fsd50k": "paqa_builder.sources.fsd50k:Fsd50k",
        "meld": "paqa_builder.sources.meld:Meld",
        "mix": "paqa_builder.mix.source:Mix",
        "urbansound8k": "paqa_builder.sources.urbansound8k:UrbanSound8k",
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
}
KINDS = ("source", *STAGES)


@dataclass(frozen=True, slots=True)
class Entry:
    """One registered name. ``where`` is ``"module:attribute"``, or a plugin's file and class."""

    kind: str
    name: str
    where: str
    plugin: bool


_plugins: dict[tuple[str, str], type] = {}
_entry_points_loaded = False


def entries(kind: str | None = None) -> list[Entry]:
    """Lists what is registered, built-ins first, by name. Imports no built-in."""
    _load_entry_points()
    found = [
        Entry(k, name, where, plugin=False) for k, table in BUILTIN.items() for name, where in table.items()
    ]
    found += [
        Entry(k, name, f"{cls.__module__}:{cls.__qualname__}", plugin=True)
        for (k, name), cls in sorted(_plugins.items())
    ]
    return [entry for entry in found if kind is None or entry.kind == kind]


def get(kind: str, name: str) -> type[Any]:
    """Returns the class registered under ``name``, importing its module.

    Raises:
        ConfigError: No such kind or name; suggests the nearest one.
    """
    if kind not in KINDS:
        raise ConfigError(f"unknown kind {kind!r}; there are: {', '.join(KINDS)}")
    where = BUILTIN[kind].get(name)
    if where is None:
        _load_entry_points()
        if (kind, name) in _plugins:
            return _plugins[kind, name]
        names = [entry.name for entry in entries(kind)]
        close = difflib.get_close_matches(name, names, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        listing = "sources" if kind == "source" else "backends"
        raise ConfigError(
            f"no {kind} is called {name!r}.{hint} There are: {', '.join(names)}.",
            fix=f"paqa ls {listing}",
        )
    module, _, attribute = where.partition(":")
    return getattr(importlib.import_module(module), attribute)


def load_plugin(path: str | Path) -> list[Entry]:
    """Imports a plugin file and registers the sources and backends that it defines.

    Loading the same file twice is harmless. A plugin cannot take a built-in's name.

    Raises:
        ConfigError: The file is missing, fails to import, defines nothing, or clashes.
    """
    file = Path(path).resolve()
    if not file.is_file():
        raise ConfigError(f"plugin {path}: no such file")
    module_name = f"paqa_plugin_{re.sub(r'[^0-9a-zA-Z]', '_', str(file))}"
    if module_name in sys.modules:
        return _register(sys.modules[module_name], str(path))
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
    return _register(module, str(path))


def _register(module: Any, where: str) -> list[Entry]:
    from paqa_builder.perception.backends.base import Backend
    from paqa_builder.sources import Source

    made: list[Entry] = []
    for cls in vars(module).values():
        if not (inspect.isclass(cls) and cls.__module__ == module.__name__):
            continue
        if inspect.isabstract(cls) or not issubclass(cls, (Backend, Source)):
            continue
        kind = "source" if issubclass(cls, Source) else cls.stage
        name = cls.__dict__.get("name") or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()
        taken = BUILTIN[kind].get(name) or _plugins.get((kind, name), cls) is not cls
        if taken:
            raise ConfigError(f"plugin {where}: the {kind} name {name!r} is already taken")
        if issubclass(cls, Source):
            cls.name = name
        _plugins[kind, name] = cls
        made.append(Entry(kind, name, f"{where}:{cls.__name__}", plugin=True))
    if not made:
        raise ConfigError(
            f"plugin {where}: defines no Source and no Backend subclass",
            fix="see examples/new_corpus.py and examples/new_model.py",
        )
    return made


def _load_entry_points() -> None:
    global _entry_points_loaded
    if _entry_points_loaded:
        return
    _entry_points_loaded = True
    from importlib.metadata import entry_points

    for point in entry_points(group=ENTRY_POINT_GROUP):
        try:
            _register(point.load(), f"{point.name} ({point.value})")
        except ConfigError:
            raise
        except Exception as error:
            raise NotReadyError(
                f"the installed plugin {point.name!r} fails to import: {error}",
                fix=f"pip uninstall {point.dist.name if point.dist else point.name}",
            ) from error


def names(kind: str) -> Iterable[str]:
    """The registered names of a kind."""
    return [entry.name for entry in entries(kind)]
