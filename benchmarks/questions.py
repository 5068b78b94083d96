"""Benchmark of the question stage: questions generated and verified per second, and peak memory.

    python benchmarks/questions.py --scenes 20000

The scenes are synthetic (``paqa_builder.questions.synthetic``): one to three speakers over up to three
sounds. Each pass creates them again and keeps none; the time of their creation is subtracted. One process,
so figures are per core.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Iterator

from paqa_builder.questions import Corpus, QaOptions, generate, load_templates, verify
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.rehearsal import rehearse
from paqa_builder.questions.synthetic import many
from paqa_builder.records import Scene


class Scenes:
    """Creates scenes one at a time and sums up the CPU seconds that this takes."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.seconds = 0.0

    def __call__(self) -> Iterator[Scene]:
        for n in range(self.count):
            began = time.process_time()
            (scene,) = many(1, n)
            self.seconds += time.process_time() - began
            yield scene


def megabytes() -> float:
    """Peak resident memory of the process in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--scenes", type=int, default=2_000)
    count = parser.parse_args().scenes
    scenes, templates, options = Scenes(count), load_templates(), QaOptions()

    def spent(began: float) -> float:
        creation, scenes.seconds = scenes.seconds, 0.0
        return time.process_time() - began - creation

    began = time.process_time()
    corpus = Corpus.of(scenes(), options)
    print(f"corpus     {spent(began):8.1f} s  {megabytes():6.0f} MB", flush=True)
    began = time.process_time()
    corpus = rehearse(corpus, scenes, templates, options)
    print(f"rehearsal  {spent(began):8.1f} s  {megabytes():6.0f} MB", flush=True)
    total, refuted, asking, proving = 0, 0, 0.0, 0.0
    for n, scene in enumerate(scenes(), 1):
        began = time.process_time()
        questions = generate(scene, corpus, templates, options)
        asking += time.process_time() - began
        began = time.process_time()
        reading = Interpretation(scene, options.thresholds)
        refuted += sum(bool(verify(q, scene, options, templates, reading)) for q in questions)
        proving += time.process_time() - began
        total += len(questions)
        if n % max(1, count // 4) == 0:
            print(f"{n:>6} scenes, {total} questions, {megabytes():.0f} MB", flush=True)
    print(f"asked      {asking:8.1f} s  {total / asking:6.0f} questions a second")
    print(f"proved     {proving:8.1f} s  {total / proving:6.0f} questions a second, {refuted} refuted")
    print(f"both       {asking + proving:8.1f} s  {total / (asking + proving):6.0f} questions a second")


if __name__ == "__main__":
    main()
