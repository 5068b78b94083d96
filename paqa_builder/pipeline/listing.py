"""Lists what a configuration can name: sources, backends, stages, templates, presets and export formats, as
rows."""

from __future__ import annotations

import re
import sys
from typing import Any

from paqa_builder import config as configuration
from paqa_builder import registry
from paqa_builder.config import Config
from paqa_builder.perception.stage import stage_class
from paqa_builder.questions import load_templates
from paqa_builder.records import STAGES
from paqa_builder.registry import Entry


def sources(_: Config) -> list[dict[str, Any]]:
    """Name, description and origin of each source."""
    return [{"name": entry.name, **_described(entry)} for entry in registry.entries("source")]


def backends(_: Config) -> list[dict[str, Any]]:
    """Stage, name, description and origin of each backend."""
    return [
        {"stage": entry.kind, "name": entry.name, **_described(entry)}
        for entry in registry.entries()
        if entry.kind in STAGES
    ]


def stages(config: Config) -> list[dict[str, Any]]:
    """Each stage with the stages that it depends on, the layer that it fills and its configured backend."""
    return [
        {
            "name": name,
            "after": ", ".join(stage_class(name).upstream) or None,
            "makes": stage_class(name).layer,
            "backend": config.stages[name].backend,
        }
        for name in STAGES
    ]


def templates(config: Config) -> list[dict[str, Any]]:
    """Name, level, skill and first phrasing of each template."""
    listed = sorted(load_templates(config.templates), key=lambda t: (t.level, t.skill, t.name))
    return [{"name": t.name, "level": t.level, "skill": t.skill, "asks": t.phrasings[0]} for t in listed]


def presets(_: Config) -> list[dict[str, Any]]:
    """Each preset with its backends."""
    return [
        {"name": name}
        | {stage: chosen["backend"] for stage, chosen in configuration.preset(name)["stages"].items()}
        for name in configuration.presets()
    ]


def exports(_: Config) -> list[dict[str, Any]]:
    """Name and description of each export format."""
    return [{"name": entry.name, **_described(entry)} for entry in registry.entries("export")]


KINDS = {function.__name__: function for function in (sources, backends, stages, templates, presets, exports)}


def _described(entry: Entry) -> dict[str, str]:
    """The first line of an entry's docstring: its module's, if the module has no other entry."""
    cls = registry.get(entry.kind, entry.name)
    alone = sum(other.where.startswith(f"{cls.__module__}:") for other in registry.entries()) == 1
    text = (sys.modules[cls.__module__].__doc__ if alone else None) or cls.__doc__ or ""
    what = _without_markup(text.strip().split("\n")[0]).removeprefix(f"{entry.name}: ")
    return {"what": what[:1].upper() + what[1:], "where": "plugin" if entry.plugin else "built in"}


def _without_markup(text: str) -> str:
    """A line of a docstring without the marks of reStructuredText.

    >>> _without_markup("The tones of :data:`~fake.VOICES` in ``mix``, as *one*")
    'The tones of VOICES in mix, as one'
    """
    text = re.sub(r":\w+:`(~?)([^`]*)`", lambda m: m[2].rpartition(".")[2] if m[1] else m[2], text)
    return re.sub(r"\*(\S[^*]*)\*", r"\1", text.replace("``", ""))
