"""Section ``training``: seconds and memory of a step of stage I (SFT) or II (GRPO), against ``--estimate``.

    python -m benchmarks.gpu.training stage1|stage2 --out FILE [--tiny]

A Qwen2-Audio-7B with random weights, and LoRA as in ``recipes/configs/gpu.yaml``; with ``--tiny``, a model of
ten thousand parameters on the CPU. The data are questions on tones, built with preset ``fake``. Completions
of random weights hardly ever end, so GRPO takes the longest that the settings allow.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import soundfile

from benchmarks.gpu.result import write

STEPS, WARM = 4, 1
"""Optimiser steps to measure, and before them without a measurement."""
_CLIP_SECONDS = 10.0
_GPU = (
    "model.path=random", "stage1.batch=8", "stage1.accumulate=1", "stage2.batch=16", "stage2.accumulate=1",
    "stage2.generations=8", "stage2.max_completion=256", "stage2.start=random",
)  # fmt: skip
_TINY = (
    "model.lora.r=4", "model.device=cpu", "stage1.batch=2", "stage2.batch=4", "stage2.generations=4",
    "stage2.max_completion=16",
)  # fmt: skip
_BOTH = (
    "run.report_to=none", "run.size=check", f"data.max_seconds={_CLIP_SECONDS:g}", "data.trace=terse",
    "stage1.save_steps=0", "stage1.sample_steps=0", "stage1.workers=0", "stage1.warmup_steps=0",
    "stage2.save_steps=0", "stage2.sample_steps=0", "stage2.warmup_steps=0",
    f"stage1.max_steps={STEPS + WARM}", f"stage2.max_steps={STEPS + WARM}",
)  # fmt: skip


class EnoughError(Exception):
    """All steps are measured; the model need not be saved."""


def shards(folder: Path, *, tiny: bool) -> Path:
    """Builds questions on tones with preset ``fake``."""
    from paqa_builder import config
    from paqa_builder.pipeline.build import build
    from paqa_builder.testing import tone_scene

    tones = [
        [("low", 0.2, 1.0), ("Bell", 1.2, 1.8)],
        [("low", 0.2, 0.9), ("high", 1.0, 1.7), ("Siren", 2.0, 2.8)],
        [("Buzzer", 0.1, 1.2), ("Siren", 1.6, 2.7)],
        [("middle", 0.3, 2.0), ("Whistle", 2.2, 2.9)],
    ]
    (folder / "corpus").mkdir()
    for number in range(8 if tiny else 24):
        scene = tone_scene(3.0 if tiny else _CLIP_SECONDS, tones[number % 4], amplitude=0.05 + number / 400)
        soundfile.write(folder / "corpus" / f"{number:02}.wav", scene.samples, scene.rate, subtype="PCM_16")
    settings: dict[str, Any] = {"source": "folder", "root": folder / "corpus", "out": folder / "shards"}
    settings |= {"preset": "fake", "executor": "inline", "questions": {"balance": False}}
    build(config.load(settings))
    return folder / "shards"


def measure(stage: str, folder: Path, *, tiny: bool) -> dict[str, Any]:
    """Trains a few steps and compares them with the estimate."""
    import torch

    from recipes import config, estimate, stage1, stage2  # before transformers, whose imports it mends
    from recipes.families import family

    changes = [*_BOTH, f"data.path={shards(folder, tiny=tiny)}", f"run.out={folder / 'runs'}"]
    if tiny:
        for part in family("qwen2_audio").tiny():
            part.save_pretrained(folder / "tiny")
        changes += [*_TINY, f"model.path={folder / 'tiny'}", f"stage2.start={folder / 'tiny'}"]
    settings = config.load(None if tiny else "gpu", [*changes, *(() if tiny else _GPU)])
    times: list[float] = []
    began = time.monotonic()
    with _timed_steps(times):
        (stage1 if stage == "stage1" else stage2).train(settings)
    steps = [after - before for before, after in itertools.pairwise(times)]
    needs = estimate.estimate(settings, stage)
    expected = estimate.step_seconds(settings, stage, needs)
    on_gpu = torch.cuda.is_available() and not tiny
    peak = (
        torch.cuda.max_memory_allocated()
        if on_gpu
        else 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    )
    return {
        "steps": len(steps),
        "step_seconds": round(sorted(steps)[len(steps) // 2], 3),
        "estimated_step_seconds": {name: round(seconds, 3) for name, seconds in expected.items()},
        "start_seconds": round(times[0] - began, 1),
        "memory_gb": round(peak / 1e9, 2),
        "memory_is": "peak of the GPU" if on_gpu else "resident set of the process",
        "estimated_memory_gb": round(needs.total / 1e9, 2),
        "rows": needs.rows,
        "parameters": needs.parts.total,
    }


@contextmanager
def _timed_steps(times: list[float]) -> Iterator[None]:
    """Notes the end of every optimiser step, and ends the training after the last of them."""
    import torch
    from transformers import TrainerCallback, trainer

    class Timer(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            times.append(time.monotonic())
            if len(times) >= STEPS + WARM:
                raise EnoughError

    trainer.DEFAULT_CALLBACKS.append(Timer)
    try:
        yield
    except EnoughError:
        pass
    finally:
        trainer.DEFAULT_CALLBACKS.remove(Timer)


def main() -> None:
    """Measures one stage and writes its figures, or why there are none."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("stage", choices=("stage1", "stage2"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tiny", action="store_true")
    arguments = parser.parse_args()
    write(arguments.out, lambda folder: measure(arguments.stage, folder, tiny=arguments.tiny))


if __name__ == "__main__":
    main()
