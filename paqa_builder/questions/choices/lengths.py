"""Lengths of the quotes of one question, balanced so that they do not reveal the answer.

Quotes from the clip, which make good wrong choices, have lengths of their own. If the rest had the length
of the answer, a quote with a unique length would certainly be wrong. So the quotes of a question have at
most two lengths, each in half of the quotes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from paqa_builder.questions.wording import tokens
from paqa_builder.seeded import unit

# Largest difference of two quotes of a question, in words.
_APART = 3


@dataclass(frozen=True)
class Lengths:
    """Numbers of quotes with each of the two lengths of a question.

    Attributes:
        same: Most quotes with the length of the first, if there is a second length.
        other: Number of quotes with the second length.
    """

    same: int
    other: int

    @classmethod
    def drawn(cls, wanted: int, *key: object) -> Lengths:
        """Two halves; if ``wanted`` is odd, each quote is in the larger one with the same probability."""
        larger = (wanted + 1) // 2
        same = larger if unit("lengths", *key) < larger / wanted else wanted - larger
        return cls(same, wanted - same)

    def fit(self, candidate: str, chosen: Iterable[str]) -> bool:
        """Whether a quote may be added to the chosen ones, the first of which sets the first length."""
        lengths = [*map(_words, chosen)]
        if not lengths:
            return True
        mine, first = _words(candidate), lengths[0]
        counts = Counter(length for length in lengths if length != first)
        if mine == first:
            return not counts or lengths.count(first) < self.same
        if counts:
            return mine in counts and counts[mine] < self.other
        return abs(mine - first) <= _APART and len(lengths) <= self.same and self.other > 0

    def missing(self, chosen: Sequence[str]) -> int:
        """Number of words that the next quote should have."""
        lengths = [*map(_words, chosen)]
        others = [length for length in lengths if length != lengths[0]]
        return others[0] if others and len(others) < self.other else lengths[0]


def _words(text: str) -> int:
    return len(tokens(text))
