"""Ablation study: trains variants of both stages under several seeds and compares them.

    python -m recipes.ablate --config laptop --seeds 0 1 2

Writes ``runs/SIZE/ablation.json`` and ``ablation.md``. Finished runs are kept and not repeated. Variants that
differ only in stage II share stage I.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from paqa_builder.errors import NotReadyError
from recipes import config, evaluate, mini, run
from recipes.data import rows
from recipes.data.rows import Row
from recipes.scoring import answering, matching, measuring, report
from recipes.trainers import trainable

LONGER, RANDOM, UNPAUSED = "longer stage I", "random pauses", "full, no pauses in the test"


@dataclass(frozen=True, slots=True)
class Variant:
    """A change to the configuration.

    Attributes:
        changes: Settings in the syntax of ``--set``.
        stages: Stages to train; without any, the model of ``full`` is evaluated.
        why: Description for the report.
        pauses_in_test: Whether a model of stage II pauses in the test.
    """

    changes: tuple[str, ...]
    stages: tuple[Literal["stage1", "stage2"], ...]
    why: str
    pauses_in_test: bool = True


BOTH: tuple[Literal["stage1", "stage2"], ...] = ("stage1", "stage2")
VARIANTS: dict[str, Variant] = {
    "full": Variant((), BOTH, "everything, as configured"),
    UNPAUSED: Variant((), (), "effect of pauses at inference", pauses_in_test=False),
    "no pause": Variant(
        ("stage1.pauses.enabled=false", "stage2.pause=false"), BOTH, "no PAUSE in training and test"
    ),
    RANDOM: Variant(("pause.trigger=random",), BOTH, "as many pauses, at random positions"),
    "filler tokens": Variant(("pause.filler=.",), BOTH, "a filler word in place of the pause token"),
    "no consistency reward": Variant(("rewards.perception=0",), BOTH, "no reward for perception"),
    "no reflection": Variant(("data.reflect=false",), BOTH, "no traces with REFLECT"),
    "stage I only": Variant((), ("stage1",), "no reinforcement learning"),
    "stage II only": Variant((), ("stage2",), "no fine-tuning on traces"),
    LONGER: Variant((), ("stage1",), "stage I for the time of both stages"),
}


def ablate(settings: config.Config, names: Sequence[str], seeds: Sequence[int]) -> dict[str, Any]:
    """Runs the variants that have no result yet, and writes the summary.

    Args:
        names: Names of :data:`VARIANTS`; ``full``, the baseline, is always included.

    Returns:
        The content of ``ablation.json``: ``n``, ``seeds``, ``variants`` by name, and ``left_out``.
    """
    settings = mini.ready(settings)
    home = settings.run.folder / "ablation"
    test = rows.read(settings.data, settings.data.test_split)[: settings.evaluate.limit]
    left_out = {}
    if "no reflection" in names:
        train = rows.read(settings.data, settings.data.train_split)
        if not any(rows.reflects(row.trace) for row in train):
            left_out["no reflection"] = "no trace of the data has REFLECT"
    wanted = ["full", *(name for name in names if name != "full" and name not in left_out)]
    done: dict[str, list[dict[str, Any]]] = {name: [] for name in wanted}
    for seed in seeds:
        for name in wanted:
            done[name].append(_run(settings, name, seed, home, test))
            results = summary(done, test, seeds) | {"left_out": left_out}
            write(settings.run.folder, results)
    return results


def summary(
    done: Mapping[str, Sequence[Mapping[str, Any]]], test: Sequence[Row], seeds: Sequence[int]
) -> dict[str, Any]:
    """Means over seeds, intervals over clips, and differences from ``full``.

    A question's score is its mean over the seeds, so the intervals are over questions and clips only.
    ``by_seed`` has the accuracy of each seed.
    """
    clips = [row.clip_id for row in test]
    variants: dict[str, Any] = {}
    for name, runs in done.items():
        if not runs:
            continue
        figures: dict[str, Any] = {"why": VARIANTS[name].why}
        for kind in ("greedy", "sampled"):
            # Only the seeds that both variants have.
            full = _mean([run[kind] for run in done["full"]][: len(runs)])
            scores = _mean([run[kind] for run in runs])
            overall = matching.difference([0.0] * len(scores), scores, clips)
            figures[kind] = {
                "accuracy": round(overall.mean, 4),
                "interval": [round(overall.low, 4), round(overall.high, 4)],
                "by_seed": [round(sum(run[kind]) / len(run[kind]), 4) for run in runs],
            }
            if name != "full":
                gain = asdict(matching.difference(full, scores, clips))
                figures[kind]["against_full"] = {key: round(value, 4) for key, value in gain.items()}
        figures |= {key: [run[key] for run in runs] for key in ("format", "pauses", "minutes")}
        variants[name] = figures
    return {"n": len(test), "seeds": list(seeds), "variants": variants}


def table(results: Mapping[str, Any]) -> str:
    """A Markdown table of the content of ``ablation.json``."""
    means = ("format", "pauses", "minutes")
    heads = ["", "greedy (95 %)", "against full", "sampled (95 %)", "against full", *means]
    lines = []
    for name, figures in results["variants"].items():
        cells = [name]
        for kind in ("greedy", "sampled"):
            low, high = figures[kind]["interval"]
            cells.append(f"{figures[kind]['accuracy']:.3f} [{low:.3f}, {high:.3f}]")
            gain = figures[kind].get("against_full")
            cells.append(f"{gain['mean']:+.3f} (p = {gain['p']:.2g})" if gain else "")
        cells += [f"{sum(figures[key]) / len(figures[key]):.2f}" for key in means]
        lines.append(cells)
    notes = [f"{results['n']} questions, seeds {', '.join(map(str, results['seeds']))}."]
    notes += [f"Left out: {name}, because {why}." for name, why in results.get("left_out", {}).items()]
    return report.markdown(heads, lines) + "\n\n" + " ".join(notes) + "\n"


def write(folder: Path, results: Mapping[str, Any]) -> None:
    """Writes ``ablation.json`` and ``ablation.md`` into the run's folder."""
    (folder / "ablation.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    (folder / "ablation.md").write_text(table(results), encoding="utf-8")


def _run(settings: config.Config, name: str, seed: int, home: Path, test: Sequence[Row]) -> dict[str, Any]:
    """Trains and evaluates one variant under one seed, or reads its saved result."""
    variant = VARIANTS[name]
    mine = _settings(settings, name, seed, home)
    folder, result = mine.run.folder, mine.run.folder / "result.json"
    wish = _digest(mine)
    if result.is_file() and (saved := json.loads(result.read_text(encoding="utf-8")))["wish"] == wish:
        return saved
    print(f"ablation: {name}, seed {seed}", file=sys.stderr)
    folder.mkdir(parents=True, exist_ok=True)
    seconds = {stage: _train(mine, stage, home) for stage in variant.stages}
    last = folder / variant.stages[-1] if variant.stages else _full(home, seed) / "stage2"
    paused = variant.pauses_in_test and mine.stage2.pause and last.name == "stage2"
    answerer = answering.load_answerer(mine, last, pauses=paused)
    tower = trainable.prepare(answerer.model, answerer.family, mine)
    figures, greedy, sampled = evaluate.ask(mine, answerer, test)
    if tower is not None:
        tower.save()
    hits = [measuring.right(test, answers.texts) for answers in sampled or [greedy]]
    scores = {
        "wish": wish,
        "greedy": [float(hit) for hit in measuring.right(test, greedy.texts)],
        "sampled": [sum(column) / len(column) for column in zip(*hits, strict=True)],
        "format": figures["format"],
        "pauses": figures["pauses"],
        "tokens": figures["tokens"],
        "minutes": round(sum(seconds.values()) / 60, 2),
        "seconds": seconds,
    }
    result.write_text(json.dumps(scores) + "\n", encoding="utf-8")
    return scores


def _settings(settings: config.Config, name: str, seed: int, home: Path) -> config.Config:
    """The configuration of a variant, with its run folder and the model that it starts from."""
    variant = config.change(settings, [*VARIANTS[name].changes, f"run.seed={seed}"])
    below = home.relative_to(settings.run.out) / f"seed-{seed}"  # of run.out, where the tower's cache is
    variant.run.size = str(below / re.sub(r"\W+", "-", name))
    if settings.model.path == str(settings.run.folder / "base"):
        # An untrained model of this seed.
        start = variant.model_copy(deep=True)
        start.model.path, start.run.size = None, str(below / "start")
        variant.model.path = mini.ready(start).model.path
    if VARIANTS[name].stages == ("stage2",):
        variant.stage2.start = variant.model.path
    if name in (LONGER, RANDOM):
        full = json.loads((_full(home, seed) / "result.json").read_text(encoding="utf-8"))
        if name == RANDOM:
            variant.pause.rate = min(1.0, round(full["pauses"] / max(full["tokens"], 1.0), 4))
        else:
            seconds = full["seconds"]
            steps = variant.stage1.max_steps * (1 + seconds["stage2"] / seconds["stage1"])
            variant.stage1.max_steps = round(steps)
    return variant


def _full(home: Path, seed: int) -> Path:
    return home / f"seed-{seed}" / "full"


def _train(settings: config.Config, stage: str, home: Path) -> float:
    """Trains a stage in a subprocess, or copies the shared stage I; returns the seconds of the training."""
    folder = settings.run.folder
    shared = home / f"seed-{settings.run.seed}" / f"stage1-{_digest(settings, stage1_only=True)}"
    clock = shared / "seconds.json"
    if stage == "stage1" and clock.is_file():
        shutil.copytree(shared / "stage1", folder / "stage1", dirs_exist_ok=True)
        return json.loads(clock.read_text(encoding="utf-8"))
    file = folder / "ablation.yaml"
    file.write_text(yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False), encoding="utf-8")
    began = time.monotonic()
    code = subprocess.run([sys.executable, "-m", f"recipes.{stage}", "--config", str(file)]).returncode
    if code:
        raise NotReadyError(
            f"{folder}: {stage} ended with exit code {code}; its message is above",
            fix=f"python -m recipes.{stage} --config {file}",
        )
    seconds = time.monotonic() - began
    if stage == "stage1":
        shutil.copytree(folder / "stage1", shared / "stage1", dirs_exist_ok=True)
        clock.write_text(json.dumps(seconds), encoding="utf-8")
    return seconds


def _digest(settings: config.Config, *, stage1_only: bool = False) -> str:
    data = settings.model_dump(mode="json")
    parts = ["data", "model", "stage1"] if stage1_only else [key for key in data if key != "run"]
    wanted = {key: data[key] for key in parts} | {"seed": settings.run.seed, "n": settings.pause.n}
    if settings.stage1.pauses.enabled:
        wanted["filler"] = settings.pause.filler
    return hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()[:12]


def _mean(columns: Sequence[Sequence[float]]) -> list[float]:
    return [sum(values) / len(values) for values in zip(*columns, strict=True)]


def _flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument(
        "--variant", action="append", choices=sorted(VARIANTS), help="repeatable; all variants by default"
    )


def main(settings: config.Config, flags: argparse.Namespace) -> None:
    """Runs the ablations and prints the table."""
    print(table(ablate(settings, flags.variant or list(VARIANTS), flags.seeds)))


if __name__ == "__main__":
    raise SystemExit(run.command(main, __doc__, _flags))
