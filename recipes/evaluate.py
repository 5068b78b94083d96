"""Evaluation: every stage on held-out clips, beside the untrained model, silence, other clips and blindness.

    python -m recipes.evaluate --config laptop

writes ``runs/SIZE/results.json`` (one entry a system), the completions, a table and plots. With
``--benchmark mmau --questions FILE --audio-root DIR`` it answers a benchmark instead; with
``--predictions FILE`` it scores answers that are already there.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from paqa_builder.errors import ConfigError
from recipes import config, mini, run
from recipes.data import rows
from recipes.data.rows import Row
from recipes.pauses import rollout
from recipes.pauses.pause import PauseConfig
from recipes.scoring import answering, benchmarks, blind, matching, measuring, report
from recipes.scoring.answering import Answerer, Answers, Hearing, latency
from recipes.trainers import trainable

RESULTS, COMPARISONS = "results.json", "comparisons.json"
STAGES = ("before", "stage1", "stage2")
SYSTEMS: dict[str, tuple[tuple[str, Hearing, bool], ...]] = {
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
"""Of each stage's model, the systems: name, what is heard, and whether it may pause."""
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
_SHORT = 8
"""Questions that latency is measured on."""


def evaluate(settings: config.Config, stages: Sequence[str] = ()) -> dict[str, Any]:
    """Evaluates the stages' models and what they are compared with; leaves other entries as they are.

    Args:
        stages: Of :data:`STAGES`; by default those whose model is there.

    Returns:
        What stands in ``results.json`` after it.

    Raises:
        ConfigError: A stage's model is not there.
    """
    folder = settings.run.folder
    test = rows.read(settings.data, settings.data.test_split)[: settings.evaluate.limit]
    results = read_results(folder)
    for stage in stages or [stage for stage in STAGES if _model(settings, stage).exists()]:
        path = _model(settings, stage)
        if not path.exists() and stage != "before":
            raise ConfigError(f"{path}: no model there", fix=f"make {stage}, or python -m recipes.{stage}")
        results |= _of_stage(settings, stage, path, test, folder)
        _write(folder / RESULTS, _ordered(results))
    if "blind" not in results or results["blind"]["n"] != len(test):
        results["blind"] = _blind(settings, test, folder)
        _write(folder / RESULTS, _ordered(results))
    _write(folder / COMPARISONS, compare(folder, test, PAIRS))
    report.write(folder, _ordered(results), mini.material(folder / "data"))
    return results


