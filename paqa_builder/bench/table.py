"""Tables of scores for a terminal of 80 columns."""

from __future__ import annotations

import math
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from paqa_builder.bench.results import TALLIES, differences, precision
from paqa_builder.bench.score import Scores
from paqa_builder.bench.titles import TITLES, Title
from paqa_builder.bench.verdicts import ANNOTATED, RIGHT, UNDECIDED, WRONG, tally
from paqa_builder.text.terminal import line


def show(scores: Scores, console: Console, against: Scores | None = None) -> None:
    """Prints all tables."""
    builds = list(filter(None, (scores, against)))
    for build in builds:
        console.print(line((build.name, "bold"), f": {build.clips} clips, {build.seconds / 60:.1f} minutes"))
        for text in (*build.models, *build.notes, *_unmatched(build)):
            console.print(line((f"  {text}", "dim")), soft_wrap=True)
    console.print()
    console.print(measures(scores) if against is None else comparison(scores, against))
    for build in builds:
        name = f" of {build.name}" if against is not None else ""
        if build.judged:
            console.print()
            console.print(questions(build, f"Questions by template{name}"))
        if build.costs.get("stages"):
            console.print()
            console.print(costs(build, f"Cost of the last run{name}, {build.costs.get('jobs', 1)} job(s)"))


def measures(scores: Scores) -> Table:
    """One line for each measure, with its 95 % interval over clips."""
    table = _table("measure", "", "value", "95 %", "clips")
    group = ""
    for name, title in TITLES.items():
        if name in scores.measures:
            group = _heading(table, group, title)
            measure = scores.measures[name]
            low, high = measure.interval()
            table.add_row(
                f"  {title.text}",
                title.unit,
                title.show(measure.value),
                _interval(title, low, high),
                str(len(measure.clips)),
            )
    return table


def comparison(scores: Scores, against: Scores) -> Table:
    """Two builds side by side, with the difference and its 95 % interval over shared clips.

    A difference is green (red) if the whole interval is on the better (worse) side of zero.
    """
    table = _table("measure", "", _short(scores.name), _short(against.name), "difference", "95 %")
    changes = differences(scores, against)
    group = ""
    for name, title in TITLES.items():
        if name not in scores.measures and name not in against.measures:
            continue
        group = _heading(table, group, title)
        values = [
            title.show(build.measures[name].value) if name in build.measures else "-"
            for build in (scores, against)
        ]
        shown: Text | str = "-"
        interval = ""
        if change := changes.get(name):
            shown = title.show(change.value, signed=True)
            interval = _interval(title, change.low, change.high, signed=True)
            if direction := title.judge(change.value, change.low, change.high):
                shown = line((str(shown), "green" if direction == "better" else "red"))
        table.add_row(f"  {title.text}", title.unit, *values, shown, interval)
    return table


def questions(scores: Scores, title: str) -> Table:
    """Right, wrong and undecided questions by template, and by confidence."""
    table = _table("template", "right", "wrong", "undecided", "precision", title=title)
    for by in ("template", "confidence"):
        if by == "confidence":
            table.add_section()
        for name, counts in tally(scores.judged, TALLIES[by]).items():
            label = name if by == "template" else f"confidence {name}"
            share = precision(counts)
            table.add_row(
                label, *(str(counts[verdict] or "") for verdict in (RIGHT, WRONG, UNDECIDED)),
                "-" if math.isnan(share) else f"{100 * share:.0f} %",
            )  # fmt: skip
    if annotated := sum(item.verdict == ANNOTATED for item in scores.judged):
        table.caption = f"{annotated} questions on the corpus's own annotation are not judged"
    return table


def costs(scores: Scores, title: str) -> Table:
    """Costs of each stage in the build's last run, without stages that had nothing to do."""
    table = _table("stage", "clips", "CPU s", "CPU s per s of audio", "wall s", "peak MB", title=title)
    for stage in scores.costs["stages"]:
        table.add_row(*cost_row(stage))
    return table


def cost_row(stage: dict[str, Any]) -> tuple[str, ...]:
    """One stage's figures as text."""
    rtf, peak = stage.get("rtf"), stage.get("peak_bytes")
    return (
        stage["name"],
        str(stage["clips"]),
        f"{stage['cpu_seconds']:.1f}",
        "-" if rtf is None else f"{rtf:.3f}",
        f"{stage['wall_seconds']:.1f}",
        f"{peak / 2**20:.0f}" if peak else "-",
    )


def _unmatched(scores: Scores) -> list[str]:
    lines = []
    if scores.unscored:
        lines.append(f"{len(scores.unscored)} clips without ground truth or audio are not scored")
    if scores.absent:
        lines.append(f"{len(scores.absent)} clips of the ground truth are not in the build")
    return lines


def _table(first: str, *others: str, title: str | None = None) -> Table:
    table = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    table.add_column(first, no_wrap=True)
    for name in others:
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    return table


def _heading(table: Table, group: str, title: Title) -> str:
    if title.group != group:
        table.add_row(line((title.group, "bold")))
    return title.group


def _interval(title: Title, low: float, high: float, *, signed: bool = False) -> str:
    if math.isnan(low):
        return ""
    return f"{title.show(low, signed=signed)} .. {title.show(high, signed=signed)}"


def _short(name: str) -> str:
    return name if len(name) <= 10 else name[:9] + "…"
