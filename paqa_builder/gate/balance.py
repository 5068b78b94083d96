"""Subsampling of questions until no surface cue in their choices predicts the answer.

A cue is a choice's text, its position, or being the longest or shortest choice. A cue is fair if choices
with it are right as often as by chance. Questions whose answer has a cue that is right too often are kept
with a smaller probability. Raking (Deming and Stephan 1940) finds these probabilities. A hash of the
question's id decides which questions are dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from paqa_builder.gate.item import BlindItem
from paqa_builder.seeded import unit

MIN_KEEP = 0.05
"""Lower bound of a question's probability of being kept."""
_ROUNDS = 40
_SIGNIFICANT = 2.5  # standard deviations


@dataclass
class Cues:
    """The surface cues of the choices of one template's questions.

    Attributes:
        ids: Ids of the questions.
        numbers: Cue -> its number, counted from 0 in the order of appearance.
    """

    ids: list[str] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    _shown: list[tuple[int, int, float]] = field(default_factory=list)  # question, cue, chance
    _answer: list[tuple[int, int]] = field(default_factory=list)  # question, cue of its answer

    def add(self, item: BlindItem) -> None:
        """Adds one question."""
        n = len(self.ids)
        self.ids.append(item.id)
        for place, names in enumerate(cues_of(item.choices)):
            for name in names:
                cue = self.numbers.setdefault(name, len(self.numbers))
                self._shown.append((n, cue, item.chance))
                if place == item.answer:
                    self._answer.append((n, cue))

    def surplus(self) -> dict[str, str]:
        """The questions to drop, with the strongest cue of each one's answer.

        Returns:
            Question's id -> reason, such as ``"“yes” is right too often"``.
        """
        question, cue, chance = (np.array(column) for column in zip(*self._shown, strict=True))
        answered, answer = (np.array(column) for column in zip(*self._answer, strict=True))
        keep, count = np.ones(len(self.ids)), len(self.numbers)
        variance = np.bincount(cue, chance * (1 - chance), count)  # of right answers under chance
        often = np.zeros(count, bool)
        for _ in range(_ROUNDS):
            fair = np.bincount(cue, keep[question] * chance, count)
            right = np.bincount(answer, keep[answered], count)
            # A rare cue may be right twice out of two: only a significant excess is corrected.
            often |= right - fair > _SIGNIFICANT * np.sqrt(variance)
            factor = np.where(often, np.minimum(1.0, fair / np.maximum(right, 1e-9)), 1.0)
            if factor.min() > 0.99:
                break
            # The square root avoids correcting twice for correlated cues.
            np.minimum.at(step := np.ones(len(keep)), answered, np.sqrt(factor[answer]))
            keep = np.maximum(MIN_KEEP, keep * step)
        excess = np.bincount(answer, None, count) / np.maximum(np.bincount(cue, chance, count), 1e-9)
        order = np.lexsort((answer, -excess[answer], answered))
        first = np.concatenate([[True], np.diff(answered[order]) > 0])
        names = list(self.numbers)
        strongest = [names[cue] for cue in answer[order][first]]
        return {
            name: f"{strongest[n]} is right too often"
            for n, name in enumerate(self.ids)
            if keep[n] < 1.0 and unit("gate", name) >= keep[n]
        }


def cues_of(choices: Sequence[str]) -> list[list[str]]:
    """The cues of each choice: its text, its position, and whether it is the longest or the shortest."""
    lengths = [len(choice) for choice in choices]
    cues = []
    for n, choice in enumerate(choices):
        names = [f"“{choice}”", f"choice {n + 1} of {len(choices)}"]
        if min(lengths) < max(lengths):
            names += ["the longest choice"] if lengths[n] == max(lengths) else []
            names += ["the shortest choice"] if lengths[n] == min(lengths) else []
        cues.append(names)
    return cues


def surplus(items: Iterable[BlindItem], templates: set[str]) -> dict[str, str]:
    """The questions of some templates to drop; see :meth:`Cues.surplus`."""
    by_template = {template: Cues() for template in sorted(templates)}
    for item in items:
        if item.template in by_template:
            by_template[item.template].add(item)
    return {name: why for cues in by_template.values() if cues.ids for name, why in cues.surplus().items()}
