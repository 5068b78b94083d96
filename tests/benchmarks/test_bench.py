"""The benchmark's statistics, its comparison with a baseline, its tables, and its clips."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import soundfile

from benchmarks.suite import clips, report
from benchmarks.suite.compare import worsened
from benchmarks.suite.figures import FIGURES, QUICK, SECTIONS, machine
from benchmarks.suite.paired import groups_of, paired, ratio_of

ROOT = Path(__file__).parents[2]
LATEST, BASELINE = (ROOT / "benchmarks/results" / name for name in ("latest.json", "baseline.json"))


def result(**figures: Any) -> dict[str, Any]:
    return {"quick": False, **machine(), "figures": figures}


def burn(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_a_ratio_is_that_of_cpu_seconds() -> None:
    groups = groups_of(range(6), 3)
    found = paired(
        lambda items: burn(0.02 * len(items)),
        lambda items: [burn(0.01 * len(items)), time.sleep(0.02)],
        groups,
    )
    assert found.value == pytest.approx(2.0, rel=0.25)
    assert found.low <= found.value <= found.high
    assert found.before == pytest.approx(0.12, rel=0.25)


def test_the_median_ignores_a_disturbed_pair() -> None:
    assert ratio_of([(3.0, 1.0), (3.0, 1.0), (90.0, 1.0)]).value == 3.0


def test_only_a_ratio_beyond_the_margin_is_worse() -> None:
    baseline = {"margin": 0.3, "figures": {"separate_vs_before": 10.0, "overhead_cpu": 0.05}}
    fine = result(separate_vs_before={"value": 7.5}, overhead_cpu={"value": 0.12})
    assert worsened(fine, baseline) == []
    bad = result(separate_vs_before={"value": 6.5}, overhead_cpu={"value": 0.2})
    assert [line.partition(":")[0] for line in worsened(bad, baseline)] == [
        "separate_vs_before",
        "overhead_cpu",
    ]
    absent = result(separate_vs_before={"skipped": "no model"}, overhead_cpu={"value": 0.0})
    assert worsened(absent, baseline) == ["separate_vs_before: no model (baseline 10)"]


def test_the_table_fits_80_columns() -> None:
    long = result(
        noop_100k_seconds={"value": 4.2, "clips": 100_000},
        transcribe_vs_before={"value": 3.21, "low": 2.9, "high": 3.5, "before": 60.0, "now": 19.0},
        two_processes={"skipped": "this machine has 1 core"},
    )
    lines = report.text(long).splitlines()
    assert max(map(len, lines[: len(FIGURES) + 1])) <= 80
    assert "| `transcribe_vs_before` | 3.21 x | 2.9 to 3.5 | ≥ 3 |" in report.markdown(long)
    page = f"# Title\n\n{report.BEGIN}old\n{report.END}after\n"
    assert report.page(page, long) == report.page(report.page(page, long), long)
    assert report.page(page, long).endswith("after\n")


def test_every_section_has_figures_and_only_ratios_are_compared() -> None:
    assert set(QUICK) <= set(SECTIONS)
    compared = {name for name, figure in FIGURES.items() if figure.compared}
    assert compared <= {name for name, figure in FIGURES.items() if figure.unit in ("x", "")}
    assert all(FIGURES[name].section in QUICK for name in compared)


@pytest.mark.skipif(not LATEST.is_file(), reason="make bench has not been run")
def test_the_docs_have_the_table_of_the_latest_run() -> None:
    latest = json.loads(LATEST.read_text(encoding="utf-8"))
    text = report.PAGE.read_text(encoding="utf-8")
    assert report.page(text, latest) == text, "run python -m benchmarks.suite.report"
    assert set(latest["figures"]) <= set(FIGURES)


@pytest.mark.skipif(not BASELINE.is_file(), reason="no baseline is committed")
def test_the_baseline_names_figures_of_the_quick_run() -> None:
    baseline = json.loads(BASELINE.read_text(encoding="utf-8"))
    assert baseline["quick"]
    assert all(FIGURES[name].compared and FIGURES[name].section in QUICK for name in baseline["figures"])


def test_the_quick_clips_are_excerpts_of_the_demo(tmp_path: Path) -> None:
    paths = clips.write(tmp_path, quick=True, limit=3)
    assert [path.name for path in paths] == sorted(path.name for path in tmp_path.iterdir())
    assert all(1.9 <= soundfile.info(path).duration <= 5.0 for path in paths)
    before = [path.read_bytes() for path in paths]
    assert [path.read_bytes() for path in clips.write(tmp_path / "again", quick=True, limit=3)] == before
