"""Thinning questions out until no sign in their text says which choice is right.

A sign is what a choice shows: its text, its place, its rank in length. It is fair if the choices that
show it are right as often as chance has it. Questions whose answer shows a sign that is right too often
are kept with a smaller probability, found by raking (Deming and Stephan 1940): each sign's surplus is
taken away in turn until none is left. Who goes is decided by a hash.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from paqa_builder.gate.item import BlindItem
from paqa_builder.seeded import unit

LEAST = 0.05
"""No question's probability of being kept falls below this."""
_ROUNDS = 40
_SURE = 2.5  # standard deviations


@dataclass
class Signs:
    """The signs of the choices of one template's questions.

    Attributes:
        ids: The questions.
        names: The signs, in the order of their numbers.
    """

    ids: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    _number: dict[str, int] = field(default_factory=dict)
    _shown: list[tuple[int, int, float]] = field(default_factory=list)  # question, sign, share of its choices
    _answer: list[tuple[int, int]] = field(default_factory=list)  # question, sign of its answer

    def add(self, item: BlindItem) -> None:
        """Takes one question down."""
        n = len(self.ids)
        self.ids.append(item.id)
        for place, names in enumerate(signs_of(item.choices)):
            for name in names:
                sign = self._number.setdefault(name, len(self._number))
                if sign == len(self.names):
                    self.names.append(name)
                self._shown.append((n, sign, item.chance))
                if place == item.answer:
                    self._answer.append((n, sign))

    def surplus(self) -> dict[str, str]:
        """Which questions to leave out, and the sign that most speaks against each.

        Returns:
            Question's id -> the sign, such as ``"“yes” is right too often"``.
        """
        question, sign, share = (np.array(column) for column in zip(*self._shown, strict=True))
        of, answer = (np.array(column) for column in zip(*self._answer, strict=True))
        keep, count = np.ones(len(self.ids)), len(self.names)
        apart = np.bincount(sign, share * (1 - share), count)  # the variance that chance has
        often = np.zeros(count, bool)
        for _ in range(_ROUNDS):
            fair = np.bincount(sign, keep[question] * share, count)
            right = np.bincount(answer, keep[of], count)
            # A rare sign may be right twice out of two; only what chance does not explain is mended.
            often |= right - fair > _SURE * np.sqrt(apart)
            factor = np.where(often, np.minimum(1.0, fair / np.maximum(right, 1e-9)), 1.0)
            if factor.min() > 0.99:
                break
            # The square root keeps signs that go together from being mended twice.
            np.minimum.at(step := np.ones(len(keep)), of, np.sqrt(factor[answer]))
            keep = np.maximum(LEAST, keep * step)
        worst = self._worst(of, answer, np.bincount(sign, share, count), np.bincount(answer, None, count))
        return {
            name: worst[n]
            for n, name in enumerate(self.ids)
            if keep[n] < 1.0 and unit("gate", name) >= keep[n]
        }

    def _worst(self, of: np.ndarray, answer: np.ndarray, fair: np.ndarray, right: np.ndarray) -> list[str]:
        excess = right / np.maximum(fair, 1e-9)
        order = np.lexsort((answer, -excess[answer], of))
        first = np.concatenate([[True], np.diff(of[order]) > 0])
        return [f"{self.names[s]} is right too often" for s in answer[order][first]]


def signs_of(choices: Sequence[str]) -> list[list[str]]:
    """What each choice shows: its text, its place, and whether it is the longest or the shortest."""
    lengths = [len(choice) for choice in choices]
    found = []
    for n, choice in enumerate(choices):
        names = [f"“{choice}”", f"choice {n + 1} of {len(choices)}"]
        if min(lengths) < max(lengths):
            names += ["the longest choice"] if lengths[n] == max(lengths) else []
            names += ["the shortest choice"] if lengths[n] == min(lengths) else []
        found.append(names)
    return found


def surplus(items: Iterable[BlindItem], templates: set[str]) -> dict[str, str]:
    """The questions of some templates to leave out; see :meth:`Signs.surplus`."""
    by_template = {template: Signs() for template in sorted(templates)}
    for item in items:
        if item.template in by_template:
            by_template[item.template].add(item)
    return {name: why for signs in by_template.values() if signs.ids for name, why in signs.surplus().items()}
