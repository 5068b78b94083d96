"""Section ``chain``: a build with preset ``cpu`` against bare calls of its models, and against those of the
first release.

All three process the same clips in this process, on one thread. Loading the models is subtracted, so that the
ratios do not depend on the number of clips.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.suite import clips
from benchmarks.suite.baseline import UnavailableError, baseline
from benchmarks.suite.models import backend, inputs_for
from paqa_builder import config as configuration
from paqa_builder.audio import Audio, read, resample
from paqa_builder.perception.backends.base import AudioInput
from paqa_builder.pipeline.build import build

LIMIT, QUICK_LIMIT = 100, 4
STAGES = ("separate", "diarize", "tag", "transcribe", "measure")


def run(work: Path, *, quick: bool) -> dict[str, Any]:
    """Measures ``overhead_cpu``, ``chain_vs_file_by_file`` and ``shard_bytes_over_audio``."""
    paths = clips.write(work / "clips", quick=quick, limit=QUICK_LIMIT if quick else LIMIT)
    bare, spoken = _bare(paths)
    before: float | UnavailableError
    try:
        before = _before(paths, spoken)
    except UnavailableError as error:
        before = error
    out = work / "shards"
    for folder in (out, out.with_name("shards.work")):
        shutil.rmtree(folder, ignore_errors=True)
    settings = configuration.load(
        {
            "source": "folder",
            "root": work / "clips",
            "out": out,
            "preset": "cpu",
            "executor": "inline",
            "jobs": 1,
        }
    )
    loads = _loads()
    began = time.process_time()
    report = build(settings)
    total = time.process_time() - began - loads
    stages = sum(stage.cpu_seconds for stage in report.stages if stage.name in ("read", *STAGES)) - loads
    sizes = [sum(path.stat().st_size for path in found) for found in (out.glob("*/*.parquet"), paths)]
    costs = {"clips": len(paths), "failures": len(report.failures)}
    return {
        "overhead_cpu": {
            "value": _rounded(total / bare - 1),
            "before": _rounded(bare),
            "now": _rounded(total),
        }
        | costs,
        "chain_vs_file_by_file": {"skipped": str(before)}
        if isinstance(before, UnavailableError)
        else {"value": _rounded(before / stages), "before": _rounded(before), "now": _rounded(stages)}
        | costs,
        "shard_bytes_over_audio": {"value": _rounded(sizes[0] / sizes[1]), "clips": len(paths)},
    }


def _bare(paths: Sequence[Path]) -> tuple[float, list[bool]]:
    """CPU seconds of decoding and of bare calls of all models, and which clips have speech."""
    began = time.process_time()
    mixes = clips.load(list(paths))
    spent = time.process_time() - began
    stems: list[tuple[Audio, Audio]] = []
    spoken = [True] * len(paths)
    for stage in STAGES:
        model = backend(stage)
        began = time.process_time()
        if stage == "separate":
            stems = model.run(_mixtures(mixes, model.sample_rate))
        else:
            chosen = spoken if stage in ("transcribe", "measure") else [True] * len(mixes)
            pairs = zip(mixes, stems, chosen, strict=True)
            kept = [(mix, pair) for mix, pair, wanted in pairs if wanted or stage == "measure"]
            inputs = inputs_for(stage, model.sample_rate, [m for m, _ in kept], [p for _, p in kept])
            results = model.run(inputs) if inputs else []
            if stage == "diarize":
                spoken = [bool(spans) for spans in results]
        spent += time.process_time() - began
    return spent, spoken


def _before(paths: Iterable[Path], spoken: Sequence[bool]) -> float:
    """CPU seconds of the first release's calls, one clip after the other through each stage."""
    models = {stage: baseline(stage) for stage in STAGES if stage != "measure"}
    measure = backend("measure")
    began = time.process_time()
    rates = {stage: backend_rate(stage) for stage in STAGES}
    for path, has_speech in zip(paths, spoken, strict=True):
        mix, _ = read(path)
        (stems,) = models["separate"](_mixtures([mix], rates["separate"]))
        for stage in STAGES[1:]:
            if stage == "transcribe" and not has_speech:
                continue
            inputs = inputs_for(stage, rates[stage], [mix], [tuple(stems)])
            _ = measure.run(inputs) if stage == "measure" else models[stage](inputs)
    return time.process_time() - began


def backend_rate(stage: str) -> int:
    """The sample rate of the backend of preset ``cpu``."""
    from paqa_builder import registry

    rate: int = registry.get(stage, configuration.preset("cpu")["stages"][stage]["backend"]).sample_rate
    return rate


def _mixtures(mixes: Iterable[Audio], rate: int) -> list[AudioInput]:
    return [AudioInput(mix, mix) for mix in (resample(mix, rate) for mix in mixes)]


def _loads() -> float:
    """CPU seconds for loading all models, whose packages are imported."""
    began = time.process_time()
    for stage in STAGES:
        backend(stage)
    return time.process_time() - began


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
