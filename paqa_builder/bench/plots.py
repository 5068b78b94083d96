"""Plots of errors by condition and of the verdicts on questions. Needs matplotlib (the ``eval`` extra)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paqa_builder.bench.results import BINS, TALLIES, bins_of, precision
from paqa_builder.bench.score import Scores
from paqa_builder.bench.titles import TITLES
from paqa_builder.bench.verdicts import RIGHT, UNDECIDED, WRONG, tally

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Measure and title of each panel. All are shown as errors, so that lower is better.
PANELS = (
    ("der", "diarization error rate"),
    ("count_right", "wrong number of speakers"),
    ("wer", "WER"),
    ("cpwer", "cpWER"),
    ("event_top3", "sounds not in the best 3"),
    ("question_precision", "wrong questions"),
)
# Colour-blind safe (Okabe & Ito).
_BUILDS = ("#0072B2", "#E69F00")
_VERDICTS = {RIGHT: "#009E73", WRONG: "#D55E00", UNDECIDED: "#BBBBBB"}
_STYLE: Any = {
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#E5E5E5",
    "figure.constrained_layout.w_pad": 0.12,
    "figure.constrained_layout.h_pad": 0.08,
}


def write_all(folder: Path, scores: Scores, against: Scores | None = None) -> dict[str, str]:
    """Writes the plots as PNG files.

    Returns:
        Captions by file name, in the order of a report. Plots without data are not written.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    builds = [build for build in (scores, against) if build is not None]
    written = {}
    with pyplot.rc_context(_STYLE):
        for name, caption, figure in _figures(builds):
            # No date or version in the file: the bytes depend on the scores only.
            figure.savefig(folder / name, dpi=144, metadata={"Software": None})
            pyplot.close(figure)
            written[name] = caption
    return written


def _figures(builds: list[Scores]) -> Iterator[tuple[str, str, Figure]]:
    for condition, (title, _) in BINS.items():
        figure = _by_condition(builds, condition, title)
        if figure is not None:
            caption = f"Error by {title}, in per cent, with 95 % intervals; number of clips in brackets."
            yield f"by_{condition}.png", caption, figure
    if any(item.verdict != "annotated" for build in builds for item in build.judged):
        caption = "Questions judged by ground truth, by template and by confidence."
        yield "questions.png", caption, _questions(builds)


def _by_condition(builds: list[Scores], condition: str, title: str) -> Figure | None:
    from matplotlib import pyplot

    panels = [
        panel
        for panel in PANELS
        if any(panel[0] in build.measures and bins_of(build, condition) for build in builds)
    ]
    if not panels:
        return None
    columns = min(3, len(panels))
    rows = math.ceil(len(panels) / columns)
    figure, grid = pyplot.subplots(
        rows, columns, figsize=(3.3 * columns, 2.5 * rows + 0.3), squeeze=False, layout="constrained"
    )
    for axes, (measure, name) in zip(grid.flat, panels, strict=False):
        _bars(axes, builds, condition, measure)
        axes.set_title(name, loc="left")
    for axes in list(grid.flat)[len(panels) :]:
        axes.set_visible(False)
    figure.supxlabel(title, fontsize=9)
    if len(builds) > 1:
        _legend(figure, {build.name: _BUILDS[n] for n, build in enumerate(builds)})
    return figure


