"""How answers are spread over a corpus, and what keeps one from being a better guess than another."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from paqa_builder.labels import audioset
from paqa_builder.seeded import weighted

_ROUNDS, _LEAST_FREE, _SCALE = 40, 0.2, 1_000_000
# A group with fewer observations is balanced together with its neighbours.
ENOUGH = 20
# In smaller ones each answer counts as seen so often more: five times "yes" proves nothing.
_PRIOR = 2
# Answers rarer than this part of an even share are not asked for, nor offered: waiting for them would throw
# nearly everything away, and nobody needs to listen to rule them out.
RARE = 0.15
# Of fewer observations, or clips, than this it is unknown which answers are rare.
FEW = 10
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
        kept: By template and group, the share of questions with an answer to keep; learned in
            :mod:`paqa_builder.questions.rehearsal`, and outranks what the counts say.
        drawn: By template, how much more often than the counts say to draw an answer as a wrong choice; 0 for
            what is never right, and so no choice.
        template: Whose questions are being asked; see :meth:`on`.
    """

    answers: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    refuted: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    kept: Mapping[str, Mapping[str, float]] = field(default_factory=dict, kw_only=True)
    drawn: Mapping[str, Mapping[str, float]] = field(default_factory=dict, kw_only=True)
    template: str = field(default="", kw_only=True, compare=False)

    def draw_answers(self, kind: str, group: str, among: Sequence[str], *key: object) -> Iterator[str]:
        """Wrong choices from a fixed list, in the order in which to try them.

        Answers that are never right here are left out, for nobody would need to listen to rule them
        out, and the others come as often as they are right; but for corpora too small to tell.
        """
        place, counts = self._enough(kind, group)
        names = [name for name in self.common_answers(kind, group, among) if self._refutable(place, name)]
        kept = [counts.get(name, 1) * self.share_kept(kind, group, name) for name in names]
        # What can seldom be proved false must be tried the more often.
        tried = [
            k
            * self.drawn.get(self.template, {}).get(name, 1.0)
            / max(_LEAST_REFUTED, self._refuted(place, name))
            for k, name in zip(kept, names, strict=True)
        ]
        sums = list(itertools.accumulate(max(1, round(_SCALE * k / (max(tried) or 1.0))) for k in tried))
        return weighted(names, sums, names, *key)

    def common_answers(self, kind: str, group: str, among: Iterable[str]) -> list[str]:
        """Those that are right often enough; all, where the corpus is too small to tell.

        An answer that is hardly ever right can be ruled out without listening.
        """
        _, counts = self._enough(kind, group)
        learned = self.drawn.get(self.template, {})
        among = [answer for answer in among if learned.get(answer, 1.0) > 0]
        if sum(counts.values()) < FEW:
            return among
        return [answer for answer in among if counts.get(answer, 0) >= _least(counts)]

    def share_asked(self, kind: str, group: str, answer: str, closed: bool) -> float:
        """The share of a template's questions with this answer to ask, so that no answer is a good guess.

        Args:
            closed: The same few answers for every clip; see
                :attr:`~paqa_builder.questions.facts.AnswerType.closed`.
        """
        for level in levels_of(group):
            kept = self.kept.get(group_name(self.template, level))
            if kept is not None and answer in kept:
                return kept[answer]
        return self.share_kept(kind, group, answer) if closed else 1.0

    def share_kept(self, kind: str, group: str, answer: str) -> float:
        """The same by the counts of all facts alone, as if every fact were asked about."""
        place, counts = self._enough(kind, group)
        total = sum(counts.values())
        if answer not in counts:
            return 1.0
        if total >= ENOUGH and (len(counts) == 1 or not self._refutable(place, answer)):
            return 0.0  # an answer that never changes can be known without listening
        common = [count for count in counts.values() if count >= _least(counts)]
        rarest = min(common) if len(common) > 1 else 0
        unseen = _PRIOR if total < ENOUGH else 0
        return 1.0 if rarest >= counts[answer] else min(1.0, (rarest + unseen) / counts[answer])

    def _enough(self, kind: str, group: str) -> tuple[str, Mapping[str, int]]:
        """The smallest group around ``group`` with enough answers, or the widest: its name, and they."""
        for level in levels_of(group):
            place = group_name(kind, level)
            if sum(self.answers.get(place, {}).values()) >= ENOUGH:
                break
        return place, self.answers.get(place, {})

    def _refuted(self, place: str, answer: str) -> float:
        """Of the questions to which an answer is not the right one, the share in which it is proved false."""
        counts, refuted = self.answers.get(place, {}), self.refuted.get(place)
        elsewhere = sum(counts.values()) - counts.get(answer, 0)
        if refuted is None or not elsewhere:
            return 1.0
        return refuted.get(answer, 0) / elsewhere

    def _refutable(self, place: str, answer: str) -> bool:
        """False for an answer that could hardly ever be a wrong choice: where it is offered, it is right."""
        if sum(self.answers.get(place, {}).values()) < ENOUGH:
            return True
        return self._refuted(place, answer) >= _LEAST_REFUTED


def _least(counts: Mapping[str, int]) -> float:
    """How often an answer must be right not to be rare."""
    return RARE * sum(counts.values()) / len(counts) if len(counts) > 2 else 1.0


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
    kin = [[m for m, other in enumerate(names) if audioset.confusable(name, other)] for name in names]
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
    """A group and all that it is part of: ``"sound:Dog"`` and ``"sound"``; ``"time:2:3"`` and two more."""
    parts = group.split(":")
    return tuple(":".join(parts[:n]) for n in range(len(parts), 0, -1))
