"""``paqa check``: a linter for multiple-choice audio questions of any data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from paqa_builder.cli import common
from paqa_builder.cli.common import JsonOption
from paqa_builder.errors import ExitCode
from paqa_builder.text.terminal import line

if TYPE_CHECKING:
    from paqa_builder.check.findings import Report

_STYLE = {"ok": "green", "warning": "yellow", "error": "bold red", "skipped": "dim"}


def check(
    data: Annotated[
        Path,
        typer.Argument(help="Shards, or a file of Parquet, JSON or JSON lines (also .gz).", metavar="DATA"),
    ],
    against: Annotated[
        list[Path] | None,
        typer.Option(
            "--against",
            help="Data, or a folder of audio, that must not share clips, questions or recordings with DATA, "
            "such as MMAU; may be repeated.",
        ),
    ] = None,
    audio_root: Annotated[
        Path | None,
        typer.Option("--audio-root", help="Folder that relative audio paths of the data start from."),
    ] = None,
    blind: Annotated[
        bool, typer.Option("--blind/--no-blind", help="Try to answer the questions without audio.")
    ] = True,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with code 3 on any warning or error.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Find defects in multiple-choice audio questions, of PAQA or of any other data set.

    Checks the balance of answers, duplicates, leaks between splits, traces, missing audio, and how many
    questions can be answered without the audio. Formats: shards of paqa, PAQA, MMAU, MMAR, AVQA, AudioMCQ,
    and any JSON lines with question, choices and answer.

    [dim]Examples:[/]

    paqa check shards --against mmau-test-mini.json --strict

    paqa check train_qa.json --audio-root AVQA/audio
    """
    from paqa_builder.check.lint import lint

    report = lint(data, against or (), audio_root, blind=blind)
    if as_json:
        common.print_json(report.to_json())
    else:
        show(report)
    if strict and not report.clean:
        raise typer.Exit(ExitCode.SOME_FAILED)


def show(report: Report) -> None:
    """Prints a report as a table."""
    title = f"{report.path}: {report.questions} questions ({report.format})"
    common.out.print(line((title, "bold")), soft_wrap=True)
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("check", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("found", overflow="fold")
    for finding in report.findings:
        text = line(finding.message)
        if finding.examples and finding.grade in ("warning", "error"):
            text = Text("\n").join([text, line((", ".join(finding.examples), "dim"))])
        table.add_row(finding.check, line((finding.grade, _STYLE[finding.grade])), text)
    common.out.print(table)
    graded = [finding.grade for finding in report.findings]
    common.out.print(f"{graded.count('error')} errors, {graded.count('warning')} warnings")
