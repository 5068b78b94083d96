"""Compares the ratios of a run with those of the committed baseline."""

from __future__ import annotations

from typing import Any

from benchmarks.suite.figures import FIGURES

MARGIN = 0.3
"""Share by which a ratio may be worse than the baseline's. Runs on busy machines differ by up to 20 %."""
_LEAST = 0.1
"""Change of a figure below which it does not count, for shares near 0."""


def worsened(result: dict[str, Any], baseline: dict[str, Any]) -> list[str]:
    """The ratios that are worse than the baseline's by more than its margin, or could not be measured."""
    problems = []
    for name, known in baseline["figures"].items():
        figure, measured = FIGURES[name], result["figures"].get(name, {})
        if "value" not in measured:
            problems.append(f"{name}: {measured.get('skipped', 'not measured')} (baseline {known:.3g})")
            continue
        value = measured["value"]
        loss = known - value if figure.higher else value - known
        if loss > max(baseline["margin"] * abs(known), _LEAST):
            problems.append(f"{name}: {value:.3g}, baseline {known:.3g}, margin {baseline['margin']:.0%}")
    return problems
