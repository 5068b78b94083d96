"""Bounded samples of texts by number of words, independent of the order of clips.

A pool maps a number of words to its texts. Its name is the split, followed by the kind of phrase.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from paqa_builder.questions.wording import tokens
from paqa_builder.seeded import digest, sampled

PHRASES_PER_LENGTH = 256

Pools = Mapping[str, Mapping[int, tuple[str, ...]]]


def put(pool: dict[int, set[str]], text: str) -> None:
    """Adds a text to a pool, within its bound."""
    extend(pool, {len(tokens(text)): (text,)})


def extend(pool: dict[int, set[str]], texts: Mapping[int, Iterable[str]]) -> None:
    """Adds texts by their number of words to a pool, within its bound."""
    for length, more in texts.items():
        kept = pool.setdefault(length, set())
        kept.update(more)
        if len(kept) > 2 * PHRASES_PER_LENGTH:
            pool[length] = set(smallest(kept))


def frozen(pools: Mapping[str, Mapping[int, set[str]]]) -> Pools:
    """The pools, sorted, with :data:`PHRASES_PER_LENGTH` texts per length."""
    return {
        name: {length: smallest(texts) for length, texts in sorted(pool.items())}
        for name, pool in sorted(pools.items())
    }


def plain(pools: Pools) -> dict[str, dict[str, list[str]]]:
    """JSON-compatible form of pools."""
    return {
        name: {str(length): list(texts) for length, texts in pool.items()} for name, pool in pools.items()
    }


def read(data: Mapping[str, Mapping[str, list[str]]]) -> Pools:
    """Inverse of :func:`plain`."""
    return {
        name: {int(length): tuple(texts) for length, texts in pool.items()} for name, pool in data.items()
    }


def nearest(pool: Mapping[int, tuple[str, ...]], length: int, *key: object) -> Iterator[str]:
    """Texts of about ``length`` words, nearest in length first."""
    for distance in range(3):
        texts = [t for n in sorted({length - distance, length + distance}) for t in pool.get(n, ())]
        yield from sampled(texts, *key)


def smallest(texts: Iterable[str]) -> tuple[str, ...]:
    """The :data:`PHRASES_PER_LENGTH` texts with the smallest hashes."""
    return tuple(sorted(set(texts), key=lambda text: (digest(text), text))[:PHRASES_PER_LENGTH])
