"""What each part is worth: both stages again without it, under several seeds.

    python -m recipes.ablate --config laptop --seeds 0 1 2

writes ``runs/SIZE/ablation.json`` and ``ablation.md``. Every run is kept: a run that was stopped goes
on with those that are missing. Variants that differ in stage II alone share stage I.
"""

from __future__ import annotations

import argparse
import hashlib
import json
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
from recipes.scoring import answering, matching, measuring
from recipes.trainers import trainable

LONGER, RANDOM, UNPAUSED = "longer stage I", "random pauses", "full, no pauses in the test"


@dataclass(frozen=True, slots=True)
class Variant:
    """One thing that is different.

    Attributes:
        changes: Settings, as ``--set`` takes them.
        stages: Which are run; none: the model of ``full`` is asked.
        why: What it shows.
        pauses_in_test: False: answers without pauses, whatever was trained.
    """

    changes: tuple[str, ...]
    stages: tuple[Literal["stage1", "stage2"], ...]
    why: str
    pauses_in_test: bool = True


BOTH: tuple[Literal["stage1", "stage2"], ...] = ("stage1", "stage2")
VARIANTS: dict[str, Variant] = {
    "full": Variant((), BOTH, "everything, as configured"),
    UNPAUSED: Variant(
        (), (), "what pausing itself costs or brings; beside it, what stage II does", pauses_in_test=False
    ),
    "no pause": Variant(
        ("stage1.pauses.enabled=false", "stage2.pause=false"),
        BOTH,
        "no PAUSE in either stage, nor in the test",
    ),
    RANDOM: Variant(
        ("pause.trigger=random",), BOTH, "pauses as often, wherever: whether confidence knows where"
    ),
    "filler tokens": Variant(
        ("pause.filler=.",), BOTH, "a word in the pauses' place: whether it is PAUSE or time that helps"
    ),
    "no consistency reward": Variant(("rewards.perception=0",), BOTH, "nothing is paid for what was heard"),
    "no reflection": Variant(("data.reflect=false",), BOTH, "no trace that reflects"),
    "stage I only": Variant((), ("stage1",), "no reinforcement learning"),
    "stage II only": Variant((), ("stage2",), "no traces to learn from"),
    LONGER: Variant((), ("stage1",), "as long as both stages together, all of it stage I"),
}


def ablate(settings: config.Config, names: Sequence[str], seeds: Sequence[int]) -> dict[str, Any]:
    """Runs what is missing and sums up.

    Args:
        names: Of :data:`VARIANTS`; ``full`` always comes first, the others are compared with it.

    Returns:
        What ``ablation.json`` holds: ``n``, ``seeds``, and ``variants`` by name.
    """
    settings = mini.ready(settings)
    home = settings.run.folder / "ablation"
    test = rows.read(settings.data, settings.data.test_split)[: settings.evaluate.limit]
    left_out = {}
    if "no reflection" in names and not _reflects(settings):
        left_out["no reflection"] = "no trace of the data has REFLECT"
    wanted = ["full", *(name for name in names if name != "full" and name not in left_out)]
    done: dict[str, list[dict[str, Any]]] = {name: [] for name in wanted}
    for seed in seeds:
        for name in wanted:
            done[name].append(_one(settings, name, seed, home, test))
            found = summary(done, test, seeds) | {"left_out": left_out}
            write(settings.run.folder, found)
    return found


def summary(
    done: Mapping[str, Sequence[Mapping[str, Any]]], test: Sequence[Row], seeds: Sequence[int]
) -> dict[str, Any]:
    """Means over seeds, intervals over clips, and differences from ``full``.

    A question's score is its mean over the seeds, so an interval tells of other questions and clips;
    how far seeds lie apart stands under ``by_seed``.
    """
    clips = [row.clip_id for row in test]
    variants: dict[str, Any] = {}
    for name, runs in done.items():
        if not runs:
            continue
        one: dict[str, Any] = {"why": VARIANTS[name].why}
        for kind in ("greedy", "sampled"):
            # Of both only the seeds that both have.
            full = _mean([run[kind] for run in done["full"]][: len(runs)])
            mine = _mean([run[kind] for run in runs])
            overall = matching.difference([0.0] * len(mine), mine, clips)
            one[kind] = {
                "accuracy": round(overall.mean, 4),
                "interval": [round(overall.low, 4), round(overall.high, 4)],
                "by_seed": [round(sum(run[kind]) / len(run[kind]), 4) for run in runs],
            }
            if name != "full":
                gain = asdict(matching.difference(full, mine, clips))
                one[kind]["against_full"] = {key: round(value, 4) for key, value in gain.items()}
        one |= {key: [run[key] for run in runs] for key in ("format", "pauses", "minutes")}
        variants[name] = one
    return {"n": len(test), "seeds": list(seeds), "variants": variants}


def table(found: Mapping[str, Any]) -> str:
    """``ablation.json`` in Markdown."""
    heads = [
        "",
        "greedy (95 %)",
        "against full",
        "sampled (95 %)",
        "against full",
        "format",
        "pauses",
        "minutes",
    ]
    lines = [heads, ["---"] * len(heads)]
    for name, one in found["variants"].items():
        cells = [name]
        for kind in ("greedy", "sampled"):
            low, high = one[kind]["interval"]
            cells.append(f"{one[kind]['accuracy']:.3f} [{low:.3f}, {high:.3f}]")
            gain = one[kind].get("against_full")
            cells.append(f"{gain['mean']:+.3f} (p = {gain['p']:.2g})" if gain else "")
        cells += [f"{sum(one[key]) / len(one[key]):.2f}" for key in ("format", "pauses", "minutes")]
        lines.append(cells)
    text = "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
    notes = [f"{found['n']} questions, seeds {', '.join(map(str, found['seeds']))}."]
    notes += [f"Left out: {name}, because {why}." for name, why in found.get("left_out", {}).items()]
    return text + "\n\n" + " ".join(notes) + "\n"


