"""``paqa plan``: shows what a build would do."""

from __future__ import annotations

from typing import Annotated

import typer

from paqa_builder.cli import common


def plan(
    source: common.SourceOption = None,
    root: common.RootOption = None,
    truth: common.TruthOption = None,
    limit: common.LimitOption = None,
    out: common.OutOption = None,
    work: common.WorkOption = None,
    config: common.ConfigOption = None,
    preset: common.PresetOption = None,
    plugin: common.PluginOption = None,
    jobs: common.JobsOption = None,
    device: common.DeviceOption = None,
    seed: common.SeedOption = None,
    license_allow: common.LicenseAllowOption = None,
    calibrate: Annotated[
        int | None,
        typer.Option(
            "--calibrate",
            min=1,
            metavar="N",
            help="Run N random clips, and estimate time, disk and GPU hours; the build keeps their results.",
            rich_help_panel="How",
        ),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(
            "--shard",
            metavar="I/N",
            help="With --calibrate: estimate one of N shards instead of a whole build.",
            rich_help_panel="How",
        ),
    ] = None,
    as_json: common.JsonOption = False,
) -> None:
    """Show what a build would do: its stages, their models, and the clips done and to do.

    Writes nothing, except with --calibrate.

    [dim]Examples:[/]

    paqa plan --source fsd50k --out shards

    paqa plan --source fsd50k --out shards --calibrate 64
    """
    from paqa_builder.cli import estimate as show_estimate
    from paqa_builder.pipeline.leaks import applied
    from paqa_builder.pipeline.plan import make
    from paqa_builder.pipeline.status import of_plan

    settings = common.configure(
        source=source, root=root, truth=truth, limit=limit, out=out, work=work, config=config, preset=preset,
        plugin=plugin, jobs=jobs, device=device, shard=shard, seed=seed,
        license_allow=common.listed(license_allow),
    )  # fmt: skip
    estimate = None
    if calibrate is None:
        planned, _ = applied(make(settings, save=False))
    else:
        from paqa_builder.cli.build import Progress
        from paqa_builder.pipeline import calibrate as calibration

        with Progress() as progress:
            planned, estimate = calibration.run(settings, calibrate, progress)
    rows = of_plan(planned)
    clips, parts = planned.count, len(planned.parts)
    if as_json:
        common.print_json(
            {"source": settings.source, "clips": clips, "parts": parts, "out": str(settings.out),
             "work": str(planned.work), "stages": rows}
            | ({"estimate": show_estimate.as_json(estimate)} if estimate else {})
        )  # fmt: skip
        return
    common.out.print(
        f"{settings.source}: {clips} clips in {parts} parts → {settings.out} (work in {planned.work})"
    )
    cells = [
        (row["stage"], row["backend"] or "–", row["revision"] or "–", row["done"], row["to_do"])
        for row in rows
    ]
    columns = ("stage", "model", "revision", "done", "to do")
    common.out.print(common.table(columns, cells, right=("done", "to do")))
    if estimate:
        common.out.print()
        show_estimate.show(estimate)
