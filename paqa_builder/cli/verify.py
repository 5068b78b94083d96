"""``paqa verify``: proves every question of finished shards again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from paqa_builder.cli import common
from paqa_builder.cli.common import JsonOption, PluginOption
from paqa_builder.errors import ExitCode
from paqa_builder.text.terminal import line


def verify(
    shards: Annotated[Path, typer.Argument(help="Folder of the shards.", metavar="DIR")],
    templates: Annotated[
        list[Path] | None,
        typer.Option("--templates", help="Folder of templates of the build that are not built in."),
    ] = None,
    plugin: PluginOption = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Number of worker processes.")] = 1,
    shown: Annotated[
        int, typer.Option("--show", min=0, help="Largest number of refuted questions to show.")
    ] = 10,
    as_json: JsonOption = False,
) -> None:
    """Prove every question of finished shards again, from the scenes in the shards.

    Computes the answer and the trace again, checks that the other choices are wrong, looks up all evidence,
    and compares files with their checksums. The exit code is 3 if anything fails.

    [dim]Example:[/]

    paqa verify shards --jobs 4
    """
    from paqa_builder.check.proof import prove

    proof = prove(shards, templates or (), jobs, plugins=plugin or ())
    if as_json:
        refuted = [{"id": q.id, "clip": q.clip, "problems": list(q.problems)} for q in proof.refuted]
        common.print_json({"questions": proof.questions, "refuted": refuted, "damaged": list(proof.damaged)})
    else:
        proved = proof.questions - len(proof.refuted)
        common.out.print(f"{proved} of {proof.questions} questions proved")
        for problem in proof.damaged:
            common.out.print(line(("damaged", "red"), f" {problem}"), soft_wrap=True)
        if rows := [(q.id, "; ".join(q.problems)) for q in proof.refuted[:shown]]:
            common.out.print(common.table(("refuted", "why"), rows))
        if len(proof.refuted) > shown:
            common.out.print(f"… and {len(proof.refuted) - shown} more: --show, or --json")
    if not proof.good:
        raise typer.Exit(ExitCode.SOME_FAILED)
