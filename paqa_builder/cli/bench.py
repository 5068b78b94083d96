"""``paqa bench``: scores a build against ground truth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from paqa_builder.cli import common
from paqa_builder.cli.common import JsonOption

if TYPE_CHECKING:
    from paqa_builder.bench.score import Scores


def bench(
    shards: Annotated[Path, typer.Argument(help="Folder of the shards.", metavar="DIR")],
    truth: Annotated[
        Path | None,
        typer.Option(
            "--truth",
            help="Ground truth: a manifest, an .rttm file or a folder \\[annotation in the shards].",
        ),
    ] = None,
    work: Annotated[
        Path | None,
        typer.Option("--work", help="Work folder of the build, for stems and costs \\[DIR.work]."),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option("--against", help="Shards of another build of the same clips, for comparison."),
    ] = None,
    against_work: Annotated[
        Path | None, typer.Option("--against-work", help="Work folder of that build.", show_default=False)
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", help="Write bench.html, bench.json and the plots to this folder."),
    ] = None,
    heard_from: Annotated[
        float,
        typer.Option("--heard-from", min=0, max=1, help="Lowest score of a tag that counts as a detection."),
    ] = 0.5,
    partial_labels: Annotated[
        bool,
        typer.Option(
            "--partial-labels", help="The labels are incomplete: sounds without a label may be present."
        ),
    ] = False,
    templates: Annotated[
        list[Path] | None,
        typer.Option("--templates", help="Folder of templates of the build that are not built in."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Score a build against ground truth: questions, speakers, words, sounds, separation, cost.

    The main measure is the precision of the questions: each is answered again from the ground truth alone.
    Layers that the ground truth lacks are not scored. [dim]docs/bench.md[/] describes measures and formats.

    [dim]Examples:[/]

    paqa bench shards --truth scenes/manifest.jsonl

    paqa bench shards --truth my_rttm_folder --report runs/bench

    paqa bench shards --truth scenes --against shards_with_another_tagger
    """
    from paqa_builder.bench.build import load_build
    from paqa_builder.bench.formats import load_references
    from paqa_builder.bench.score import require, score_build

    require(plots=report is not None)
    references = load_references(truth, partial_labels=partial_labels) if truth is not None else None

    def scored(folder: Path, beside: Path | None) -> Scores:
        build = load_build(folder, beside)
        return score_build(build, references, threshold=heard_from, templates=templates or ())

    scores = scored(shards, work)
    other = scored(against, against_work) if against is not None else None
    if report is not None:
        from paqa_builder.bench.page import write_report

        page = write_report(report, scores, other)
        common.err.print(f"report written: {page}", soft_wrap=True)
    if as_json:
        from paqa_builder.bench.results import to_json

        common.print_json(to_json(scores, other))
        return
    from paqa_builder.bench.table import show

    show(scores, common.out, other)
