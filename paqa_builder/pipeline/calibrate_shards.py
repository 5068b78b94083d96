"""Measures the steps after the stages on a sample: pools and rehearsal, questions, blind gate, shards.

What they write is deleted: questions depend on the whole corpus, so a build cannot use them again.
"""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

from paqa_builder.files import size_of, write_atomic
from paqa_builder.pipeline import ask, judge, pools
from paqa_builder.pipeline.estimate import bytes_in
from paqa_builder.pipeline.measured import Measuring, OfShards
from paqa_builder.pipeline.plan import Plan
from paqa_builder.pipeline.step import NoProgress, Progress
from paqa_builder.runtime.executor import Inline

FOLDER = "calibration"
"""Folder in the work folder with the shards of the sample, while they are measured."""


def measure(sample: Plan, progress: Progress) -> OfShards:
    """Runs the steps in this process.

    The pools are collected for one part, for half the parts and for all: the first run also compiles the
    templates, and the other two give the cost of a clip.
    """
    from paqa_builder.pipeline.build import publish

    out = sample.work / FOLDER
    shutil.rmtree(out, ignore_errors=True)
    before = set(os.listdir(sample.work))
    memo = sample.work / ask.KEYS  # tells a build where its own questions are
    remembered = memo.read_bytes() if memo.is_file() else None
    config = sample.config.model_copy(update={"out": out, "work": sample.work})
    sample = replace(sample, config=config)
    try:
        corpus = []
        for count in (1, max(1, len(sample.parts) // 2), len(sample.parts)):
            some = replace(sample, parts=sample.parts[:count])
            measuring = Measuring(Inline())
            began = time.process_time()
            folder, _ = ask.run(some, measuring, progress if some.parts == sample.parts else NoProgress())
            spent = time.process_time() - began - sum(task.cpu for task in measuring.tasks)
            corpus.append((some.count, max(0.0, spent)))
        gate_began = time.process_time()
        verdicts, _ = judge.run(sample, folder, progress)
        shards_began = time.process_time()
        publish(sample, folder, verdicts)
        ended = time.process_time()
        return OfShards(
            clips=corpus[-1][0],
            audio_bytes=sum(size_of(item.clip.path) for part in sample.parts for item in part.fingerprints),
            tasks=measuring.tasks,
            corpus=corpus[1:],
            gate=shards_began - gate_began,
            shards=ended - shards_began,
            work_bytes=bytes_in(_fresh(sample.work, before)),
            shard_bytes=bytes_in([out]),
        )
    finally:
        shutil.rmtree(out, ignore_errors=True)
        for path in _fresh(sample.work, before):
            shutil.rmtree(path, ignore_errors=True)
        _restore(memo, remembered)


def _fresh(work: Path, before: set[str]) -> list[Path]:
    """The folders of these steps in a work folder that were not there before."""
    steps = tuple(f"{name}-" for name in (ask.STAGE, judge.STEP, pools.FOLDER))
    return [path for path in work.iterdir() if path.name not in before and path.name.startswith(steps)]


def _restore(file: Path, content: bytes | None) -> None:
    if content is None:
        file.unlink(missing_ok=True)
    else:
        write_atomic(file, content)
