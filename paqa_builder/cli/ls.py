"""``paqa ls``: lists sources, backends, stages, templates, presets and export formats."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from paqa_builder.cli import common
from paqa_builder.cli.common import ConfigOption, JsonOption, PluginOption, PresetOption
from paqa_builder.errors import ConfigError

KINDS = ("sources", "backends", "stages", "templates", "presets", "exports")


def ls(
    kind: Annotated[str, typer.Argument(help="One of: " + ", ".join(KINDS) + ".", show_default=False)],
    plugin: PluginOption = None,
    config: ConfigOption = None,
    preset: PresetOption = None,
    as_json: JsonOption = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print templates as Markdown, with all phrasings.")
    ] = False,
) -> None:
    """List sources, backends, stages, templates, presets or export formats.

    [dim]Examples:[/]

    paqa ls backends

    paqa ls templates --json

    paqa ls templates --markdown > docs/templates.md
    """
    if kind not in KINDS:
        raise ConfigError(f"unknown kind {kind!r}", fix="paqa ls " + "|".join(KINDS))
    if markdown and kind != "templates":
        raise ConfigError(f"--markdown is for templates, not for {kind}", fix="paqa ls templates --markdown")
    from paqa_builder import registry
    from paqa_builder.pipeline import listing
    from paqa_builder.questions import load_templates
    from paqa_builder.questions.catalogue import page

    settings = common.configure(config=config, preset=preset, plugin=plugin)
    registry.load_plugins(settings.plugins)
    if markdown:
        sys.stdout.write(page(load_templates(settings.templates)))
        return
    rows = listing.KINDS[kind](settings)
    if as_json:
        common.print_json(rows)
    else:
        common.out.print(common.table(rows[0] if rows else (), [row.values() for row in rows]))