def _bars(axes: Axes, builds: list[Scores], condition: str, measure: str) -> None:
    bins = [bins_of(build, condition) for build in builds]
    labels = [label for label, _ in BINS[condition][1] if any(label in clips_of for clips_of in bins)]
    width = 0.8 / len(builds)
    counts: dict[str, int] = {}
    for n, (build, clips_of) in enumerate(zip(builds, bins, strict=True)):
        if measure not in build.measures:
            continue
        known = set(build.measures[measure].clips)
        for at, label in enumerate(labels):
            clips = [clip for clip in clips_of.get(label, ()) if clip in known]
            low, value, high = _error(build, measure, clips)
            if math.isnan(value):
                continue
            counts[label] = max(counts.get(label, 0), len(clips))
            place = at + (n - (len(builds) - 1) / 2) * width
            axes.bar(place, value, 0.9 * width, color=_BUILDS[n])
            axes.vlines(place, low, high, color="#333333", linewidth=1)
            if value == 0:  # a bar of height 0 is invisible
                axes.annotate("0", (place, 0), (0, 2), textcoords="offset points", ha="center", fontsize=8)
    axes.set_xticks(range(len(labels)), [f"{label}\n({counts.get(label, 0)})" for label in labels])
    axes.set_xlim(-0.6, len(labels) - 0.4)
    axes.set_ylim(bottom=0)
    axes.tick_params(length=0)


def _error(scores: Scores, measure: str, clips: list[str]) -> tuple[float, float, float]:
    """(low, value, high) in per cent, as an error."""
    part = scores.measures[measure].over(clips)
    low, high = part.interval()
    values = (low, part.value, high)
    if TITLES[measure].better == "higher":
        values = (1 - high, 1 - part.value, 1 - low)
    return (100 * values[0], 100 * values[1], 100 * values[2])


def _questions(builds: list[Scores]) -> Figure:
    from matplotlib import pyplot

    names = sorted({item.question.template for build in builds for item in build.judged})
    height = max(2.8, (0.16 + 0.08 * len(builds)) * len(names) + 1.1)
    figure, (left, right) = pyplot.subplots(
        1, 2, figsize=(9.9, height), width_ratios=(2, 1), layout="constrained"
    )
    size = 0.8 / len(builds)
    for n, build in enumerate(builds):
        counted = tally(build.judged, TALLIES["template"])
        for at, name in enumerate(names):
            start = 0
            for verdict, colour in _VERDICTS.items():
                number = counted[name][verdict] if name in counted else 0
                place = at + (n - (len(builds) - 1) / 2) * size
                left.barh(place, number, 0.9 * size, left=start, color=colour)
                start += number
    left.set_yticks(range(len(names)), names)
    left.set_ylim(len(names) - 0.4, -0.6)
    left.grid(visible=False, axis="y")
    left.grid(visible=True, axis="x")
    left.tick_params(length=0)
    left.set_title("questions by template" + (", in the order of the builds" * (len(builds) > 1)), loc="left")
    _legend(figure, {str(verdict): colour for verdict, colour in _VERDICTS.items()})
    _by_confidence(right, builds)
    return figure


def _by_confidence(axes: Any, builds: list[Scores]) -> None:
    labels = sorted({item.bin for build in builds for item in build.judged})
    size = 0.8 / len(builds)
    for n, build in enumerate(builds):
        counted = tally(build.judged, TALLIES["confidence"])
        for at, label in enumerate(labels):
            counts = counted.get(label)
            if counts is None or math.isnan(precision(counts)):
                continue
            place = at + (n - (len(builds) - 1) / 2) * size
            value, decided = 100 * precision(counts), counts[RIGHT] + counts[WRONG]
            axes.bar(place, value, 0.9 * size, color=_BUILDS[n])
            # In the bar if there is room, else above it.
            at_foot, colour = (2, "white") if value > 10 else (value + 1, "#333333")
            axes.text(place, at_foot, str(decided), ha="center", color=colour, fontsize=8)
    axes.set_xticks(range(len(labels)), [label.replace("-", "\n-") for label in labels])
    axes.set_ylim(0, 100)
    axes.tick_params(length=0)
    axes.set_xlabel("confidence (in the bars: decided questions)")
    axes.set_title("right questions, per cent", loc="left")


def _legend(figure: Any, colours: dict[str, str]) -> None:
    from matplotlib.patches import Patch

    handles = [Patch(color=colour, label=name) for name, colour in colours.items()]
    figure.legend(handles=handles, loc="outside upper right", ncols=len(handles), frameon=False)
