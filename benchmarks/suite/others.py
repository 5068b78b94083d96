"""Sections ``processes``, ``fake``, ``growth`` and ``questions``."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.suite import clips

FAKE, QUICK_FAKE = (200, 1_200), (20, 120)
LARGE, QUICK_LARGE = 100_000, 2_000
SCENES, QUICK_SCENES = 2_000, 200
_PROCESSES_CLIPS = 60


def processes(work: Path, *, quick: bool) -> dict[str, Any]:
    """Wall seconds of the stages of a build with one process, over those with two.

    They are comparable only on a machine with nothing else to do; the result names the load.
    """
    cores = len(os.sched_getaffinity(0))
    if cores < 2:
        return {"two_processes": {"skipped": f"this machine has {cores} core"}}
    clips.write(work / "clips", quick=quick, limit=_PROCESSES_CLIPS)
    load = os.getloadavg()[0]
    walls = []
    for jobs in (1, 2):
        out = work / f"jobs{jobs}"
        for folder in (out, work / f"jobs{jobs}.work"):
            shutil.rmtree(folder, ignore_errors=True)
        _paqa("build", "-s", "folder", "--root", work / "clips", "--out", out, "--jobs", jobs)
        costs = json.loads((work / f"jobs{jobs}.work" / "last-build.json").read_text(encoding="utf-8"))
        stages = [stage for stage in costs["stages"] if stage["audio_seconds"]]
        walls.append(sum(stage["wall_seconds"] for stage in stages))
    ratio = float(f"{walls[0] / walls[1]:.4g}")
    return {"two_processes": {"value": ratio, "before": walls[0], "now": walls[1], "load": round(load, 1)}}


def fake(work: Path, *, quick: bool) -> dict[str, Any]:
    """CPU milliseconds for a further clip of a build without models: without the start of its processes."""
    module = importlib.import_module("benchmarks.growth")
    counts = QUICK_FAKE if quick else FAKE
    totals = []
    for count in counts:
        row = module.measure(work / f"fake{count}", count)
        totals.append(float(row["build, ms a clip"]) * count)
    value = (totals[1] - totals[0]) / (counts[1] - counts[0])
    return {"fake_ms_per_clip": {"value": float(f"{value:.4g}"), "clips": counts[1]}}


def growth(work: Path, *, quick: bool) -> dict[str, Any]:
    """Memory and CPU seconds of commands on 100,000 clips, whose results are copies."""
    module = importlib.import_module("benchmarks.growth")
    row = module.measure(work / "growth", QUICK_LARGE if quick else LARGE, copied=True)
    columns = {
        "fake_100k_rss_mb": "build, MB",
        "noop_100k_seconds": "second build, s",
        "status_100k_seconds": "status, s",
        "plan_100k_seconds": "plan, s",
    }
    return {name: {"value": float(row[column]), "clips": row["clips"]} for name, column in columns.items()}


def questions(work: Path, *, quick: bool) -> dict[str, Any]:
    """Questions asked and proved a second, in one process."""
    module = importlib.import_module("benchmarks.questions")
    costs = module.measure(QUICK_SCENES if quick else SCENES, gate=False, log=lambda _: None)
    value = float(f"{costs.asked_and_proved:.4g}")
    return {"questions_per_second": {"value": value, "scenes": costs.scenes}}


def _paqa(*arguments: object) -> None:
    command = [sys.executable, "-m", "paqa_builder", *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True)
    if ended.returncode not in (0, 3):
        raise RuntimeError(f"paqa {arguments[0]} ended with {ended.returncode}: {ended.stderr[-2000:]}")
