"""``paqa plan``: what a build would do, touching nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

from paqa_builder.cli import common
from paqa_builder.cli.common import (
    ConfigOption,
    DeviceOption,
    JsonOption,
    LimitOption,
    OutOption,
    PluginOption,
    PresetOption,
    RootOption,
    SeedOption,
    SourceOption,
    WorkOption,
)

if TYPE_CHECKING:
    from paqa_builder.pipeline.plan import Plan


def plan(
    source: SourceOption = None,
    root: RootOption = None,
    limit: LimitOption = None,
    out: OutOption = None,
    work: WorkOption = None,
    config: ConfigOption = None,
    preset: PresetOption = None,
    plugin: PluginOption = None,
    device: DeviceOption = None,
    seed: SeedOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a build would do: stages, models, what is already done. Touches nothing.

    [dim]Example:[/]

    paqa plan --source fsd50k --root FSD50K --out shards
    """
    from paqa_builder.pipeline.plan import make

    made = make(
        common.configure(
            source=source, root=root, limit=limit, out=out, work=work, config=config, preset=preset,
            plugin=plugin, device=device, seed=seed,
        ),
        save=False,
    )  # fmt: skip
    rows = stage_rows(made)
    if as_json:
        common.print_json(
            {"source": made.config.source, "clips": len(made.clips), "parts": len(made.parts),
             "out": str(made.config.out), "work": str(made.work), "stages": rows}
        )  # fmt: skip
        return
    common.out.print(
        f"{made.config.source}: {len(made.clips)} clips in {len(made.parts)} parts "
        f"→ {made.config.out} (work in {made.work})"
    )
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column, justify in (
        ("stage", "left"),
        ("model", "left"),
        ("revision", "left"),
        ("done", "right"),
        ("to do", "right"),
    ):
        table.add_column(column, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for row in rows:
        table.add_row(
            row["stage"], row["backend"] or "–", row["revision"] or "–", str(row["done"]), str(row["to_do"])
        )
    common.out.print(table)


def stage_rows(plan: Plan) -> list[dict[str, Any]]:
    """One row per stage: how many clips are done and how many are to do."""
    from paqa_builder import files

    total = len(plan.clips)
    rows = []
    for stage in plan.stages:
        missing = {item.identity for part in plan.missing(stage) for item in part.fingerprints}
        # Another listing may have cut other parts; what they hold is not made again.
        to_do = (
            len(missing) - len(files.known_rows(stage.folder(plan.work), missing, set())) if missing else 0
        )
        rows.append(
            {"stage": stage.name, "backend": stage.backend or None, "revision": stage.revision or None,
             "key": stage.key, "done": total - to_do, "to_do": to_do}
        )  # fmt: skip
    return rows
