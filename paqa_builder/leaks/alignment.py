"""Bit error rates of aligned fingerprints, for many pairs at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from paqa_builder.leaks.fingerprint import BITS, HOP, RATE, AcousticFingerprint, seconds
from paqa_builder.leaks.prints import Prints

MAX_ERROR = 0.25
"""Largest bit error rate of a match. Copies have up to 0.16, different recordings 0.38 and more."""
MIN_FRAMES = 40
"""Fewest frames, active in both clips, that decide alone: 1.3 s of sound with the length of the window."""
SHORT_FRAMES = 12
"""Fewest frames of short sounds (0.7 s), which must agree better, and in nearly all of both clips."""
SHORT_ERROR, SHORT_SHARE = 0.12, 0.8

PAIR = np.dtype([("first", "i4"), ("second", "i4"), ("offset", "f8"), ("seconds", "f8"), ("error", "f8")])
"""A match: positions of the clips, then the values of :class:`paqa_builder.leaks.matching.Match`."""

_PAIRS = 1 << 15
"""Pairs that are aligned at once."""
_FRAMES = 1 << 19
"""Frames that are compared at once."""

_ONES = np.array([value.bit_count() for value in range(1 << 16)], np.uint8)
"""Number of bits that are set in 16; numpy.bitwise_count needs numpy 2."""


@dataclass(frozen=True, slots=True)
class Aligned:
    """Pairs of clips with offsets in frames.

    Attributes:
        first, second: ``int64 [pairs]``.
        pair: ``int64 [offsets]``: the number of the pair of each offset, ascending.
        offset: ``int64 [offsets]``: frames from the start of the first clip to the start of the second.
    """

    first: np.ndarray
    second: np.ndarray
    pair: np.ndarray
    offset: np.ndarray

    def blocks(self) -> Iterator[Aligned]:
        """Yields some pairs at a time, in order."""
        for first in range(0, len(self.first), _PAIRS):
            last = first + _PAIRS
            part = slice(*np.searchsorted(self.pair, [first, last]))
            yield Aligned(
                self.first[first:last], self.second[first:last], self.pair[part] - first, self.offset[part]
            )

    def of(self, wanted: np.ndarray) -> Aligned:
        """Some of the pairs, chosen by a mask."""
        numbers = np.cumsum(wanted) - 1
        kept = wanted[self.pair] if len(self.pair) else np.zeros(0, bool)
        return Aligned(self.first[wanted], self.second[wanted], numbers[self.pair[kept]], self.offset[kept])


def aligned(prints: Prints, candidates: Aligned) -> np.ndarray:
    """The pairs that match, with their best alignment, as records of type :data:`PAIR`."""
    # Each offset with its neighbours, sorted, and once.
    near = (candidates.offset[:, None] + np.array([-1, 0, 1])).reshape(-1)
    pair = np.repeat(candidates.pair, 3)
    order = np.lexsort((near, pair))
    pair, near = pair[order], near[order]
    if len(pair):
        new = np.concatenate([[True], (pair[1:] != pair[:-1]) | (near[1:] != near[:-1])])
        pair, near = pair[new], near[new]
    first, second = candidates.first[pair], candidates.second[pair]
    lengths = np.diff(prints.starts)
    begin, shift = np.maximum(0, near), np.maximum(0, -near)
    common = np.maximum(0, np.minimum(lengths[first] - begin, lengths[second] - shift))
    ones, count = _compared(prints, prints.starts[first] + begin, prints.starts[second] + shift, common)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = ones / (BITS * count)
        share = count / np.maximum(1, np.maximum(prints.sounding[first], prints.sounding[second]))
    enough = (count >= MIN_FRAMES) & (error <= MAX_ERROR)
    enough |= (count >= SHORT_FRAMES) & (error <= SHORT_ERROR) & (share >= SHORT_SHARE)
    pair, near, error, count = pair[enough], near[enough], error[enough], count[enough]
    order = np.lexsort((near, error, pair))
    pair, near, error, count = pair[order], near[order], error[order], count[order]
    best = np.flatnonzero(np.diff(pair, prepend=-1))
    found = np.zeros(len(best), PAIR)
    found["first"], found["second"] = candidates.first[pair[best]], candidates.second[pair[best]]
    found["offset"] = [round(int(frames) * HOP / RATE, 3) for frames in near[best]]
    found["seconds"] = [round(seconds(int(frames)), 3) for frames in count[best]]
    found["error"] = [round(float(rate), 4) for rate in error[best]]
    return found


def _compared(
    prints: Prints, one: np.ndarray, other: np.ndarray, lengths: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Differing bits, and frames that are active in both, of pairs of stretches of frames."""
    ones, count = np.zeros(len(one), np.int64), np.zeros(len(one), np.int64)
    ends = np.cumsum(lengths)
    first = 0
    while first < len(one):
        done = int(ends[first - 1]) if first else 0
        last = max(first + 1, int(np.searchsorted(ends, done + _FRAMES, "right")))
        part = slice(first, last)
        total = int(ends[last - 1]) - done
        if total:
            begins = ends[part] - lengths[part] - done
            steps = np.arange(total) - np.repeat(begins, lengths[part])
            left, right = (np.repeat(at[part], lengths[part]) + steps for at in (one, other))
            active = prints.active[left] & prints.active[right]
            differing = _ones(prints.bits[left] ^ prints.bits[right])
            differing[~active] = 0
            filled = np.flatnonzero(lengths[part])
            ones[first + filled] = np.add.reduceat(differing, begins[filled], dtype=np.int64)
            count[first + filled] = np.add.reduceat(active, begins[filled], dtype=np.int64)
        first = last
    return ones, count


def _ones(words: np.ndarray) -> np.ndarray:
    """Number of bits that are set in each word of 32 bits."""
    return _ONES[np.ascontiguousarray(words).view(np.uint16)].reshape(-1, 2).sum(axis=1, dtype=np.uint8)


def error_rate(one: AcousticFingerprint, other: AcousticFingerprint, offset: int) -> tuple[float, int] | None:
    """Bit error rate and number of the frames that are active in both; None where they have none.

    Args:
        offset: Frames from the start of ``one`` to the start of ``other``.
    """
    begin, shift = max(0, offset), max(0, -offset)
    length = min(len(one.bits) - begin, len(other.bits) - shift)
    if length <= 0:
        return None
    active = one.active[begin : begin + length] & other.active[shift : shift + length]
    count = int(active.sum())
    if not count:
        return None
    differing = one.bits[begin : begin + length] ^ other.bits[shift : shift + length]
    return int(_ones(differing[active]).sum(dtype=np.int64)) / (BITS * count), count
