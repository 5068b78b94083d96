"""Stages that run in the tasks of an earlier stage, on the same decoded audio.

*fingerprint* runs with *read*: a clip is decoded once. Stages whose backends hold no weights, such as the
fakes, run with the first of them. A part takes part in this if the later stages have no result for it yet;
for all others, and after a crash, each stage runs on its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from paqa_builder import files, registry
from paqa_builder.pipeline.plan import Plan, StagePlan
from paqa_builder.pipeline.step import Done


def weightless(stage: StagePlan) -> bool:
    """Whether a stage has no backend, or one whose own class is marked as one without weights."""
    if stage.config is None:
        return True
    return bool(vars(registry.get(stage.name, stage.backend)).get("weightless", False))


@dataclass
class Together:
    """The stages of a plan that may share tasks, and the results of those that did.

    Attributes:
        stages: All stages, in the order in which they run.
        ahead: Results by stage: the index of the part and what was done.
    """

    plan: Plan
    stages: Sequence[StagePlan]
    ahead: dict[str, list[tuple[int, Done]]] = field(default_factory=lambda: defaultdict(list))

    def after(self, stage: StagePlan) -> list[StagePlan]:
        """The stages right after a stage that may run in its tasks."""
        found: list[StagePlan] = []
        if weightless(stage):
            names = [other.name for other in self.stages]
            for later in self.stages[names.index(stage.name) + 1 :]:
                if not weightless(later) or not self._only_own_parts(later):
                    break
                found.append(later)
        return found

    def fresh(self, part: files.Part, later: Sequence[StagePlan]) -> bool:
        """Whether none of the later stages has a file for a part."""
        return not any(
            part.with_truth(stage.uses_truth).file(stage.folder(self.plan.work)).exists() for stage in later
        )

    def done(self, part: files.Part, later: Sequence[StagePlan], results: Sequence[Done]) -> None:
        """Records what a task did for later stages."""
        for stage, result in zip(later, results, strict=True):
            self.ahead[stage.name].append((part.index, result))

    def _only_own_parts(self, stage: StagePlan) -> bool:
        """Whether the folder of a stage has no parts of other plans, whose rows could be used again."""
        folder = stage.folder(self.plan.work)
        if not folder.exists():
            return True
        own = {part.name for part in self.plan.parts_of(stage)}
        return all(path.name in own for path in folder.glob("part-*.jsonl"))
