"""How long the quotes of one question are, so that their lengths do not tell which one is right.

Wrong quotes that are all about as long as the right one give it away: whichever is alone in its length
is wrong. Yet those from the clip itself, which make a question worth asking, have the lengths that they
have. So there are at most two lengths among the quotes, each in half of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from paqa_builder.questions.wording import tokens
from paqa_builder.seeded import unit

# Quotes of one question differ by at most this many words.
_APART = 3


@dataclass(frozen=True)
class Lengths:
    """How many quotes may be as long as the first one, and how many of another length.

    Attributes:
        same: At most so many, if there is another length.
        other: Then so many have that one.
    """

    same: int
    other: int

    @classmethod
    def drawn(cls, wanted: int, *key: object) -> Lengths:
        """Halves; of an odd number, the first one is in the larger part as often as any other."""
        larger = (wanted + 1) // 2
        same = larger if unit("lengths", *key) < larger / wanted else wanted - larger
        return cls(same, wanted - same)

    def fit(self, candidate: str, found: Iterable[str]) -> bool:
        """True if a quote may stand beside those that are there, the first of which sets the length."""
        lengths = [*map(_words, found)]
        if not lengths:
            return True
        mine, first = _words(candidate), lengths[0]
        counts = Counter(length for length in lengths if length != first)
        if mine == first:
            return not counts or lengths.count(first) < self.same
        if counts:
            return mine in counts and counts[mine] < self.other
        return abs(mine - first) <= _APART and len(lengths) <= self.same and self.other > 0

    def missing(self, found: Sequence[str]) -> int:
        """The number of words that the next quote should have."""
        lengths = [*map(_words, found)]
        others = [length for length in lengths if length != lengths[0]]
        return others[0] if others and len(others) < self.other else lengths[0]


def _words(text: str) -> int:
    return len(tokens(text))
