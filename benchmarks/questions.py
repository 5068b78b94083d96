"""Benchmark of the question stage and of the blind gate: questions per second and core, and peak memory.

    python benchmarks/questions.py --scenes 20000

The scenes are synthetic (``paqa_builder.questions.synthetic``): one to three speakers over up to three
sounds. Each pass creates them again and keeps none; the time of their creation is subtracted. One process,
and CPU seconds, so figures are per core. The statistics of the corpus and the rehearsal precede the
questions; the rehearsal uses at most 1,000 clips, whatever the size of the corpus.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from paqa_builder.gate.gate import judge
from paqa_builder.gate.item import BlindItem
from paqa_builder.questions import Corpus, QaOptions, load_templates, verify
from paqa_builder.questions.generate import Generator
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.rehearsal import in_sample, rehearse
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


@dataclass(frozen=True)
class Costs:
    """CPU seconds of the passes over ``scenes`` synthetic scenes.

    Attributes:
        proved: Questions that the verifier accepted.
    """

    scenes: int
    questions: int
    proved: int
    corpus_seconds: float
    rehearsal_seconds: float
    asking_seconds: float
    proving_seconds: float
    gate_seconds: float

    @property
    def asked_and_proved(self) -> float:
        """Questions per second and core, asked and proved."""
        return self.questions / (self.asking_seconds + self.proving_seconds)

    @property
    def whole_stage(self) -> float:
        """The same with the statistics of the corpus and the rehearsal."""
        asked = self.asking_seconds + self.proving_seconds
        return self.questions / (asked + self.corpus_seconds + self.rehearsal_seconds)


def measure(count: int = 1_000, *, gate: bool = True, log: Callable[[str], None] = print) -> Costs:
    """Asks, proves and judges the questions of ``count`` synthetic scenes."""
    scenes, templates, options = Scenes(count), load_templates(), QaOptions()

    def spent(began: float, what: str) -> float:
        creation, scenes.seconds = scenes.seconds, 0.0
        seconds = time.process_time() - began - creation
        log(f"{what:<10} {seconds:8.1f} s  {megabytes():6.0f} MB")
        return seconds

    began = time.process_time()
    corpus = Corpus.of(scenes(), options)
    counting = spent(began, "corpus")
    began = time.process_time()
    sample = [scene for scene in scenes() if in_sample(scene, corpus.clips)]
    corpus = rehearse(corpus, lambda: iter(sample), templates, options)
    rehearsing = spent(began, "rehearsal")
    generator, texts = Generator(corpus, templates, options), list[BlindItem]()
    proved, asking, proving = 0, 0.0, 0.0
    for scene in scenes():
        began = time.process_time()
        reading = Interpretation(scene, options.thresholds)
        questions = generator.about(reading)
        asking += time.process_time() - began
        began = time.process_time()
        reading = reading.without_facts()
        proved += sum(not verify(q, scene, options, templates, reading) for q in questions)
        proving += time.process_time() - began
        texts += (
            BlindItem(q.id, q.question, q.choices, q.answer_index, q.clip_id, q.template) for q in questions
        )
    judging = 0.0
    if gate:
        began = time.process_time()
        judge(lambda: iter(texts))
        judging = time.process_time() - began
    return Costs(count, len(texts), proved, counting, rehearsing, asking, proving, judging)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--scenes", type=int, default=2_000)
    costs = measure(parser.parse_args().scenes)
    total, both = costs.questions, costs.asking_seconds + costs.proving_seconds
    for name, seconds in (
        ("asked", costs.asking_seconds),
        ("proved", costs.proving_seconds),
        ("both", both),
        ("stage", both + costs.corpus_seconds + costs.rehearsal_seconds),
        ("gate", costs.gate_seconds),
    ):
        print(f"{name:<10} {seconds:8.1f} s  {total / seconds:6.0f} questions a second")
    print(f"{total} questions, {total - costs.proved} refuted; peak {megabytes():.0f} MB")


if __name__ == "__main__":
    main()
