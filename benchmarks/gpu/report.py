"""The results of the check as a table of at most 80 columns."""

from __future__ import annotations

import textwrap
from typing import Any

WIDTH = 80


def text(result: dict[str, Any]) -> str:
    """The table of all sections."""
    lines = ["", f"GPU: {result['gpu'] or 'none was found: figures are of the CPU'}"]
    lines.append(f"{result['processor']}, {result['memory_gb']} GB")
    lines += ["", f"{'backend':<34}{'x real time':>12}{'GPU MB':>9}{'RAM MB':>9}  weights"]
    lines += [backend_line(name, row) for name, row in result["backends"].items()]
    lines += ["", f"{'training':<10}{'s a step':>10}{'estimated':>11}{'GB':>8}{'estimated':>11}"]
    lines += [_training_line(name, row) for name, row in result["training"].items()]
    lines += ["", "chain: audio-hours per hour of one process or GPU"]
    chains = {f"preset {name}": row for name, row in result.get("chain", {}).items()}
    if "build" in result:
        chains["a build"] = result["build"]
    for name, row in chains.items():
        value = row.get("audio_hours_per_hour")
        lines.append(f"{name:<34}{value:>12}" if value else _skipped(name, row))
    skipped = sum("skipped" in row for section in _sections(result) for row in section.values())
    return "\n".join([*lines, "", f"skipped: {skipped} measurements"])


def backend_line(name: str, row: dict[str, Any]) -> str:
    """One backend: speed, memory, and whether its weights are random."""
    if "skipped" in row:
        return _skipped(name, row)
    memory = row.get("torch_mb", row.get("gpu_mb", "–"))
    speed = f"{row['audio_hours_per_hour']:.1f}"
    return f"{name:<34}{speed:>12}{memory:>9}{row['ram_mb']:>9}  {row['weights']}"


def _training_line(name: str, row: dict[str, Any]) -> str:
    if "skipped" in row:
        return _skipped(name, row)
    expected = " / ".join(f"{seconds:.3g}" for seconds in row["estimated_step_seconds"].values())
    return (
        f"{name:<10}{row['step_seconds']:>10}{expected:>11}"
        f"{row['memory_gb']:>8}{row['estimated_memory_gb']:>11}"
    )


def _skipped(name: str, row: dict[str, Any]) -> str:
    return textwrap.fill(f"{name}: skipped: {row['skipped']}", WIDTH, subsequent_indent="    ")


def _sections(result: dict[str, Any]) -> list[dict[str, Any]]:
    build = {"build": result["build"]} if "build" in result else {}
    return [result["backends"], result["training"], result.get("chain", {}), build]
