"""Evaluation of every stage on held-out clips, against untrained, silent, shuffled and text-only baselines.

    python -m recipes.evaluate --config laptop

Writes ``runs/SIZE/results.json`` (one entry a system), the completions, a table and plots. With
``--benchmark mmau --questions FILE --audio-root DIR`` it answers a benchmark instead. With ``--benchmark``
and ``--predictions FILE`` it scores a prediction file.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from paqa_builder.config.environment import expanded
from paqa_builder.errors import ConfigError
from paqa_builder.files import read_rows, write_atomic, write_rows
from recipes import config, mini, run
from recipes.data import rows
from recipes.data.rows import Row
from recipes.pauses import rollout
from recipes.scoring import answering, benchmarks, blind, matching, measuring, report
from recipes.scoring.answering import Answerer, Answers, AudioCondition, latency
from recipes.trainers import trainable

RESULTS, COMPARISONS = "results.json", "comparisons.json"
STAGES = ("before", "stage1", "stage2")
SYSTEMS: dict[str, tuple[tuple[str, AudioCondition, bool], ...]] = {
    "before": (("before", "real", False),),
    "stage1": (
        ("stage1", "real", False),
        ("stage1_pauses", "real", True),
        ("stage1_silent", "silent", False),
        ("stage1_shuffled", "shuffled", False),
    ),
    "stage2": (
        ("stage2", "real", True),
        ("stage2_no_pauses", "real", False),
        ("stage2_silent", "silent", True),
    ),
}
"""The systems of each stage's model: name, audio condition, and whether it pauses."""
PAIRS = (
    ("before", "stage1"),
    ("stage1", "stage2"),
    ("stage1", "stage2_no_pauses"),
    ("stage1_pauses", "stage2"),
    ("stage1", "stage1_pauses"),
    ("stage1", "stage1_silent"),
    ("stage1", "stage1_shuffled"),
    ("blind", "stage1"),
    ("blind", "stage1_silent"),
)
_LATENCY_ROWS = 8
"""Number of questions that latency is measured on."""


def evaluate(settings: config.Config, stages: Sequence[str] = ()) -> dict[str, Any]:
    """Evaluates the models of stages and their baselines. Results of other stages are kept.

    Args:
        stages: Some of :data:`STAGES`; by default those that have a model.

    Returns:
        The content of ``results.json``.

    Raises:
        ConfigError: A stage has no model.
    """
    folder = settings.run.folder
    test = rows.read(settings.data, settings.data.test_split)[: settings.evaluate.limit]
    results = read_results(folder)
    for stage in stages or [stage for stage in STAGES if _model(settings, stage).exists()]:
        path = _model(settings, stage)
        if not path.exists() and stage != "before":
            raise ConfigError(f"{path}: no model there", fix=f"make {stage}, or python -m recipes.{stage}")
        results |= _evaluate_stage(settings, stage, path, test, folder)
        _write(folder / RESULTS, _ordered(results))
    if "blind" not in results or results["blind"]["n"] != len(test):
        results["blind"] = _blind(settings, test, folder)
        _write(folder / RESULTS, _ordered(results))
    _write(folder / COMPARISONS, compare(folder, test, PAIRS))
    report.write(folder, _ordered(results), mini.material(folder / "data"))
    return results


