"""``paqa explain``: shows a question with its evidence."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console

from paqa_builder.cli import common
from paqa_builder.cli.common import JsonOption, ShardsOption
from paqa_builder.text.terminal import line


def explain(
    question_id: Annotated[
        str, typer.Argument(help="Id of a question, or a beginning or end that only one id has.")
    ],
    shards: ShardsOption = None,
    trace: Annotated[bool, typer.Option("--trace", help="Also show the reasoning trace.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show a question, its answer and its evidence: stage, model, time span and confidence.

    [dim]Example:[/]

    paqa explain q-1f2e3d4c5b6a7988 --shards demo/shards
    """
    from paqa_builder.dataset import read
    from paqa_builder.untrusted.tables import damaged

    folder = common.shards_folder(shards)
    row = read.question(folder, question_id)
    if as_json:
        common.print_json(row)
        return
    with damaged(folder):
        show(row, common.out)
        if trace:
            common.out.print(row["trace"])


def show(row: dict[str, Any], console: Console, most: int | None = None) -> None:
    """Prints a row of the default configuration.

    Args:
        most: Largest number of rows of evidence; all by default.
    """
    console.print(line((row["question"], "bold")))
    for n, choice in enumerate(row["choices"]):
        right = n == row["answer_index"]
        style, mark = ("bold green", "✓") if right else ("dim", " ")
        console.print(line("  ", (f"{mark} {chr(65 + n)}. {choice}", style)))
    console.print(line((f"{row['id']}: {row['skill']} ({row['level']})", "dim")))
    console.print(line((f"template {row['template']}, clip {row['clip_id']}", "dim")))
    columns = ("seconds", "what", "confidence", "stage", "model")
    table = common.table(columns, (), right=("seconds", "confidence"))
    table.title, table.title_justify = "Evidence", "left"
    for item in row["evidence"][:most]:
        what = f"{item['record']}: {item['value']}" + (f" ({item['stem']})" if item["stem"] else "")
        model = item["backend"] + (f" {item['revision']}" if item["revision"] else "")
        span = f"{item['start']:.1f}–{item['end']:.1f}"
        table.add_row(span, what, f"{item['confidence']:.2f}", item["stage"], model)
    console.print(table)
    if most is not None and (more := len(row["evidence"]) - most) > 0:
        console.print(line((f"… and {more} more: paqa explain {row['id']}", "dim")))
