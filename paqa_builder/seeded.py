"""Randomness as a hash: the same key gives the same draw on every machine, in any order of work.

There is no generator with a state, so that leaving one draw out, or adding one, changes no other.
"""

from __future__ import annotations

import bisect
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
# Drawing so many one by one is cheaper than to shuffle a pool of hundreds.
_FEW = 32
_DRAWS = 256


def digest(*key: object) -> str:
    """16 hexadecimal digits (64 bits of BLAKE2b) that stand for ``key``."""
    # The unit separator cannot be typed into a label or an id, so ("a", "bc") and ("ab", "c") differ.
    text = "\x1f".join(str(part) for part in key)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def unit(*key: object) -> float:
    """A number in [0, 1), uniform over keys."""
    # 53 bits is what a float holds; 64 could round up to 1.0.
    return (int(digest(*key), 16) >> 11) / (1 << 53)


def below(n: int, *key: object) -> int:
    """An integer in [0, n), uniform over keys."""
    return int(digest(*key), 16) % n


def pick(items: Sequence[T], *key: object) -> T:
    """One of ``items``."""
    return items[below(len(items), *key)]


def sampled(items: Sequence[T], *key: object) -> Iterator[T]:
    """All of ``items`` in an order drawn by hash, at little cost where only a few are needed."""
    seen: set[int] = set()
    for n in range(min(len(items), _FEW)):
        index = below(len(items), "sample", n, *key)
        if index not in seen:
            seen.add(index)
            yield items[index]
    yield from shuffled((item for n, item in enumerate(items) if n not in seen), *key)


def weighted(items: Sequence[T], sums: Sequence[int], rest: Iterable[T], *key: object) -> Iterator[T]:
    """Items in an order drawn by weight, each once.

    Args:
        sums: The running totals of the items' weights.
        rest: What follows in the order of its hashes, but for what was drawn: after many draws it no longer
            pays to wait for the rarest.
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
    """``items`` in the order of their own hashes: a new item moves none of the others."""
    return sorted(items, key=lambda item: digest(*key, item))
