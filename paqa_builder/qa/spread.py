"""How answers are spread over a corpus, and what keeps one from being a better guess than another."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from paqa_builder import ontology
from paqa_builder.qa.draw import below, shuffled

# After so many draws the rest follows in any order.
DRAWS = 256
_ROUNDS, _LEAST_FREE, _SCALE = 40, 0.2, 1_000_000
# Below this many observations a share of answers says nothing worth balancing for.
ENOUGH = 20
# Answers rarer than this are let be: waiting for them would throw nearly everything away.
RARE = 0.05
# An answer that is proved false in a smaller share of the clips is no use: where it is offered, it is right.
_LEAST_REFUTED = 0.1


@dataclass(frozen=True)
class Spread:
    """How often answers are right, and how often they could be wrong ones.

    Attributes:
        answers: By kind of fact and group, how often each answer to a closed question, or each sound,
            is right.
        refuted: Likewise, for sounds and fixed lists, how often each could serve as a wrong choice
            because it is proved false of the clip.
    """

    answers: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    refuted: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def draw_answers(self, kind: str, group: str, among: Sequence[str], *key: object) -> Iterator[str]:
        """Wrong choices from a fixed list, in the order in which to try them.

        Answers that are never right here are left out, for nobody would need to listen to rule them
        out, and the others come as often as they are right; but for corpora too small to tell.
        """
        place, counts = self._enough(kind, group)
        if sum(counts.values()) < ENOUGH:
            yield from shuffled(among, *key)
            return
        names = [name for name in among if name in counts and self._refutable(place, name)]
        kept = [counts[name] * self.share_kept(kind, group, name) for name in names]
        # What can seldom be proved false must be tried the more often.
        tried = [k / self._refuted(place, name) for k, name in zip(kept, names, strict=True)]
        sums = list(itertools.accumulate(max(1, round(_SCALE * k / (max(tried) or 1.0))) for k in tried))
        seen: set[str] = set()
        for n in range(DRAWS if names else 0):
            name = names[bisect.bisect_right(sums, below(sums[-1], n, *key))]
            if name not in seen:
                seen.add(name)
                yield name
            if len(seen) == len(names):
                return
        yield from (name for name in shuffled(names, *key) if name not in seen)

    def common_answers(self, kind: str, group: str, among: Iterable[str]) -> list[str]:
        """Those that are right often enough; all, where the corpus is too small to tell.

        An answer that is hardly ever right can be ruled out without listening.
        """
        _, counts = self._enough(kind, group)
        total = sum(counts.values())
        if total < ENOUGH:
            return list(among)
        return [answer for answer in among if counts.get(answer, 0) >= RARE * total]

    def share_kept(self, kind: str, group: str, answer: str) -> float:
        """The share of questions with this answer to keep, so that no answer is a good guess."""
        place, counts = self._enough(kind, group)
        total = sum(counts.values())
        if total < ENOUGH or answer not in counts:
            return 1.0
        if len(counts) == 1 or not self._refutable(place, answer):
            return 0.0  # an answer that never changes can be known without listening
        two = len(counts) == 2
        common = [count for count in counts.values() if two or count >= RARE * total]
        return min(1.0, min(common, default=1) / counts[answer])

    def _enough(self, kind: str, group: str) -> tuple[str, Mapping[str, int]]:
        """The smallest group around ``group`` with enough answers to count: its name, and they."""
        for level in levels_of(group):
            counts = self.answers.get(group_name(kind, level), {})
            if sum(counts.values()) >= ENOUGH:
                return group_name(kind, level), counts
        return group_name(kind, group), {}

    def _refuted(self, place: str, answer: str) -> float:
        """Of the questions to which an answer is not the right one, the share in which it is proved false."""
        counts, refuted = self.answers.get(place, {}), self.refuted.get(place)
        elsewhere = sum(counts.values()) - counts.get(answer, 0)
        if refuted is None or not elsewhere:
            return 1.0
        return refuted.get(answer, 0) / elsewhere

    def _refutable(self, place: str, answer: str) -> bool:
        """False for an answer that could hardly ever be a wrong choice: where it is offered, it is right."""
        return self._refuted(place, answer) >= _LEAST_REFUTED


def fair_weights(names: list[str], counts: list[int]) -> list[int]:
    """How often to draw each label so that, of two labels in a question, either is as often right.

    An answer x comes up with its own share p(x); a wrong choice y with weight q(y) among what
    cannot be confused with x, of which the mass is Z(x). The pair is fair if
    p(x) q(y) / Z(x) = p(y) q(x) / Z(y), so q must be proportional to p / Z, where Z itself depends
    on q. Drawing by p alone would make members of large families (music) answers more often than
    wrong choices. Solved by iteration; a label to which half of all are kin stays as it is.
    """
    total = sum(counts)
    share = [count / total for count in counts]
    kin = [[m for m, other in enumerate(names) if ontology.confusable(name, other)] for name in names]
    weights = share
    for _ in range(_ROUNDS):
        free = [max(_LEAST_FREE, 1.0 - sum(weights[m] for m in family)) for family in kin]
        # The geometric mean of old and new keeps the iteration from swinging.
        new = [math.sqrt(old * p / z) for old, p, z in zip(weights, share, free, strict=True)]
        scale = sum(new)
        weights = [weight / scale for weight in new]
    # Whole numbers, so that drawing does not hang on the last bit of a float.
    return [max(1, round(_SCALE * weight)) for weight in weights]


def group_name(kind: str, group: str) -> str:
    return f"{kind}/{group}" if group else kind


def levels_of(group: str) -> tuple[str, ...]:
    """A group and what it is part of: ``"sound:Dog"``, ``"sound"``; only the group itself without a colon."""
    return (group, group.partition(":")[0]) if ":" in group else (group,)
