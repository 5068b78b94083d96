"""Deterministic pseudo-random choices by hash: the same key gives the same choice on every machine.

There is no generator with a state, so adding or removing one choice changes no other.
"""

from __future__ import annotations

import bisect
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
# Up to this number, single draws are cheaper than shuffling a pool of hundreds.
_FEW = 32
_DRAWS = 256


# Labels and ids do not contain the unit separator, so ("a", "bc") and ("ab", "c") differ.
_SEPARATOR = "\x1f"


def digest(*key: object) -> str:
    """The hash of ``key``: 16 hexadecimal digits (64 bits of BLAKE2b)."""
    return _hash(_SEPARATOR.join(map(str, key))).hex()


def _hash(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def unit(*key: object) -> float:
    """A number in [0, 1), uniform over keys."""
    # A float has 53 bits of precision; 64 bits could round up to 1.0.
    return (int.from_bytes(_hash(_SEPARATOR.join(map(str, key)))) >> 11) / (1 << 53)


def below(n: int, *key: object) -> int:
    """An integer in [0, n), uniform over keys."""
    return int.from_bytes(_hash(_SEPARATOR.join(map(str, key)))) % n


def pick(items: Sequence[T], *key: object) -> T:
    """One of ``items``, uniform over keys."""
    return items[below(len(items), *key)]


def sampled(items: Sequence[T], *key: object) -> Iterator[T]:
    """Yields all ``items`` in random order; cheap if only the first few are needed."""
    seen: set[int] = set()
    for n in range(min(len(items), _FEW)):
        index = below(len(items), "sample", n, *key)
        if index not in seen:
            seen.add(index)
            yield items[index]
    yield from shuffled((item for n, item in enumerate(items) if n not in seen), *key)


def weighted(items: Sequence[T], sums: Sequence[int], rest: Iterable[T], *key: object) -> Iterator[T]:
    """Yields items without replacement, with probabilities proportional to their weights.

    Args:
        sums: The cumulative weights of the items.
        rest: Items for the end of the order, shuffled, once drawing the rarest by weight becomes too slow.
    """
    seen: set[T] = set()
    for n in range(_DRAWS if items else 0):
        item = items[bisect.bisect_right(sums, below(sums[-1], n, *key))]
        if item not in seen:
            seen.add(item)
            yield item
        if len(seen) == len(items):
            break
    yield from (item for item in shuffled(rest, *key) if item not in seen)


def shuffled(items: Iterable[T], *key: object) -> list[T]:
    """``items`` sorted by their hashes, so that a new item does not change the order of the others."""
    return shuffled_by(items, str, *key)


def shuffled_by(items: Iterable[T], name: Callable[[T], object], *key: object) -> list[T]:
    """``items`` sorted by the hashes of their names."""
    start = "".join(str(part) + _SEPARATOR for part in key)
    return sorted(items, key=lambda item: _hash(start + str(name(item))))
