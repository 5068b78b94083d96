"""``paqa try``: one backend on one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from paqa_builder.cli import common
from paqa_builder.cli.common import JsonOption, PluginOption
from paqa_builder.errors import ConfigError


def try_(
    backend: Annotated[str, typer.Argument(help="Name of a backend, from [bold]paqa ls backends[/].")],
    file: Annotated[Path, typer.Argument(help="Audio file.")],
    option: Annotated[
        list[str] | None,
        typer.Option("--option", "-O", help="Option of the backend as NAME=VALUE; may be repeated."),
    ] = None,
    stage: Annotated[
        str | None,
        typer.Option("--stage", help="Stage of the backend, if several stages have one of this name."),
    ] = None,
    stems: Annotated[
        Path | None, typer.Option("--stems", help="Folder for a separator's stems \\[not written].")
    ] = None,
    plugin: PluginOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run one backend on one audio file, without the other stages.

    The input of the backend is the file's mixture, not a separated stem.

    [dim]Examples:[/]

    paqa try yamnet street.wav -O onset=0.2

    paqa try deepfilternet3 street.wav --stems .
    """
    from paqa_builder import registry
    from paqa_builder.pipeline import trial

    registry.load_plugins(plugin or [])
    result = trial.run(backend, file, _parse(option or []), stage, stems)
    info = result.info
    common.err.print(
        f"{file.name}: {info.duration:.2f} s, {info.rate} Hz, {info.channels} ch; "
        f"{result.stage} by {backend} ({result.revision}) took {result.seconds:.2f} s"
    )
    rows = result.rows
    if as_json:
        common.print_json(rows)
    elif not rows:
        common.out.print("no results")
    else:
        texts = [[f"{v:.2f}" if isinstance(v, float) else v for v in row.values()] for row in rows]
        right = [name for name, value in rows[0].items() if not isinstance(value, str)]
        common.out.print(common.table(rows[0], texts, right=right))


def _parse(pairs: list[str]) -> dict[str, Any]:
    import yaml

    from paqa_builder.untrusted import load_yaml

    options = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise ConfigError(f"--option {pair!r} is not of the form NAME=VALUE")
        try:
            options[name] = load_yaml(value)
        except yaml.YAMLError as error:
            raise ConfigError(f"--option {name}: the value is not YAML ({error})") from error
    return options
