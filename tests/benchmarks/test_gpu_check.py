"""The check of GPU machines, in tiny sizes on the CPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.gpu import chain, report

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHON": sys.executable}


def test_all_backends_of_the_presets_are_checked() -> None:
    pairs = chain.backends()
    assert ("separate", "demucs") in pairs
    assert ("transcribe", "openai_whisper") in pairs
    assert all(name != "fake" for _, name in pairs)


def test_the_chain_of_a_preset_takes_as_long_as_its_stages_together() -> None:
    measured = {
        f"{stage}: {name}": {"audio_hours_per_hour": 50.0}
        for stage, name in chain.backends()
        if name != "panns"
    }
    found = chain.presets(measured)
    assert found["cpu"]["audio_hours_per_hour"] == 10.0
    assert found["gpu"] == {"skipped": "not measured: tag"}


def test_the_table_fits_80_columns_and_names_what_was_skipped() -> None:
    speed = {"audio_hours_per_hour": 1234.5, "ram_mb": 12_000, "gpu_mb": 80_000, "weights": "embedded"}
    step = {"step_seconds": 12.345, "estimated_step_seconds": {"H200": 11.0}, "memory_gb": 101.5}
    text = report.text(
        {
            "gpu": "NVIDIA H200, 143771 MiB", "processor": "A processor, 16 cores", "memory_gb": 128.0,
            "backends": {"diarize: segmentation_campplus": speed, "tag: panns": {"skipped": "word " * 40}},
            "training": {"stage1": step | {"estimated_memory_gb": 99.0}, "stage2": {"skipped": "no time"}},
            "chain": {"cpu": {"audio_hours_per_hour": 100.0}}, "build": {"skipped": "x"},
        }
    )  # fmt: skip
    assert max(map(len, text.splitlines())) <= 80
    assert "skipped: 3 measurements" in text


def test_the_script_needs_no_time_beyond_its_limit(tmp_path: Path) -> None:
    out = tmp_path / "check.json"
    script = [ROOT / "benchmarks/gpu_check.sh", "--tiny", "--seconds", "1", "--out", out]
    ended = subprocess.run(script, env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    result = json.loads(out.read_text(encoding="utf-8"))
    assert {row["skipped"] for row in result["training"].values()} == {"no time was left"}


@pytest.mark.models
def test_everything_runs_in_tiny_sizes(tmp_path: Path) -> None:
    out = tmp_path / "check.json"
    script = [ROOT / "benchmarks/gpu_check.sh", "--tiny", "--out", out]
    ended = subprocess.run(script, env=ENVIRONMENT, capture_output=True, text=True, timeout=1500)
    assert ended.returncode == 0, ended.stderr
    result = json.loads(out.read_text(encoding="utf-8"))
    rows = result["backends"] | result["training"] | {"build": result["build"]}
    assert not {name: row for name, row in rows.items() if row.get("failed")}
    measured = [row for row in result["backends"].values() if "skipped" not in row]
    assert measured
    assert all(row["audio_hours_per_hour"] > 0 for row in measured)
