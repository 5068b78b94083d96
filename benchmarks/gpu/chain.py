"""Section ``chain``: speed of the presets' chains, and of a build.

python -m benchmarks.gpu.chain --out FILE [--tiny]
"""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.gpu.backends import DEMO, gpu_memory
from benchmarks.gpu.result import write
from benchmarks.gpu.weights import RANDOM
from paqa_builder import config, registry
from paqa_builder.records import STAGES

PRESETS = ("cpu", "gpu")


def backends() -> list[tuple[str, str]]:
    """(stage, name) of all built-in backends but the fakes."""
    return [
        (entry.kind, entry.name)
        for entry in registry.entries()
        if entry.kind in STAGES and entry.name != "fake" and not entry.plugin
    ]


def presets(measured: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Audio hours per hour of one process through all stages of a preset, one after the other.

    Args:
        measured: Results of the section ``backends``.
    """
    found: dict[str, Any] = {}
    for name in PRESETS:
        chosen = {stage: settings["backend"] for stage, settings in config.preset(name)["stages"].items()}
        speeds = {
            stage: measured.get(f"{stage}: {backend}", {}).get("audio_hours_per_hour")
            for stage, backend in chosen.items()
        }
        missing = [stage for stage, speed in speeds.items() if not speed]
        if missing:
            found[name] = {"skipped": f"not measured: {', '.join(missing)}"}
        else:
            hours = 1 / sum(1 / speed for speed in speeds.values())
            found[name] = {"audio_hours_per_hour": round(hours, 2), "stages": speeds}
    return found


def build(folder: Path, *, tiny: bool) -> dict[str, Any]:
    """Builds the demo's audio with the GPU's backends where their weights are there or random."""
    from paqa_builder.pipeline.build import build as run

    files = sorted(DEMO.glob("*.opus"))[: 1 if tiny else None]
    (folder / "corpus").mkdir()
    for copy in range(1 if tiny else 4):
        for path in files:
            shutil.copyfile(path, folder / "corpus" / f"{path.stem}-{copy}.opus")
    stages: dict[str, Any] = {}
    for stage, name in (("separate", "demucs"), ("diarize", "pyannote"), ("tag", "panns")):
        if tiny and stage != "separate":
            continue
        try:
            make = RANDOM.get((stage, name))
            options = make(folder, tiny=tiny) if make else {}
            stages[stage] = {"backend": name, "options": options}
        except ImportError:
            continue
    settings: dict[str, Any] = {"source": "folder", "root": folder / "corpus", "out": folder / "shards"}
    settings |= {"preset": "cpu", "stages": stages, "device": "cpu" if tiny else "auto"}
    settings |= {"leaks": {"duplicates": "off"}}
    began = time.monotonic()
    report = run(config.load(settings))
    wall = time.monotonic() - began
    audio = sum(report.summary.seconds.values())
    return {
        "backends": {name: report.config.stages[name].backend for name in STAGES},
        "clips": sum(report.summary.clips.values()),
        "failures": len(report.failures),
        "audio_seconds": round(audio, 1),
        "seconds": round(wall, 1),
        "audio_hours_per_hour": round(audio / wall, 2),
        "stages": {stage.name: round(stage.wall_seconds, 2) for stage in report.stages},
        **gpu_memory(),
    }


def main() -> None:
    """Runs the build and writes its figures, or why there are none."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tiny", action="store_true")
    arguments = parser.parse_args()
    write(arguments.out, lambda folder: build(folder, tiny=arguments.tiny))


if __name__ == "__main__":
    main()
