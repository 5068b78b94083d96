"""Generates and verifies the questions of a plan's scenes, part by part; resumable like the stages.

Distractors come from the whole corpus, so there are three passes: the first collects the corpus's pools
(:mod:`paqa_builder.pipeline.pools`), the second rehearses with a sample of the clips
(:mod:`paqa_builder.questions.rehearsal`), the third generates. The pools are part of the key: the same
scenes give the same questions.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from paqa_builder import files, registry
from paqa_builder.config import Config, validate_options
from paqa_builder.files import state
from paqa_builder.files.ledger import Ledger
from paqa_builder.files.memo import Memo
from paqa_builder.pipeline import scenes
from paqa_builder.pipeline.plan import Plan
from paqa_builder.pipeline.pools import Pools
from paqa_builder.pipeline.step import Done, Progress, StageReport, Step, code_hash
from paqa_builder.questions import Corpus, QaOptions, load_templates, verify
from paqa_builder.questions.generate import Generator
from paqa_builder.questions.question import Quarantined, Question
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.templates import Template
from paqa_builder.records import Scene, to_json
from paqa_builder.runtime.executor import Executor, retried

STAGE = "questions"
CORPUS = "corpus.json"
KEYS = "questions.json"
"""File in the work folder that tells which folder of questions belongs to the results of the stages."""
# Any change of this code invalidates the questions: they are cheap to generate again.
_CODE = (
    "questions/**/*.py", "labels/*.py", "intervals.py", "records.py", "seeded.py", "data/*.csv",
    "data/*.yaml",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Task:
    """Generates the questions of one part."""

    plan: Plan
    part: files.Part
    folder: Path

    @property
    def file(self) -> Path:
        return self.part.file(self.folder)


def options_of(config: Config) -> QaOptions:
    """The validated ``questions`` section of a configuration."""
    return validate_options(QaOptions, config.questions, "questions")


def run(plan: Plan, executor: Executor, progress: Progress) -> tuple[Path, StageReport]:
    """Writes the questions of all missing parts. Returns their folder and the cost."""
    began = time.monotonic()
    options, templates = options_of(plan.config), load_templates(plan.config.templates)
    known = Memo(plan.work / KEYS).get(_inputs(plan, templates))
    folder = plan.work / str(known)
    spent = 0.0
    if known is None or not state.intact(folder / CORPUS):
        folder, spent = _collect(plan, executor, options, templates)
        remember(plan, folder)
    ledger = Ledger(folder)
    missing = [part for part in plan.parts if not ledger.entry(part.name)]
    step = Step(STAGE, plan.parts, missing, progress, began=began)
    # A task carries its own part only, not the whole corpus.
    tasks = (Task(Plan(plan.config, None, (part,), plan.stages), part, folder) for part in missing)
    report = step.run(_results(tasks, executor, spent))
    Ledger(folder).settle(plan.parts)
    return folder, report


def remember(plan: Plan, folder: Path) -> None:
    """Records that the questions of a plan are in a folder, so that the next run need not find it out."""
    Memo(plan.work / KEYS).put(_inputs(plan, load_templates(plan.config.templates)), folder.name)


def _inputs(plan: Plan, templates: list[Template]) -> list[Any]:
    """Everything that decides the questions."""
    return [plan.content, plan.results(), *_settings(plan, templates)]


def _collect(
    plan: Plan, executor: Executor, options: QaOptions, templates: list[Template]
) -> tuple[Path, float]:
    """Collects the pools of the corpus.

    Returns:
        The folder of the questions, which holds the pools, and the CPU seconds.
    """
    content = files.digest_of_all(
        [clip.id, clip.split, clip.source, to_json(clip.truth), *to_json(clip.questions)]
        for clip in plan.clips
    )
    pools = Pools(plan, executor, templates, options, [code_hash(*_CODE), content, *_plugin_code()])
    corpus = pools.counted()
    folder = plan.work / f"{STAGE}-{_key(plan, templates, corpus.to_json(), content)}"
    if not state.intact(folder / CORPUS):
        state.write(folder / CORPUS, pools.rehearsed(corpus).to_json(), sort_keys=True)
    return folder, pools.cpu_seconds


def read_corpus(folder: Path) -> Corpus:
    """The pools of wrong choices that :func:`run` wrote."""
    (content,) = state.read_rows(folder / CORPUS)
    return Corpus.from_json(content)


def _results(tasks: Iterable[Task], executor: Executor, spent: float) -> Iterator[Done]:
    yield Done(0, 0, 0.0, spent)
    results = retried(executor, ask, tasks, lambda task: f"generating the questions of {task.file.name}")
    for _, done in results:
        yield done


def ask(task: Task) -> Done:
    """Generates and verifies the questions of one part and writes them."""
    began = time.process_time()
    registry.load_plugins(task.plan.config.plugins)
    config = task.plan.config
    options = options_of(config)
    generator, templates = _tools(
        task.folder, tuple(config.templates), options.model_dump_json(), config.seed
    )
    rows = []
    for scene in scenes.of_part(task.plan, task.part):
        kept, refused = [], []
        reading = Interpretation(scene, options.thresholds)
        questions = generator.about(reading)
        reading = reading.without_facts()
        for question in questions:
            problems = verify(question, scene, options, templates, reading)
            if problems:
                refused.append({"question": to_json(question), "problems": problems})
            else:
                kept.append(to_json(question))
        rows.append({"clip": scene.clip.id, "questions": kept, "quarantined": refused})
    state.write_rows(task.file, rows)
    return Done(len(rows), 0, 0.0, time.process_time() - began)


def items(plan: Plan, folder: Path) -> Iterator[tuple[Scene, list[Question], list[Quarantined]]]:
    """Yields every clip's scene with its proved and its refused questions, in the order of the clips."""
    for part in plan.parts:
        rows = state.read_rows(part.file(folder))
        for scene, row in zip(scenes.of_part(plan, part), rows, strict=True):
            kept = [Question.from_json(data) for data in row["questions"]]
            refused = [
                Quarantined(Question.from_json(data["question"]), tuple(data["problems"]))
                for data in row["quarantined"]
            ]
            yield scene, kept, refused


def _key(plan: Plan, templates: Iterable[Template], corpus: Any, content: str) -> str:
    code, seed, options, dumped, stages, *plugins = _settings(plan, templates)
    return files.digest([code, seed, options, dumped, files.digest(corpus), content, stages, *plugins])


def _settings(plan: Plan, templates: Iterable[Template]) -> list[Any]:
    """Everything besides the scenes that decides the questions."""
    dumped = [template.model_dump(mode="json") for template in templates]
    return [
        code_hash(*_CODE), plan.config.seed, options_of(plan.config).model_dump(mode="json"),
        files.digest(dumped), [[stage.name, stage.key] for stage in plan.stages], *_plugin_code(),
    ]  # fmt: skip


def _plugin_code() -> list[str]:
    """The source code of every plugin that defines fact kinds."""
    modules = {entry.where.partition(":")[0] for entry in registry.entries("fact") if entry.plugin}
    paths = sorted(str(sys.modules[module].__file__) for module in modules)
    return [Path(path).read_text(encoding="utf-8") for path in paths]


@lru_cache(maxsize=1)
def _tools(
    folder: Path, template_folders: tuple[Path, ...], options: str, seed: int
) -> tuple[Generator, list[Template]]:
    templates = load_templates(list(template_folders))
    settings = QaOptions.model_validate_json(options)
    return Generator(read_corpus(folder), templates, settings, seed), templates
