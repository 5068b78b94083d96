"""``paqa verify``: every question of finished shards, proved again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from paqa_builder.cli import common
from paqa_builder.cli.common import JsonOption, PluginOption
from paqa_builder.errors import ExitCode


def verify(
    shards: Annotated[Path, typer.Argument(help="A finished build's shards.", metavar="DIR")],
    templates: Annotated[
        list[Path] | None, typer.Option("--templates", help="Folder with the build's further templates.")
    ] = None,
    plugin: PluginOption = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Worker processes.")] = 1,
    shown: Annotated[int, typer.Option("--show", min=0, help="Show at most this many refuted ones.")] = 10,
    as_json: JsonOption = False,
) -> None:
    """Prove every question of finished shards again, from the scenes in them.

    The answer is computed again, each wrong choice judged again, every piece of evidence looked up and
    the trace written again. Files are compared with their checksums. Exit code 3 if anything
    fails.

    [dim]Example:[/]

    paqa verify shards --jobs 4
    """
    from paqa_builder.check.proof import prove

    proof = prove(shards, templates or (), jobs, plugins=plugin or ())
    if as_json:
        refuted = [{"id": one.id, "clip": one.clip, "problems": list(one.problems)} for one in proof.refuted]
        common.print_json({"questions": proof.questions, "refuted": refuted, "damaged": list(proof.damaged)})
    else:
        proved = proof.questions - len(proof.refuted)
        common.out.print(f"{proved} of {proof.questions} questions proved")
        for problem in proof.damaged:
            common.out.print(f"[red]damaged[/] {escape(problem)}", soft_wrap=True)
        table = Table(box=None, header_style="bold", pad_edge=False)
        table.add_column("refuted")
        table.add_column("why", overflow="fold")
        for one in proof.refuted[:shown]:
            table.add_row(one.id, escape("; ".join(one.problems)))
        if table.row_count:
            common.out.print(table)
        if len(proof.refuted) > shown:
            common.out.print(f"… and {len(proof.refuted) - shown} more: --show, or --json")
    if not proof.good:
        raise typer.Exit(ExitCode.SOME_FAILED)