def ask(
    settings: config.Config,
    one: Answerer,
    test: Sequence[Row],
    hearing: Hearing = "real",
    samples: int | None = None,
) -> tuple[dict[str, Any], Answers, list[Answers]]:
    """One system on the test questions: its figures, its greedy and its sampled answers."""
    wanted = settings.evaluate
    count = wanted.samples if samples is None else samples
    greedy, *sampled = one.ask(
        test,
        hearing=hearing,
        sampling=rollout.Sampling(temperature=wanted.temperature, seed=settings.run.seed),
        samples=1 + count,
        greedy_first=True,
        batch=max(1, wanted.batch // (1 + count)),
    )
    return measuring.measure(test, greedy, sampled), greedy, sampled


def _of_stage(
    settings: config.Config, stage: str, path: Path, test: Sequence[Row], folder: Path
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    one = answering.examinee(settings, path, pauses=False)
    paused = replace(one, pause=PauseConfig.of(settings.pause))
    tower = trainable.prepare(one.model, one.family, settings)
    try:
        for name, hearing, pauses in SYSTEMS[stage]:
            who = paused if pauses else one
            control = hearing != "real" or stage == "before"
            figures, greedy, sampled = ask(settings, who, test, hearing, samples=0 if control else None)
            if not control:
                figures["latency"] = latency(who, test[:_SHORT])
            found[name] = figures
            keep(folder, name, test, greedy.texts, [answers.texts for answers in sampled])
            print(report.line(name, figures))
    finally:
        if tower is not None:
            tower.save()
            tower.remove()
    return found


def _blind(settings: config.Config, test: Sequence[Row], folder: Path) -> dict[str, Any]:
    began = time.monotonic()
    train = rows.read(settings.data, settings.data.train_split)
    answers = blind.answers(train, test, settings.run.seed)
    seconds = time.monotonic() - began
    keep(folder, "blind", test, answers, [])
    figures = measuring.marks(test, answers) | {"seconds": round(seconds, 2)}
    print(report.line("blind", figures))
    return figures


def keep(
    folder: Path, name: str, test: Sequence[Row], greedy: Sequence[str], sampled: Sequence[Sequence[str]]
) -> None:
    """Writes a system's completions: one line a question, with what is right."""
    out = folder / "answers" / f"{name}.jsonl"
    out.parent.mkdir(parents=True, exist_ok=True)
    columns = [greedy, *sampled]
    hits = [measuring.right(test, texts) for texts in columns]
    with out.open("w", encoding="utf-8") as file:
        for place, row in enumerate(test):
            one = {
                "id": row.id,
                "clip_id": row.clip_id,
                "skill": row.skill,
                "answer": row.answer,
                "completion": greedy[place],
                "right": hits[0][place],
                "sampled": [texts[place] for texts in sampled],
                "sampled_right": [found[place] for found in hits[1:]],
            }
            file.write(json.dumps(one, ensure_ascii=False) + "\n")


def compare(folder: Path, test: Sequence[Row], pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The difference of each pair of systems that both have answers, with interval and p by clip."""
    found: dict[str, Any] = {}
    for first, second in pairs:
        one, other = shares(folder, first, test), shares(folder, second, test)
        for kind in sorted(one.keys() & other.keys()):
            gain = matching.difference(one[kind], other[kind], [row.clip_id for row in test])
            found[f"{second} - {first}, {kind}"] = {k: round(v, 4) for k, v in asdict(gain).items()}
    return found


def shares(folder: Path, name: str, test: Sequence[Row]) -> dict[str, list[float]]:
    """Of each question, whether the kept ``greedy`` answer is right, and the share of right ``sampled`` ones.

    Kinds of which there are no answers are left out.
    """
    file = folder / "answers" / f"{name}.jsonl"
    if not file.is_file():
        return {}
    kept = {one["id"]: one for one in map(json.loads, file.read_text(encoding="utf-8").splitlines())}
    if any(row.id not in kept for row in test):
        return {}
    found = {"greedy": [float(kept[row.id]["right"]) for row in test]}
    sampled = [kept[row.id]["sampled_right"] for row in test]
    if all(sampled):
        found["sampled"] = [sum(hits) / len(hits) for hits in sampled]
    return found


def read_results(folder: Path) -> dict[str, Any]:
    """What ``results.json`` holds; empty if there is none."""
    file = folder / RESULTS
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def _model(settings: config.Config, stage: str) -> Path:
    return Path(str(settings.model.path)) if stage == "before" else settings.run.folder / stage


def _ordered(results: dict[str, Any]) -> dict[str, Any]:
    order = [name for stage in STAGES for name, *_ in SYSTEMS[stage]] + ["blind"]
    return {name: results[name] for name in [*order, *sorted(set(results) - set(order))] if name in results}


def _write(path: Path, data: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(path.name + ".part")
    aside.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    aside.replace(path)


def _flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--stage", action="append", choices=STAGES, help="may be repeated; all that exist")
    parser.add_argument("--benchmark", choices=sorted(benchmarks.FORMATS), help="answer or score a benchmark")
    parser.add_argument("--questions", type=Path, help="the benchmark's own file")
    parser.add_argument("--audio-root", type=Path, help="the folder that its audio paths start from")
    parser.add_argument("--predictions", type=Path, help="score this file; or write it, with --questions")
    parser.add_argument("--model", help="model for the benchmark; the last stage's by default")


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
    """The model of the last stage that was run, or the untrained one."""
    trained = (settings.run.folder / stage for stage in reversed(STAGES[1:]))
    return next((path for path in trained if path.exists()), settings.model.path)


if __name__ == "__main__":
    raise SystemExit(run.command(main, __doc__, _flags))
