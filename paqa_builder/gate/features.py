"""Text features of choices, as a sparse matrix with one row per choice and hashed columns.

The features are the choice's position, its length relative to the other choices, its similarity to them
and to the question, its words, word bigrams, character 4-grams, and pairs of its words with words of the
question and of the other choices. Feature hashing (Weinberger et al. 2009, arXiv:0902.2206) makes the
width independent of the vocabulary.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from paqa_builder.gate.item import BlindItem

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

BITS = 20
WIDTH = 1 << BITS
"""Columns of the matrix."""
_TOKEN = re.compile(r"\w+|[^\w\s]")
# Longer texts are cut: pairs of words grow with the square of the length.
_MOST_TOKENS = 32
# Values of the many weak features; the few strong ones have 1.
_PAIR, _RIVAL, _BIGRAM, _CHARS = 0.5, 0.3, 0.5, 0.3
_MIX = np.uint64(0x9E3779B97F4A7C15)

Array = np.ndarray


def matrix(items: Sequence[BlindItem]) -> tuple[csr_matrix, Array]:
    """Features of all choices of ``items``.

    Returns:
        The matrix (choices x :data:`WIDTH`, float32), and the index of each item's first row, with the
        number of rows as the last entry.
    """
    from scipy.sparse import coo_matrix

    sizes = np.array([len(item.choices) for item in items])
    starts = np.concatenate([[0], np.cumsum(sizes)])
    choices = [_text(choice) for item in items for choice in item.choices]
    questions = [_text(item.question) for item in items]
    item_of = np.repeat(np.arange(len(items)), sizes)
    words = _ragged([text.words for text in choices])
    features = [
        _single(_ragged([text.bigrams for text in choices]), b"b", _BIGRAM),
        _single(_ragged([text.chars for text in choices]), b"c", _CHARS),
        _single(words, b"w", 1.0),
        _question_pairs(words, _ragged([text.words for text in questions]), item_of),
        _rival_pairs(words, item_of, starts),
        _shape(items, choices, questions),
    ]
    rows, columns, values = (np.concatenate(part) for part in zip(*features, strict=True))
    shape = (int(starts[-1]), WIDTH)
    return coo_matrix((values, (rows, columns)), shape=shape, dtype=np.float32).tocsr(), starts


@dataclass(frozen=True, slots=True)
class _Text:
    tokens: tuple[str, ...]
    words: Array  # hashes of the different tokens
    bigrams: Array  # hashes of pairs of neighbours
    chars: Array  # hashes of runs of four characters
    hash: int
    bag: frozenset[str]
    opening: str  # the first three tokens
    digit: float  # 1 if there is a digit


@lru_cache(maxsize=1 << 16)
def _text(text: str) -> _Text:
    low = text.lower()
    tokens = tuple(_TOKEN.findall(low)[:_MOST_TOKENS])
    framed = f"^{low[:128]}$"
    return _Text(
        tokens,
        _hashes(tokens),
        _hashes(f"{left} {right}" for left, right in pairwise(tokens)),
        _hashes(framed[n : n + 4] for n in range(len(framed) - 3)),
        zlib.crc32(" ".join(tokens).encode("utf-8", "surrogatepass")),
        frozenset(tokens),
        " ".join(tokens[:3]),
        float(any(char.isdigit() for char in text)),
    )


def _hashes(texts: Any) -> Array:
    return np.array(sorted({zlib.crc32(text.encode("utf-8", "surrogatepass")) for text in texts}), np.uint64)


@dataclass(frozen=True, slots=True)
class _Ragged:
    """Rows of different lengths, concatenated."""

    values: Array
    row: Array
    starts: Array

    @property
    def lengths(self) -> Array:
        return np.diff(self.starts)


def _ragged(rows: Sequence[Array]) -> _Ragged:
    lengths = np.array([len(row) for row in rows], np.int64)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    values = np.concatenate([*rows, np.empty(0, np.uint64)])
    return _Ragged(values.astype(np.uint64), np.repeat(np.arange(len(rows)), lengths), starts)


def _column(kind: bytes, first: Array, second: Array | int = 0) -> Array:
    """Columns of features named by one or two hashes; the order of the two matters."""
    with np.errstate(over="ignore"):
        mixed = (first + np.uint64(zlib.crc32(kind))) * _MIX
        mixed ^= mixed >> np.uint64(29)
        mixed = (mixed + np.asarray(second, np.uint64)) * _MIX
    return (mixed >> np.uint64(64 - BITS)).astype(np.int32)


def _single(texts: _Ragged, kind: bytes, value: float) -> tuple[Array, Array, Array]:
    return texts.row, _column(kind, texts.values), np.full(len(texts.row), value, np.float32)


def _crossed(left: _Ragged, begins: Array, lengths: Array) -> tuple[Array, Array]:
    """Indices of all pairs of a value of ``left`` and a value of the run that belongs to it."""
    left_at = np.repeat(np.arange(len(left.values)), lengths)
    first = np.repeat(np.cumsum(lengths) - lengths, lengths)
    return left_at, np.arange(len(left_at)) - first + np.repeat(begins, lengths)


def _question_pairs(words: _Ragged, question: _Ragged, item_of: Array) -> tuple[Array, Array, Array]:
    """Pairs of a choice's word and a word of the question."""
    item = item_of[words.row]
    mine, theirs = _crossed(words, question.starts[item], question.lengths[item])
    columns = _column(b"p", words.values[mine], question.values[theirs])
    return words.row[mine], columns, np.full(len(mine), _PAIR, np.float32)


