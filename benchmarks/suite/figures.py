"""The figures of ``make bench``: what each measures, its unit, its target, and how it is compared."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("numpy", "torch", "onnxruntime", "ctranslate2", "faster-whisper", "pyannote.audio", "pyarrow")


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure.

    Attributes:
        what: Its meaning, for the table.
        section: The section that measures it.
        unit: ``"x"`` for a ratio; empty for a share.
        target: The wanted value; None without one.
        higher: Whether a higher value is better.
        compared: Whether it is a ratio of CPU seconds or bytes within one run, which does not depend on the
            speed of the machine. Only these are compared with the committed baseline.
    """

    what: str
    section: str
    unit: str
    target: float | None
    higher: bool
    compared: bool


FIGURES = {
    "chain_vs_file_by_file": Figure(
        "all stages of a build against the first release's calls, file by file", "chain", "x", 2.5, True, True
    ),
    "transcribe_vs_before": Figure(
        "transcription against the first release's calls", "models", "x", 3.0, True, True
    ),
    "separate_vs_before": Figure("separation against the first release's", "models", "x", 8.0, True, True),
    "diarize_vs_before": Figure("diarization against the first release's", "models", "x", 2.0, True, True),
    "diarize_vs_pyannote": Figure(
        "diarization against pyannote.audio's pipeline, same weights", "models", "x", 1.0, True, True
    ),
    "tag_vs_before": Figure("tagging against the first release's", "models", "x", 1.3, True, True),
    "overhead_cpu": Figure("a build's CPU beyond bare calls of the models", "chain", "", 0.1, False, True),
    "two_processes": Figure("two processes against one, wall time", "processes", "x", 1.8, True, False),
    "shard_bytes_over_audio": Figure(
        "bytes of the shards over those of the clips", "chain", "x", 1.2, False, True
    ),
    "questions_per_second": Figure(
        "questions asked and proved a second and core", "questions", "/s", 800.0, True, False
    ),
    "fake_ms_per_clip": Figure(
        "CPU of a build without models, a further clip", "fake", "ms", 12.0, False, False
    ),
    "fake_100k_rss_mb": Figure(
        "memory of the building process, 100,000 clips", "growth", "MB", 400.0, False, False
    ),
    "noop_100k_seconds": Figure(
        "a build of 100,000 clips that is done, CPU", "growth", "s", 5.0, False, False
    ),
    "status_100k_seconds": Figure("`paqa status` of 100,000 clips, CPU", "growth", "s", 2.0, False, False),
    "plan_100k_seconds": Figure("`paqa plan` of 100,000 clips, CPU", "growth", "s", 2.0, False, False),
}
SECTIONS = tuple(dict.fromkeys(figure.section for figure in FIGURES.values()))
QUICK = ("models", "chain")
"""Sections of ``make bench-quick``."""


def machine() -> dict[str, Any]:
    """Cores, processor, memory and versions."""
    from paqa_builder.pipeline.estimate import machine as described
    from paqa_builder.runtime.version import __version__

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = {"paqa-builder": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return {
        "processor": described(),
        "memory_gb": round(memory, 1),
        "load": round(os.getloadavg()[0], 1),
        "versions": versions,
        "revision": _revision(),
    }


def _revision() -> str:
    """The commit of the checkout; empty outside of one."""
    git = Path(__file__).parents[2] / ".git"
    try:
        if git.is_file():
            git = Path(git.read_text(encoding="utf-8").partition(":")[2].strip())
        head = (git / "HEAD").read_text(encoding="utf-8").strip()
        name = head.partition(": ")[2]
        common = git if (git / name).is_file() else (git / (git / "commondir").read_text().strip())
        return (common / name).read_text(encoding="utf-8").strip()[:12] if name else head[:12]
    except OSError:
        return ""
