"""Report as one self-contained HTML page with plots, tables and the wrong and undecided questions."""

from __future__ import annotations

import base64
import json
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from paqa_builder import files
from paqa_builder.bench import plots
from paqa_builder.bench.results import TALLIES, differences, precision, to_json
from paqa_builder.bench.score import Scores
from paqa_builder.bench.table import cost_row
from paqa_builder.bench.titles import TITLES
from paqa_builder.bench.verdicts import UNDECIDED, WRONG, tally

PAGE, DATA = "bench.html", "bench.json"


def write_report(folder: Path, scores: Scores, against: Scores | None = None) -> Path:
    """Writes ``bench.html``, ``bench.json`` and the plots (deterministic bytes); returns the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    captions = plots.write_all(folder, scores, against)
    images = [
        {"data": base64.b64encode((folder / name).read_bytes()).decode(), "caption": caption, "name": name}
        for name, caption in captions.items()
    ]
    data = json.dumps(to_json(scores, against), indent=1, ensure_ascii=False)
    files.write_atomic(folder / DATA, (data + "\n").encode())
    text = resources.files("paqa_builder.bench").joinpath("page.html.jinja").read_text(encoding="utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    html = environment.from_string(text).render(
        builds=[_build(build) for build in (scores, against) if build is not None],
        groups=_groups(scores, against),
        compared=against is not None,
        images=images,
    )
    files.write_atomic(folder / PAGE, html.encode())
    return folder / PAGE


def _groups(scores: Scores, against: Scores | None) -> dict[str, list[dict[str, Any]]]:
    """The rows of the table of measures by group."""
    changes = differences(scores, against) if against is not None else {}
    builds = [build for build in (scores, against) if build is not None]
    groups: dict[str, list[dict[str, Any]]] = {}
    for name, title in TITLES.items():
        if not any(name in build.measures for build in builds):
            continue
        cells = []
        for build in builds:
            measure = build.measures.get(name)
            if measure is None:
                cells.append(("-", "", ""))
                continue
            low, high = measure.interval()
            span = f"{title.show(low)} to {title.show(high)}"
            cells.append((title.show(measure.value), span, str(len(measure.clips))))
        row: dict[str, Any] = {"text": title.text, "unit": title.unit, "better": title.better, "cells": cells}
        row["change"] = None
        if change := changes.get(name):
            row["change"] = {
                "value": title.show(change.value, signed=True),
                "span": f"{title.show(change.low, signed=True)} to {title.show(change.high, signed=True)}",
                "kind": title.judge(change.value, change.low, change.high),
            }
        groups.setdefault(title.group, []).append(row)
    return groups


def _build(scores: Scores) -> dict[str, Any]:
    doubtful = [item for item in scores.judged if item.verdict in (WRONG, UNDECIDED)]
    return {
        "name": scores.name,
        "clips": scores.clips,
        "minutes": f"{scores.seconds / 60:.1f}",
        "lines": [*scores.models, *scores.notes],
        "unscored": len(scores.unscored),
        "absent": len(scores.absent),
        "tallies": {
            by: [(name, counts, precision(counts)) for name, counts in tally(scores.judged, key).items()]
            for by, key in TALLIES.items()
        }
        if scores.judged
        else {},
        "doubtful": sorted(doubtful, key=lambda item: (item.verdict != WRONG, item.question.clip_id)),
        "jobs": scores.costs.get("jobs", 1),
        "costs": [cost_row(stage) for stage in scores.costs.get("stages", ())],
    }