def _rival_pairs(words: _Ragged, item_of: Array, starts: Array) -> tuple[Array, Array, Array]:
    """Pairs of a choice's word and a word of another choice."""
    item = item_of[words.row]
    begins, ends = words.starts[starts[item]], words.starts[starts[item + 1]]
    mine, theirs = _crossed(words, begins, ends - begins)
    apart = (words.row[mine] != words.row[theirs]) & (words.values[mine] != words.values[theirs])
    mine, theirs = mine[apart], theirs[apart]
    columns = _column(b"v", words.values[mine], words.values[theirs])
    return words.row[mine], columns, np.full(len(mine), _RIVAL, np.float32)


def _shape(
    items: Sequence[BlindItem], choices: Sequence[_Text], questions: Sequence[_Text]
) -> tuple[Array, Array, Array]:
    """Position, relative length, and similarity to the other choices and to the question."""
    rows: list[int] = []
    names: list[int] = []
    values: list[float] = []
    row = 0
    for item, question in zip(items, questions, strict=True):
        texts = choices[row : row + len(item.choices)]
        size, lengths, counts = len(texts), [*map(len, item.choices)], [len(text.tokens) for text in texts]
        mean = sum(lengths) / size
        spread = (sum((x - mean) ** 2 for x in lengths) / size) ** 0.5
        alike = [[_jaccard(text.bag, other.bag) for other in texts] for text in texts]
        for n, text in enumerate(texts):
            shorter, longer = _rank(lengths, n)
            fewer, _ = _rank(counts, n)
            others = alike[n][:n] + alike[n][n + 1 :]
            is_text = f"is {text.hash}"
            names += _places(n, size, question.opening)
            names += _ranks(shorter, longer, fewer, size, question.opening)
            names += _MEASURES
            names += (zlib.crc32(is_text.encode()), zlib.crc32(f"{is_text} to {question.hash}".encode()))
            values += (
                1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0,
                0.5 * (lengths[n] - mean) / (spread + 1),
                len(text.bag & question.bag) / max(1, len(text.bag)),
                sum(others) / max(1, len(others)),
                max(others, default=0.0),
                text.digit,
                1.0, 1.0,
            )  # fmt: skip
            rows += [row] * (len(_MEASURES) + 9)
            row += 1
    columns = _column(b"s", np.array(names, np.uint64))
    return np.array(rows, np.int64), columns, np.array(values, np.float32)


def _crc(*names: str) -> tuple[int, ...]:
    return tuple(zlib.crc32(name.encode("utf-8", "surrogatepass")) for name in names)


_MEASURES = _crc("length", "in question", "alike", "most alike", "digit")


@lru_cache(maxsize=1 << 14)
def _places(n: int, size: int, opening: str) -> tuple[int, ...]:
    """Names of a choice's position."""
    return _crc(f"at {n}", f"at {n} of {size}", f"{opening} at {n}")


@lru_cache(maxsize=1 << 14)
def _ranks(shorter: int, longer: int, fewer: int, size: int, opening: str) -> tuple[int, ...]:
    """Names of a choice's length relative to the others."""
    return _crc(
        f"shorter {shorter} of {size}",
        f"longer {longer} of {size}",
        f"{opening} shorter {shorter}",
        f"fewer {fewer}",
    )


def _rank(values: Sequence[int], n: int) -> tuple[int, int]:
    """Number of values smaller and number of values larger than the ``n``-th."""
    value = values[n]
    return len([v for v in values if v < value]), len([v for v in values if v > value])


def _jaccard(left: frozenset[str], right: frozenset[str]) -> float:
    shared = len(left & right)
    return shared / max(1, len(left) + len(right) - shared)
