"""Distribution of answers over a corpus, and the sampling that keeps answers equally likely."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from paqa_builder.labels import audioset
from paqa_builder.seeded import weighted

_ROUNDS, _LEAST_FREE, _SCALE = 40, 0.2, 1_000_000
# Groups with fewer observations are balanced as part of their parent group.
ENOUGH = 20
# Pseudo-count of each answer in groups with fewer observations.
_PRIOR = 2
# Answers rarer than this part of an even share are neither asked for nor offered: balancing to them would
# drop nearly all questions, and they can be ruled out without listening.
RARE = 0.15
# Smallest number of observations, or clips, to decide which answers are rare.
FEW = 10
# Smallest share of clips in which a useful answer is proved false; below it, it is right where it is offered.
_LEAST_REFUTED = 0.1


@dataclass(frozen=True)
class Spread:
    """Counts of right answers and of possible wrong choices.

    Attributes:
        answers: Kind of fact and group -> answer -> how often it is right, for closed questions and
            sounds.
        refuted: Kind of fact and group -> answer -> how often it is proved false, and so a possible wrong
            choice, for sounds and fixed lists.
        kept: Template and group -> answer -> share of questions to keep; learned in
            :mod:`paqa_builder.questions.rehearsal`, and used instead of the counts.
        drawn: Template -> answer -> factor on its weight as a wrong choice; 0 for answers that are never
            right.
        template: The template that questions are generated for;
            see :meth:`paqa_builder.questions.corpus.corpus.Corpus.on`.
    """

    answers: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    refuted: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    kept: Mapping[str, Mapping[str, float]] = field(default_factory=dict, kw_only=True)
    drawn: Mapping[str, Mapping[str, float]] = field(default_factory=dict, kw_only=True)
    template: str = field(default="", kw_only=True, compare=False)

    def draw_answers(self, kind: str, group: str, among: Sequence[str], *key: object) -> Iterator[str]:
        """Wrong choices from a fixed list, in an order drawn by how often they are right.

        Answers that are hardly ever right, or hardly ever proved false, are left out.
        """
        place, counts = self._enough(kind, group)
        names = [name for name in self.common_answers(kind, group, among) if self._refutable(place, name)]
        kept = [counts.get(name, 1) * self.share_kept(kind, group, name) for name in names]
        learned = self.drawn.get(self.template, {})
        # Answers that are rarely proved false are tried more often.
        weights = [
            count * learned.get(name, 1.0) / max(_LEAST_REFUTED, self._refuted(place, name))
            for count, name in zip(kept, names, strict=True)
        ]
        most = max(weights, default=0.0) or 1.0
        sums = list(itertools.accumulate(max(1, round(_SCALE * weight / most)) for weight in weights))
        return weighted(names, sums, names, *key)

    def common_answers(self, kind: str, group: str, among: Iterable[str]) -> list[str]:
        """The answers that are not rare; all of them if the corpus is too small to decide."""
        _, counts = self._enough(kind, group)
        learned = self.drawn.get(self.template, {})
        among = [answer for answer in among if learned.get(answer, 1.0) > 0]
        if sum(counts.values()) < FEW:
            return among
        return [answer for answer in among if counts.get(answer, 0) >= _least(counts)]

    def share_asked(self, kind: str, group: str, answer: str, closed: bool) -> float:
        """Share of a template's questions with this answer to keep, so that answers are equally likely.

        Args:
            closed: See :attr:`~paqa_builder.questions.facts.AnswerType.closed`.
        """
        for level in levels_of(group):
            kept = self.kept.get(group_name(self.template, level))
            if kept is not None and answer in kept:
                return kept[answer]
        return self.share_kept(kind, group, answer) if closed else 1.0

    def share_kept(self, kind: str, group: str, answer: str) -> float:
        """The share to keep according to the counts of all facts, without anything learned."""
        place, counts = self._enough(kind, group)
        total = sum(counts.values())
        if answer not in counts:
            return 1.0
        if total >= ENOUGH and (len(counts) == 1 or not self._refutable(place, answer)):
            return 0.0  # the answer is always the same
        common = [count for count in counts.values() if count >= _least(counts)]
        rarest = min(common) if len(common) > 1 else 0
        unseen = _PRIOR if total < ENOUGH else 0
        return 1.0 if rarest >= counts[answer] else min(1.0, (rarest + unseen) / counts[answer])

    def _enough(self, kind: str, group: str) -> tuple[str, Mapping[str, int]]:
        """Name and counts of the smallest group around ``group`` with enough answers, or of the widest."""
        for level in levels_of(group):
            place = group_name(kind, level)
            if sum(self.answers.get(place, {}).values()) >= ENOUGH:
                break
        return place, self.answers.get(place, {})

    def _refuted(self, place: str, answer: str) -> float:
        """Share, among the questions with another right answer, in which an answer is proved false."""
        counts, refuted = self.answers.get(place, {}), self.refuted.get(place)
        elsewhere = sum(counts.values()) - counts.get(answer, 0)
        if refuted is None or not elsewhere:
            return 1.0
        return refuted.get(answer, 0) / elsewhere

    def _refutable(self, place: str, answer: str) -> bool:
        """True if the answer can be a wrong choice often enough."""
        if sum(self.answers.get(place, {}).values()) < ENOUGH:
            return True
        return self._refuted(place, answer) >= _LEAST_REFUTED


def _least(counts: Mapping[str, int]) -> float:
    """Smallest count of an answer that is not rare."""
    return RARE * sum(counts.values()) / len(counts) if len(counts) > 2 else 1.0


def fair_weights(names: list[str], counts: list[int]) -> list[int]:
    """Weights of labels as wrong choices that make each of two labels in a question equally often right.

    A question has the answer x with probability p(x), and the wrong choice y with probability q(y) / Z(x),
    where Z(x) is the mass of labels that are not confusable with x. A pair is fair if
    p(x) q(y) / Z(x) = p(y) q(x) / Z(y), so q is proportional to p / Z. Drawing by p would make members of
    large families (music) right more often than wrong. Z depends on q: solved by iteration, with Z at least
    ``_LEAST_FREE``.
    """
    total = sum(counts)
    share = [count / total for count in counts]
    kin = [[m for m, other in enumerate(names) if audioset.confusable(name, other)] for name in names]
    weights = share
    for _ in range(_ROUNDS):
        free = [max(_LEAST_FREE, 1.0 - sum(weights[m] for m in family)) for family in kin]
        # The geometric mean of old and new keeps the iteration from swinging.
        new = [math.sqrt(old * p / z) for old, p, z in zip(weights, share, free, strict=True)]
        scale = sum(new)
        weights = [weight / scale for weight in new]
    # Integers, so that draws do not depend on the last bits of floats.
    return [max(1, round(_SCALE * weight)) for weight in weights]


def group_name(kind: str, group: str) -> str:
    """Key of a group within the counts of a corpus."""
    return f"{kind}/{group}" if group else kind


def levels_of(group: str) -> tuple[str, ...]:
    """A group and its parents: ``"time:2:3"``, ``"time:2"`` and ``"time"``."""
    parts = group.split(":")
    return tuple(":".join(parts[:n]) for n in range(len(parts), 0, -1))
