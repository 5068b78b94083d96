"""Check of a GPU machine without internet, in at most eight minutes: ``benchmarks/gpu_check.sh``.

    benchmarks/gpu_check.sh                       # gpu_check.json and a table
    benchmarks/gpu_check.sh --tiny                # tiny sizes on the CPU, as in CI
    benchmarks/gpu_check.sh --only backends training --seconds 240

Sections: every backend but the fakes (speed, memory), steps of both training stages, the chain of each preset
(from the backends' speeds, and a build). Every measurement runs in a process of its own, with a time limit.
What cannot run (a package, weights, a GPU is missing, no time is left) is skipped, and the table says why.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.gpu import chain, report
from benchmarks.suite.figures import machine

ROOT = Path(__file__).parents[2]
SECONDS = 470.0
"""Seconds for all sections; eight minutes with the start and the end."""
SECTIONS = ("backends", "training", "chain")
_LIMITS = {"backends": 60.0, "training": 200.0, "chain": 90.0}


def main() -> int:
    """Runs the sections, writes the JSON file and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("gpu_check.json"), help="file of the results")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="time limit of all sections")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS), help="sections")
    parser.add_argument("--tiny", action="store_true", help="tiny sizes on the CPU")
    arguments = parser.parse_args()
    end = time.monotonic() + arguments.seconds
    result: dict[str, Any] = {
        "tiny": arguments.tiny,
        "gpu": gpu(),
        **machine(),
        "backends": {},
        "training": {},
    }
    if "backends" in arguments.only:
        for stage, name in chain.backends():
            key = f"{stage}: {name}"
            result["backends"][key] = _run("backends", [stage, name], end, tiny=arguments.tiny)
            print(report.backend_line(key, result["backends"][key]), flush=True)
    if "training" in arguments.only:
        for stage in ("stage1", "stage2"):
            result["training"][stage] = _run("training", [stage], end, tiny=arguments.tiny)
    if "chain" in arguments.only:
        result["chain"] = chain.presets(result["backends"])
        result["build"] = _run("chain", [], end, tiny=arguments.tiny)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(report.text(result))
    return 0


def _run(section: str, words: list[str], end: float, *, tiny: bool) -> dict[str, Any]:
    """Runs a measurement in a process of its own; its figures, or why there are none."""
    limit = min(_LIMITS[section], end - time.monotonic())
    if limit < 5:
        return {"skipped": "no time was left"}
    with tempfile.TemporaryDirectory(prefix="paqa-gpu-") as folder:
        out = Path(folder) / "result.json"
        command = [sys.executable, "-m", f"benchmarks.gpu.{section}", *words, "--out", str(out)]
        log = Path(folder) / "log"
        with log.open("w") as errors:
            try:
                ended = subprocess.run(
                    [*command, *(["--tiny"] if tiny else [])],
                    cwd=ROOT, stdout=errors, stderr=errors, timeout=limit,
                )  # fmt: skip
            except subprocess.TimeoutExpired:
                return {"skipped": f"not finished after {limit:.0f} s"}
        if ended.returncode or not out.is_file():
            last = [line for line in log.read_text(errors="replace").splitlines() if line.strip()][-1:]
            return {"skipped": f"exit code {ended.returncode}: {''.join(last)[:300]}", "failed": True}
        found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
        return found


def gpu() -> str:
    """Name and memory of the first GPU; empty without one."""
    try:
        query = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
        listed = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True).stdout
        return listed.splitlines()[0].strip() if listed.strip() else ""
    except (OSError, subprocess.SubprocessError):
        return ""


if __name__ == "__main__":
    sys.exit(main())
