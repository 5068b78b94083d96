"""``paqa explain``: a question with its proof."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from paqa_builder.cli import common
from paqa_builder.cli.common import JsonOption, ShardsOption


def explain(
    question_id: Annotated[str, typer.Argument(help="A question's id, or the unique beginning of it.")],
    shards: ShardsOption = None,
    trace: Annotated[bool, typer.Option("--trace", help="Show the reasoning trace, too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show a question, its answer, and each piece of evidence: stage, model, span, confidence.

    [dim]Example:[/]

    paqa explain q-1f2e3d4c5b6a7988 --shards demo/shards
    """
    from paqa_builder.dataset import read

    row = read.question(common.shards_folder(shards), question_id)
    if as_json:
        common.print_json(row)
        return
    show(row, common.out)
    if trace:
        common.out.print(escape(row["trace"]))


def show(row: dict[str, Any], console: Console) -> None:
    """Prints a row of the default configuration for a person."""
    console.print(f"[bold]{escape(row['question'])}[/]")
    for n, choice in enumerate(row["choices"]):
        right = n == row["answer_index"]
        style, mark = ("bold green", "✓") if right else ("dim", " ")
        console.print(f"  [{style}]{mark} {chr(65 + n)}. {escape(choice)}[/]")
    console.print(f"[dim]{row['id']}: {row['skill']} ({row['level']})[/]")
    console.print(f"[dim]template {row['template']}, clip {escape(row['clip_id'])}[/]")
    table = Table(box=None, header_style="bold", pad_edge=False, title="Evidence", title_justify="left")
    for column in ("seconds", "what", "sure", "stage", "model"):
        table.add_column(
            column, justify="right" if column in ("seconds", "sure") else "left", overflow="fold"
        )
    for item in row["evidence"]:
        what = f"{item['record']}: {item['value']}" + (f" ({item['stem']})" if item["stem"] else "")
        model = item["backend"] + (f" {item['revision']}" if item["revision"] else "")
        span = f"{item['start']:.1f}–{item['end']:.1f}"
        table.add_row(span, escape(what), f"{item['confidence']:.2f}", item["stage"], escape(model))
    console.print(table)