def ask(
    settings: config.Config,
    answerer: Answerer,
    test: Sequence[Row],
    condition: AudioCondition = "real",
    samples: int | None = None,
) -> tuple[dict[str, Any], Answers, list[Answers]]:
    """Answers the test questions with one system; returns its figures, greedy and sampled answers.

    Args:
        samples: Sampled answers a question; as configured by default.
    """
    options = settings.evaluate
    count = options.samples if samples is None else samples
    greedy, *sampled = answerer.ask(
        test,
        condition=condition,
        sampling=rollout.Sampling(temperature=options.temperature, seed=settings.run.seed),
        samples=1 + count,
        greedy_first=True,
        batch=max(1, options.batch // (1 + count)),
    )
    return measuring.measure(test, greedy, sampled), greedy, sampled


def _evaluate_stage(
    settings: config.Config, stage: str, path: Path, test: Sequence[Row], folder: Path
) -> dict[str, Any]:
    results: dict[str, Any] = {}
    plain = answering.load_answerer(settings, path, pauses=False)
    pausing = replace(plain, pause=settings.pause)
    tower = trainable.prepare(plain.model, plain.family, settings)
    try:
        for name, condition, pauses in SYSTEMS[stage]:
            answerer = pausing if pauses else plain
            control = condition != "real" or stage == "before"
            figures, greedy, sampled = ask(
                settings, answerer, test, condition, samples=0 if control else None
            )
            if not control:
                figures["latency"] = latency(answerer, test[:_LATENCY_ROWS])
            results[name] = figures
            keep(folder, name, test, greedy.texts, [answers.texts for answers in sampled])
            print(report.line(name, figures))
    finally:
        if tower is not None:
            tower.save()
            tower.remove()
    return results


def _blind(settings: config.Config, test: Sequence[Row], folder: Path) -> dict[str, Any]:
    began = time.monotonic()
    train = rows.read(settings.data, settings.data.train_split)
    answers = blind.answers(train, test, settings.run.seed)
    seconds = time.monotonic() - began
    keep(folder, "blind", test, answers, [])
    figures = measuring.accuracies(test, answers) | {"seconds": round(seconds, 2)}
    print(report.line("blind", figures))
    return figures


def keep(
    folder: Path, name: str, test: Sequence[Row], greedy: Sequence[str], sampled: Sequence[Sequence[str]]
) -> None:
    """Writes a system's completions: one line a question, with their correctness."""
    right = measuring.right(test, greedy)
    sampled_right = [measuring.right(test, texts) for texts in sampled]
    lines = [
        {
            "id": row.id,
            "clip_id": row.clip_id,
            "skill": row.skill,
            "answer": row.answer,
            "completion": greedy[place],
            "right": right[place],
            "sampled": [texts[place] for texts in sampled],
            "sampled_right": [hits[place] for hits in sampled_right],
        }
        for place, row in enumerate(test)
    ]
    write_rows(folder / "answers" / f"{name}.jsonl", lines)


def compare(folder: Path, test: Sequence[Row], pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Paired differences of the systems that have answers, with interval and p-value by clip."""
    differences: dict[str, Any] = {}
    for first, second in pairs:
        base, other = shares(folder, first, test), shares(folder, second, test)
        for kind in sorted(base.keys() & other.keys()):
            gain = matching.difference(base[kind], other[kind], [row.clip_id for row in test])
            differences[f"{second} - {first}, {kind}"] = {k: round(v, 4) for k, v in asdict(gain).items()}
    return differences


def shares(folder: Path, name: str, test: Sequence[Row]) -> dict[str, list[float]]:
    """Score of each question from a system's saved completions.

    Returns:
        ``greedy``: 1 if the greedy answer is right, else 0. ``sampled``: share of right sampled answers.
        Empty without completions for every question.
    """
    file = folder / "answers" / f"{name}.jsonl"
    if not file.is_file():
        return {}
    kept = {line["id"]: line for line in read_rows(file)}
    if any(row.id not in kept for row in test):
        return {}
    scores = {"greedy": [float(kept[row.id]["right"]) for row in test]}
    sampled = [kept[row.id]["sampled_right"] for row in test]
    if all(sampled):
        scores["sampled"] = [sum(hits) / len(hits) for hits in sampled]
    return scores


def read_results(folder: Path) -> dict[str, Any]:
    """The content of ``results.json``; empty if there is no such file."""
    file = folder / RESULTS
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def _model(settings: config.Config, stage: str) -> Path:
    return Path(str(settings.model.path)) if stage == "before" else settings.run.folder / stage


def _ordered(results: dict[str, Any]) -> dict[str, Any]:
    order = [name for stage in STAGES for name, *_ in SYSTEMS[stage]] + ["blind"]
    return {name: results[name] for name in [*order, *sorted(set(results) - set(order))] if name in results}


def _write(path: Path, data: Any) -> None:
    write_atomic(path, (json.dumps(data, indent=2, ensure_ascii=False) + "\n").encode())


def _flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--stage", action="append", choices=STAGES, help="repeatable; all stages with a model by default"
    )
    parser.add_argument("--benchmark", choices=sorted(benchmarks.FORMATS), help="answer or score a benchmark")
    parser.add_argument("--questions", type=expanded, help="question file of the benchmark")
    parser.add_argument("--audio-root", type=expanded, help="folder that its audio paths are relative to")
    parser.add_argument("--predictions", type=expanded, help="file to score, or to write with --questions")
    parser.add_argument(
        "--model", type=os.path.expanduser, help="model for the benchmark; that of the last stage by default"
    )


def main(settings: config.Config, flags: argparse.Namespace) -> None:
    """Evaluates the stages, or answers or scores a benchmark."""
    if flags.benchmark:
        model = flags.model or _latest(settings)
        files = (flags.questions, flags.audio_root, flags.predictions)
        print(json.dumps(benchmarks.run(settings, flags.benchmark, *files, model), indent=2))
        return
    evaluate(settings, flags.stage or ())
    print(report.text(settings.run.folder))


def _latest(settings: config.Config) -> Path | str | None:
    """The model of the last stage that has one, or the untrained model."""
    trained = (settings.run.folder / stage for stage in reversed(STAGES[1:]))
    return next((path for path in trained if path.exists()), settings.model.path)


if __name__ == "__main__":
    raise SystemExit(run.command(main, __doc__, _flags))