def write(folder: Path, found: Mapping[str, Any]) -> None:
    """Writes both files into the run's folder."""
    (folder / "ablation.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    (folder / "ablation.md").write_text(table(found), encoding="utf-8")


def _one(settings: config.Config, name: str, seed: int, home: Path, test: Sequence[Row]) -> dict[str, Any]:
    """Trains and evaluates one variant under one seed, or reads what was found before."""
    variant = VARIANTS[name]
    mine = _settings(settings, name, seed, home)
    folder, result = mine.run.folder, mine.run.folder / "result.json"
    wish = _digest(mine)
    if result.is_file() and (kept := json.loads(result.read_text(encoding="utf-8")))["wish"] == wish:
        return kept
    print(f"ablation: {name}, seed {seed}", file=sys.stderr)
    folder.mkdir(parents=True, exist_ok=True)
    took = {}
    for stage in variant.stages:
        took[stage] = _train(mine, stage, home)
    last = folder / variant.stages[-1] if variant.stages else _full(home, seed) / "stage2"
    paused = variant.pauses_in_test and mine.stage2.pause and last.name == "stage2"
    answerer = answering.load_answerer(mine, last, pauses=paused)
    tower = trainable.prepare(answerer.model, answerer.family, mine)
    figures, greedy, sampled = evaluate.ask(mine, answerer, test)
    if tower is not None:
        tower.save()
    hits = [measuring.right(test, answers.texts) for answers in sampled or [greedy]]
    found = {
        "wish": wish,
        "greedy": [float(hit) for hit in measuring.right(test, greedy.texts)],
        "sampled": [sum(column) / len(column) for column in zip(*hits, strict=True)],
        "format": figures["format"],
        "pauses": figures["pauses"],
        "tokens": figures["tokens"],
        "minutes": round(sum(took.values()) / 60, 2),
        "seconds": took,
    }
    result.write_text(json.dumps(found) + "\n", encoding="utf-8")
    return found


def _settings(settings: config.Config, name: str, seed: int, home: Path) -> config.Config:
    """The variant's configuration, its run folder and its start."""
    made = config.change(settings, [*VARIANTS[name].changes, f"run.seed={seed}"])
    below = home.relative_to(settings.run.out) / f"seed-{seed}"  # of run.out, where the tower's cache is
    made.run.size = str(below / name.replace(",", "").replace(" ", "-"))
    if settings.model.path == str(settings.run.folder / "base"):
        # An untrained model of this seed.
        start = made.model_copy(deep=True)
        start.model.path, start.run.size = None, str(below / "start")
        made.model.path = mini.ready(start).model.path
    if VARIANTS[name].stages == ("stage2",):
        made.stage2.start = made.model.path
    if name in (LONGER, RANDOM):
        full = json.loads((_full(home, seed) / "result.json").read_text(encoding="utf-8"))
        if name == RANDOM:
            made.pause.rate = min(1.0, round(full["pauses"] / max(full["tokens"], 1.0), 4))
        else:
            took = full["seconds"]
            steps = made.stage1.max_steps * (1 + took["stage2"] / took["stage1"])
            made.stage1.max_steps = round(steps)
    return made


def _full(home: Path, seed: int) -> Path:
    return home / f"seed-{seed}" / "full"


def _train(settings: config.Config, stage: str, home: Path) -> float:
    """Runs a stage in a process of its own; returns its seconds, also where they were spent before."""
    folder = settings.run.folder
    shared = home / f"seed-{settings.run.seed}" / f"stage1-{_digest(settings, stage1_only=True)}"
    clock = shared / "seconds.json"
    if stage == "stage1" and clock.is_file():
        shutil.copytree(shared / "stage1", folder / "stage1", dirs_exist_ok=True)
        return json.loads(clock.read_text(encoding="utf-8"))
    file = folder / "ablation.yaml"
    file.write_text(yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False), encoding="utf-8")
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-m", f"recipes.{stage}", "--config", str(file)])
    if done.returncode:
        raise NotReadyError(
            f"{folder}: {stage} ended with exit code {done.returncode}; its message is above",
            fix=f"python -m recipes.{stage} --config {file}",
        )
    took = time.monotonic() - began
    if stage == "stage1":
        shutil.copytree(folder / "stage1", shared / "stage1", dirs_exist_ok=True)
        clock.write_text(json.dumps(took), encoding="utf-8")
    return took


def _digest(settings: config.Config, *, stage1_only: bool = False) -> str:
    data = settings.model_dump(mode="json")
    parts = ["data", "model", "stage1"] if stage1_only else [key for key in data if key != "run"]
    wanted = {key: data[key] for key in parts} | {"seed": settings.run.seed, "n": settings.pause.n}
    if settings.stage1.pauses.enabled:
        wanted["filler"] = settings.pause.filler
    return hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()[:12]


def _reflects(settings: config.Config) -> bool:
    train = rows.read(settings.data, settings.data.train_split)
    return any(rows.reflects(row.trace) for row in train)


def _mean(columns: Sequence[Sequence[float]]) -> list[float]:
    return [sum(values) / len(values) for values in zip(*columns, strict=True)]


def _flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--variant", action="append", choices=sorted(VARIANTS), help="may be repeated; all")


def main(settings: config.Config, flags: argparse.Namespace) -> None:
    """Runs the ablations and prints the table."""
    print(table(ablate(settings, flags.variant or list(VARIANTS), flags.seeds)))


if __name__ == "__main__":
    raise SystemExit(run.command(main, __doc__, _flags))
