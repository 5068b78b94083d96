"""The results as a table: on the terminal, and in ``docs/performance.md``.

python -m benchmarks.suite.report      # writes the table of benchmarks/results/latest.json into the docs
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.suite.figures import FIGURES

ROOT = Path(__file__).parents[2]
PAGE, LATEST = ROOT / "docs/performance.md", ROOT / "benchmarks/results/latest.json"
BEGIN, END = "<!-- bench: made by benchmarks/suite/report.py -->\n", "<!-- bench ends -->\n"


def rows(result: dict[str, Any]) -> list[tuple[str, str, str, str, str]]:
    """(name, value, range, wanted, meaning) of each figure."""
    found = []
    for name, figure in FIGURES.items():
        measured = result["figures"].get(name, {"skipped": "not run"})
        wanted = "" if figure.target is None else ("≥ " if figure.higher else "≤ ") + _number(figure.target)
        span = f"{_number(measured['low'])} to {_number(measured['high'])}" if "low" in measured else ""
        value = _number(measured["value"]) if "value" in measured else "–"
        what = figure.what if "value" in measured else f"{figure.what} ({measured['skipped']})"
        found.append((name, f"{value} {figure.unit}".strip(), span, wanted, what))
    return found


def text(result: dict[str, Any]) -> str:
    """The table for a terminal of 80 columns."""
    lines = [f"{'figure':<24}{'value':>12}{'range':>18}{'wanted':>12}"]
    for name, value, span, wanted, _ in rows(result):
        if name not in result["figures"]:
            continue
        lines.append(f"{name:<24}{value:>12}{span:>18}{wanted:>12}")
    skipped = {name: figure["skipped"] for name, figure in result["figures"].items() if "skipped" in figure}
    lines += [f"{name}: {why}" for name, why in skipped.items()]
    return "\n".join([*lines, f"{result['processor']}, {result['memory_gb']} GB, load {result['load']}"])


def markdown(result: dict[str, Any]) -> str:
    """The table of the documentation."""
    lines = ["| figure | value | range | wanted | what |", "| --- | ---: | ---: | ---: | --- |"]
    lines += [f"| `{name}` | {' | '.join(cells)} |" for name, *cells in rows(result)]
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    machine = f"{result['processor']}, {result['memory_gb']} GB, load {result['load']} at the end of the run"
    return "\n".join([*lines, "", f"{machine}. {versions}.", ""])


def page(old: str, result: dict[str, Any]) -> str:
    """A page with its table replaced."""
    before, _, rest = old.partition(BEGIN)
    return before + BEGIN + "\n" + markdown(result) + "\n" + END + rest.partition(END)[2]


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


if __name__ == "__main__":
    latest = json.loads(LATEST.read_text(encoding="utf-8"))
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), latest), encoding="utf-8")
