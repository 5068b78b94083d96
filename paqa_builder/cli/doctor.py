"""``paqa doctor``: is this machine ready?"""

from __future__ import annotations

from dataclasses import asdict

import typer

from paqa_builder.cli import common
from paqa_builder.cli.common import ConfigOption, DeviceOption, JsonOption, PluginOption, PresetOption
from paqa_builder.errors import ExitCode


def doctor(
    config: ConfigOption = None,
    preset: PresetOption = None,
    plugin: PluginOption = None,
    device: DeviceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Try every import and every model of a preset; for each problem, show the command that fixes it.

    Exits with 4 if something that a build needs is missing.

    [dim]Example:[/]

    paqa doctor --preset cpu
    """
    from rich.markup import escape

    from paqa_builder.pipeline.doctor import checks

    found = []
    for check in checks(common.configure(config=config, preset=preset, plugin=plugin, device=device)):
        found.append(check)
        if as_json:
            continue
        mark = "[green]ok[/]  " if check.ok else ("[red]BAD[/] " if check.needed else "[yellow]–[/]   ")
        common.out.print(f"{mark} [bold]{escape(check.name)}[/]  {escape(check.detail)}", soft_wrap=True)
        if not check.ok and check.fix:
            common.out.print(f"       [bold]→[/] {escape(check.fix)}", soft_wrap=True)
    if as_json:
        common.print_json([asdict(check) for check in found])
    if any(check.needed and not check.ok for check in found):
        raise typer.Exit(ExitCode.NOT_READY)
