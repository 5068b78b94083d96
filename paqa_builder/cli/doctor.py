"""``paqa doctor``: checks the environment."""

from __future__ import annotations

from dataclasses import asdict

import typer

from paqa_builder.cli import common
from paqa_builder.cli.common import ConfigOption, DeviceOption, JsonOption, PluginOption, PresetOption
from paqa_builder.errors import ExitCode
from paqa_builder.text.terminal import line


def doctor(
    config: ConfigOption = None,
    preset: PresetOption = None,
    plugin: PluginOption = None,
    device: DeviceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check packages, models and disk space, and show how to fix each problem.

    Every package is imported and every model of the configuration is loaded and run. The exit code is 4 if
    something is missing that a build needs.

    [dim]Example:[/]

    paqa doctor --preset cpu
    """
    from paqa_builder.pipeline.doctor import checks

    results = []
    for check in checks(common.configure(config=config, preset=preset, plugin=plugin, device=device)):
        results.append(check)
        if as_json:
            continue
        mark, style = ("ok", "green") if check.ok else ("BAD", "red") if check.needed else ("–", "yellow")
        text = line((f"{mark:<4}", style), " ", (check.name, "bold"), f"  {check.detail}")
        common.out.print(text, soft_wrap=True)
        if not check.ok and check.fix:
            common.out.print(line("       ", ("→", "bold"), f" {check.fix}"), soft_wrap=True)
    if as_json:
        common.print_json([asdict(check) for check in results])
    if any(check.needed and not check.ok for check in results):
        raise typer.Exit(ExitCode.NOT_READY)
