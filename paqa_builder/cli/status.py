"""``paqa status``: how far a build is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from rich.table import Table

from paqa_builder.cli import common
from paqa_builder.cli.common import ConfigOption, JsonOption, OutOption, WorkOption
from paqa_builder.errors import ConfigError

_FOLDER = re.compile(r"(?P<stage>[a-z]+)-(?P<key>[0-9a-f]{12})")


def status(
    out: OutOption = None, work: WorkOption = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Show how far the build of --out is: clips done and failed by stage.

    Counts what is in the work folder, so it also works while a build runs, or after a crash.

    [dim]Example:[/]

    paqa status --out shards
    """
    settings = common.configure(out=out, work=work, config=config)
    folder = settings.work_folder
    if not folder.is_dir():
        raise ConfigError(
            f"{folder}: no build has run there", fix="paqa build … --out DIR, or name it with --out/--work"
        )
    rows = _rows(folder)
    shards = sorted(str(path.relative_to(settings.out)) for path in settings.out.glob("*/*.parquet"))
    complete = (settings.out / "paqa.lock.json").is_file()
    if as_json:
        common.print_json({"work": str(folder), "stages": rows, "shards": shards, "complete": complete})
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("stage", "key", "clips done", "failed", "parts"):
        table.add_column(column, justify="left" if column in ("stage", "key") else "right")
    for row in rows:
        table.add_row(row["stage"], row["key"], str(row["clips"]), str(row["failed"]), str(row["parts"]))
    common.out.print(table)
    state = (
        f"{len(shards)} shards in {settings.out}" if complete else f"no finished shards in {settings.out} yet"
    )
    common.out.print(state)


def _rows(work: Path) -> list[dict[str, Any]]:
    from paqa_builder import files
    from paqa_builder.perception.stage import BUILTIN

    order = [*BUILTIN, "questions"]
    rows = []
    for folder in sorted(work.iterdir()):
        match = _FOLDER.fullmatch(folder.name)
        if not match or match["stage"] not in order:
            continue
        # The same clip may be in parts of several listings; its last row is as good as any.
        done: dict[str, bool] = {}
        parts = sorted(folder.glob("part-*.jsonl"))
        for part in parts:
            done.update({row["clip"]: "failure" in row for row in files.read_rows(part)})
        rows.append(
            {
                "stage": match["stage"],
                "key": match["key"],
                "clips": len(done),
                "failed": sum(done.values()),
                "parts": len(parts),
            }
        )
    return sorted(rows, key=lambda row: (order.index(row["stage"]), row["key"]))
