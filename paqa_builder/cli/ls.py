"""``paqa ls``: what there is to choose from."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from paqa_builder.cli.common import (
    ConfigOption,
    JsonOption,
    PluginOption,
    PresetOption,
    configure,
    out,
    print_json,
)
from paqa_builder.errors import ConfigError

KINDS = ("sources", "backends", "stages", "templates", "presets")


def ls(
    kind: Annotated[str, typer.Argument(help="One of: " + ", ".join(KINDS) + ".", show_default=False)],
    plugin: PluginOption = None,
    config: ConfigOption = None,
    preset: PresetOption = None,
    as_json: JsonOption = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Templates as a page of documentation, with all phrasings.")
    ] = False,
) -> None:
    """List sources, backends, stages, templates or presets.

    [dim]Examples:[/]

    paqa ls backends

    paqa ls templates --json

    paqa ls templates --markdown > docs/templates.md
    """
    if markdown:
        sys.stdout.write(_page(kind, config))
        return
    rows = _rows(kind, plugin or [], config, preset)
    if as_json:
        print_json(rows)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in rows[0] if rows else ():
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    out.print(table)


def _page(kind: str, config: Path | None) -> str:
    if kind != "templates":
        raise ConfigError(f"--markdown is for templates, not for {kind}", fix="paqa ls templates --markdown")
    from paqa_builder.questions import load_templates
    from paqa_builder.questions.catalogue import page

    return page(load_templates(configure(config=config).templates))


def _rows(kind: str, plugins: list[Path], config: Path | None, preset: str | None) -> list[dict[str, Any]]:
    from paqa_builder import registry
    from paqa_builder.records import STAGES

    registry.load_plugins(plugins)
    if kind == "sources":
        return [
            {"name": e.name, "what": _first_line(e), "where": _where(e)} for e in registry.entries("source")
        ]
    if kind == "backends":
        return [
            {"stage": e.kind, "name": e.name, "what": _first_line(e), "where": _where(e)}
            for e in registry.entries()
            if e.kind in STAGES
        ]
    if kind == "stages":
        return _stages(config, preset)
    if kind == "templates":
        from paqa_builder.questions import load_templates

        templates = load_templates(configure(config=config).templates)
        return [
            {"name": t.name, "level": t.level, "skill": t.skill, "asks": t.phrasings[0]}
            for t in sorted(templates, key=lambda t: (t.level, t.skill, t.name))
        ]
    if kind == "presets":
        from paqa_builder.config import preset as settings
        from paqa_builder.config import presets

        return [
            {"name": name, **{stage: chosen["backend"] for stage, chosen in settings(name)["stages"].items()}}
            for name in presets()
        ]
    raise ConfigError(f"nothing is called {kind!r}", fix="paqa ls " + "|".join(KINDS))


def _stages(config: Path | None, preset: str | None) -> list[dict[str, Any]]:
    from paqa_builder.perception.stage import stage_class
    from paqa_builder.records import STAGES

    chosen = configure(config=config, preset=preset).stages
    return [
        {
            "name": name,
            "after": ", ".join(stage_class(name).upstream) or None,
            "makes": stage_class(name).layer,
            "backend": chosen[name].backend,
        }
        for name in STAGES
    ]


def _first_line(entry: Any) -> str:
    """What a plugin says of itself: its module's first line, where the module is all its own."""
    import sys

    from paqa_builder import registry

    cls = registry.get(entry.kind, entry.name)
    alone = sum(other.where.startswith(f"{cls.__module__}:") for other in registry.entries()) == 1
    text = (sys.modules[cls.__module__].__doc__ if alone else None) or cls.__doc__ or ""
    return text.strip().split("\n")[0]


def _where(entry: Any) -> str:
    return "plugin" if entry.plugin else "built in"
