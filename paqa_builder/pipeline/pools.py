"""Statistics of a build's corpus: counted in workers, group by group of parts, then rehearsed.

::

    WORK/corpus-<key>/group-<hash>.json     counts of one group of parts

The groups are merged in any order to the same statistics (:meth:`Corpus.merged`). A build that was killed
counts only the groups that are missing. The clips of the rehearsal are drawn by hash; the tasks return their
scenes, so that they are read once, unless they are too long to be held in memory.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paqa_builder import files, registry
from paqa_builder.files import state
from paqa_builder.pipeline import scenes
from paqa_builder.pipeline.plan import Plan
from paqa_builder.questions import Corpus, QaOptions
from paqa_builder.questions.drafting import select
from paqa_builder.questions.rehearsal import in_sample, records_of, rehearse
from paqa_builder.questions.templates import Template
from paqa_builder.records import Scene
from paqa_builder.runtime.executor import Executor, Inline, retried

FOLDER = "corpus"
# Parts of one task.
_PARTS = 8
# Records of the scenes that are held for the rehearsal: some 50 MB.
_HELD = 300_000
# Up to this number of clips, starting workers costs more than counting.
_FEW = 256


@dataclass(frozen=True, slots=True)
class Task:
    """Counts the answers of some parts.

    Attributes:
        plan: A plan with these parts only.
        clips: Number of clips of the whole corpus.
        facts: Names of the kinds of fact to count.
    """

    plan: Plan
    file: Path
    clips: int
    options: QaOptions
    facts: frozenset[str]


@dataclass(frozen=True, slots=True)
class Counted:
    """Result of a task.

    Attributes:
        scenes: The scenes of its clips that are rehearsed with, up to a number of records.
        complete: These are all of them.
    """

    scenes: list[Scene]
    complete: bool
    cpu_seconds: float


class Pools:
    """Statistics of a plan's corpus.

    Args:
        decisive: Hashes of the code and of what the corpus says of its clips; JSON.

    Attributes:
        cpu_seconds: Cost of counting and rehearsing so far.
    """

    def __init__(
        self,
        plan: Plan,
        executor: Executor,
        templates: Sequence[Template],
        options: QaOptions,
        decisive: Any,
    ) -> None:
        self.cpu_seconds = 0.0
        self._templates, self._options, self._seed = templates, options, plan.config.seed
        facts = frozenset(template.fact for template in select(templates, options))
        clips = plan.count
        thresholds = options.thresholds.model_dump(mode="json")
        stages = [[stage.name, stage.key] for stage in plan.stages]
        folder = plan.work / f"{FOLDER}-{files.digest([decisive, thresholds, sorted(facts), stages])}"
        self._tasks = [
            Task(group, folder / f"group-{group.results()[:16]}.json", clips, options, facts)
            for group in _groups(plan)
        ]
        self._executor = executor if clips > _FEW else Inline()
        self._plan, self._clips = plan, clips
        self._samples: dict[Path, list[Scene]] = {}
        self._room: float = _HELD

    def counted(self) -> Corpus:
        """The counts of all clips."""
        self._run([task for task in self._tasks if not state.intact(task.file)])
        return Corpus.merged(_read(task.file) for task in self._tasks)

    def rehearsed(self, corpus: Corpus) -> Corpus:
        """The counts with learned shares of answers and weights of wrong choices."""
        self._run([task for task in self._tasks if task.file not in self._samples and self._room >= 0])
        began = time.process_time()
        learned = rehearse(corpus, self._sample, self._templates, self._options, self._seed)
        self.cpu_seconds += time.process_time() - began
        return learned

    def _sample(self) -> Iterator[Scene]:
        """The scenes to rehearse with, in the order of the clips."""
        if self._room < 0:
            return (scene for scene in scenes.of_plan(self._plan) if in_sample(scene, self._clips))
        return (scene for task in self._tasks for scene in self._samples[task.file])

    def _run(self, tasks: list[Task]) -> None:
        for task, result in retried(
            self._executor, count, tasks, lambda task: f"counting the answers of {task.file.name}"
        ):
            self.cpu_seconds += result.cpu_seconds
            self._room -= sum(map(records_of, result.scenes)) if result.complete else math.inf
            self._samples[task.file] = result.scenes
            if self._room < 0:
                self._samples.clear()


def _groups(plan: Plan) -> Iterator[Plan]:
    """Plans of a few parts each."""
    for at in range(0, len(plan.parts), _PARTS):
        yield Plan(plan.config, None, plan.parts[at : at + _PARTS], plan.stages)


def _read(file: Path) -> Corpus:
    (content,) = state.read_rows(file)
    return Corpus.from_json(content)


def count(task: Task) -> Counted:
    """Counts the answers of a group of parts, unless an earlier run did, and writes the counts."""
    began = time.process_time()
    registry.load_plugins(task.plan.config.plugins)
    sample: list[Scene] = []
    room = _HELD

    def read_scenes() -> Iterator[Scene]:
        nonlocal room
        for scene in scenes.of_plan(task.plan):
            if in_sample(scene, task.clips):
                room -= records_of(scene)
                if room >= 0:
                    sample.append(scene)
            yield scene

    if state.intact(task.file):
        for _ in read_scenes():
            pass
    else:
        corpus = Corpus.of(read_scenes(), task.options, task.facts)
        state.write(task.file, corpus.to_json(), sort_keys=True)
    return Counted(sample, room >= 0, time.process_time() - began)
