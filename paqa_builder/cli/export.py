"""``paqa export``: converts finished shards into the format of another tool."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from paqa_builder.cli import common
from paqa_builder.cli.common import JsonOption, PluginOption
from paqa_builder.errors import ConfigError, ExitCode
from paqa_builder.text.terminal import line

if TYPE_CHECKING:
    from paqa_builder.export import ExportReport

_SHOWN = 10


def export(
    shards: Annotated[Path, typer.Argument(help="Folder of the shards.", metavar="SHARDS")],
    folder: Annotated[Path, typer.Argument(help="Folder of the export.", metavar="DIR")],
    to: Annotated[
        list[str], typer.Option("--to", "-t", help="Format, see [bold]paqa ls exports[/]; may be repeated.")
    ],
    split: Annotated[
        list[str] | None, typer.Option("--split", help="Split; may be repeated \\[all; lmms-eval: test].")
    ] = None,
    answer: Annotated[
        str, typer.Option("--answer", help="Form of the answer: text, letter or trace.")
    ] = "text",
    layer: Annotated[
        str,
        typer.Option(
            "--layer",
            help="Records to export: truth (the corpus's annotation), model, or best (truth, else model).",
        ),
    ] = "best",
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Export only the first N clips.")
    ] = None,
    plugin: PluginOption = None,
    as_json: JsonOption = False,
) -> None:
    """Export finished shards into the format of a trainer, a speech toolkit or an annotation editor.

    Each format gets a folder below DIR. Audio is written once, for all formats in DIR. Files that were not
    written by an export are not replaced. To continue an interrupted export, run the same command again.

    [dim]Examples:[/]

    paqa export shards --to ms-swift --split train --answer trace exported

    paqa export shards --to lhotse --to textgrid --layer truth exported
    """
    from paqa_builder import registry
    from paqa_builder.export import ExportOptions
    from paqa_builder.export import export as run
    from paqa_builder.export.layers import LAYERS
    from paqa_builder.export.texts import ANSWERS

    registry.load_plugins(plugin or ())
    for name, value, known in (("--answer", answer, ANSWERS), ("--layer", layer, LAYERS)):
        if value not in known:
            raise ConfigError(f"{name} {value!r} is none of {', '.join(known)}", fix=f"{name} {known[0]}")
    options = ExportOptions(tuple(split or ()), answer, layer, limit)  # type: ignore[arg-type]
    for name in to:
        registry.get("export", name)  # a wrong name is an error before the first format is written
    reports = [run(shards, name, folder, options) for name in dict.fromkeys(to)]
    if as_json:
        common.print_json([{**asdict(report), "folder": str(report.folder)} for report in reports])
    else:
        for report in reports:
            _show(report)
    if any(report.failures for report in reports):
        raise typer.Exit(ExitCode.SOME_FAILED)


def _show(report: ExportReport) -> None:
    rows = sum(report.rows.values())
    common.out.print(
        line((report.format, "bold"), f": {report.clips} clips, {rows} rows in {report.folder}"),
        soft_wrap=True,
    )
    for reason, count in report.left_out.items():
        common.err.print(line(f"  left out: {count} {reason}"), soft_wrap=True)
    for clip, message in report.failures[:_SHOWN]:
        common.err.print(line("  ", ("failed", "red"), f" {clip}: {message}"), soft_wrap=True)
    if len(report.failures) > _SHOWN:
        common.err.print(f"  … and {len(report.failures) - _SHOWN} more: --json")
