"""Benchmark of the whole project, against the first release: ``make bench`` and ``make bench-quick``.

::

    python -m benchmarks.bench                          # all sections, to benchmarks/results/latest.json
    python -m benchmarks.bench --section models chain   # some; the figures of the others are kept
    python -m benchmarks.bench --quick --check          # small, on the demo's audio; compares ratios

Every section runs in a process of its own. Ratios are of CPU seconds or bytes within one run, so they
depend little on the machine. ``--check`` compares these with ``benchmarks/results/baseline.json``, and ends
with exit code 3 where one has worsened by more than the margin stated there. ``--set-baseline`` writes this
file.
"""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.suite import report
from benchmarks.suite.compare import MARGIN, worsened
from benchmarks.suite.figures import FIGURES, QUICK, SECTIONS, machine

RESULTS = Path(__file__).parent / "results"
LATEST, BASELINE = RESULTS / "latest.json", RESULTS / "baseline.json"
ROOT = Path(__file__).parents[1]
_MODULES = {"models": "benchmarks.suite.models:run", "chain": "benchmarks.suite.chain:run"}


def main() -> int:
    """Runs the sections and prints a table. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--section", nargs="+", choices=SECTIONS, help="only these sections")
    parser.add_argument(
        "--quick", action="store_true", help="a few seconds of the demo's audio; no test data"
    )
    parser.add_argument(
        "--check", action="store_true", help="fail where a ratio is worse than the baseline's"
    )
    parser.add_argument("--set-baseline", action="store_true", help="write the compared ratios as baseline")
    parser.add_argument("--out", type=Path, help="file of the results")
    parser.add_argument("--run", metavar="SECTION", choices=SECTIONS, help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        figures = _section(arguments.run)(arguments.work, quick=arguments.quick)
        arguments.out.write_text(json.dumps(figures), encoding="utf-8")
        return 0
    sections = arguments.section or (QUICK if arguments.quick else SECTIONS)
    target = arguments.out or (None if arguments.quick else LATEST)
    known = json.loads(target.read_text(encoding="utf-8")) if target and target.is_file() else {}
    figures = dict(known.get("figures", {})) if arguments.section else {}
    for section in sections:
        figures |= run(section, quick=arguments.quick)
    result = {
        "quick": arguments.quick,
        **machine(),
        "figures": {name: figures[name] for name in FIGURES if name in figures},
    }
    if target:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(report.text(result))
    if arguments.set_baseline:
        ratios = {
            name: figure["value"]
            for name, figure in result["figures"].items()
            if FIGURES[name].compared and "value" in figure
        }
        content = {"margin": MARGIN, "quick": arguments.quick, "figures": ratios}
        BASELINE.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return _check(result) if arguments.check else 0


def run(section: str, *, quick: bool) -> dict[str, Any]:
    """Runs a section in a process of its own; its figures, or why there are none."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="paqa-bench-") as folder:
        out = Path(folder) / "figures.json"
        command = [
            sys.executable,
            "-m",
            "benchmarks.bench",
            "--run",
            section,
            "--work",
            folder,
            "--out",
            str(out),
        ]
        ended = subprocess.run([*command, *(["--quick"] if quick else [])], cwd=ROOT, stdout=sys.stderr)
        names = [name for name, figure in FIGURES.items() if figure.section == section]
        if ended.returncode:
            return {
                name: {"skipped": f"the section failed with exit code {ended.returncode}"} for name in names
            }
        figures: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    print(f"{section}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    return figures


def _section(name: str) -> Any:
    module, _, function = _MODULES.get(name, f"benchmarks.suite.others:{name}").partition(":")
    return getattr(importlib.import_module(module), function)


def _check(result: dict[str, Any]) -> int:
    baseline = json.loads(BASELINE.read_text(encoding="utf-8"))
    problems = worsened(result, baseline)
    for problem in problems:
        print(f"worse: {problem}", file=sys.stderr)
    return 3 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
