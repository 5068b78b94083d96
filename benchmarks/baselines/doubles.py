"""Matching of fingerprints as the first release did it: all keys and all candidates in memory.

``paqa_builder.leaks.matching`` gives the same matches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from paqa_builder.leaks.fingerprint import BITS, HOP, RATE, AcousticFingerprint, seconds

MAX_ERROR = 0.25
"""Largest bit error rate of a match. Copies have up to 0.16, different recordings 0.38 and more."""
MIN_FRAMES = 40
"""Fewest frames, active in both clips, that decide alone: 1.3 s of sound with the length of the window."""
SHORT_FRAMES = 12
"""Fewest frames of short sounds (0.7 s), which must agree better, and in nearly all of both clips."""
SHORT_ERROR, SHORT_SHARE = 0.12, 0.8

_NEIGHBOURS = 8
"""Most clips with an equal key that a clip is paired with, in the order of the clips."""
_OFFSETS = 3
"""Most offsets of a pair that are compared."""
_VOTES = 2
_KEYS = ((0, 24), (8, 32))
_CLIP_BITS, _OFFSET_BITS = 21, 22
_PASS = 4_000_000
"""Keys in memory at once."""


@dataclass(frozen=True, slots=True)
class Match:
    """Two clips of the same recording.

    Attributes:
        first, second: Positions of the clips in the sequences that were compared.
        offset: Seconds from the start of the first clip to the start of the second.
        seconds: Duration of the sound that both have.
        error: Bit error rate there; 0 for equal samples.
    """

    first: int
    second: int
    offset: float
    seconds: float
    error: float


def run(
    clips: Sequence[AcousticFingerprint], others: Sequence[AcousticFingerprint] | None = None
) -> list[Match]:
    """Pairs of clips that hold the same recording, sorted by position.

    Not all pairs of many copies are listed, but their pairs connect all of them.

    Args:
        others: Clips to compare with; without them, the clips are compared with each other.
    """
    everything = list(clips) if others is None else [*clips, *others]
    if len(everything) >= 1 << _CLIP_BITS:
        raise ValueError(f"more than {(1 << _CLIP_BITS) - 1:,} clips cannot be compared at once")
    border = None if others is None else len(clips)
    found = {(m.first, m.second): m for m in _equal_samples(everything, border)}
    for first, second, offsets in _candidates(everything, border):
        if (first, second) not in found:
            best = _best(everything[first], everything[second], offsets)
            if best is not None:
                found[first, second] = Match(first, second, *best)
    shift = border or 0
    return [Match(m.first, m.second - shift, m.offset, m.seconds, m.error) for _, m in sorted(found.items())]


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
    return _ones(differing[active]) / (BITS * count), count


def _ones(words: np.ndarray) -> int:
    # numpy.bitwise_count needs numpy 2.
    return int(_ONES[words.view(np.uint8)].sum())


_ONES = np.array([value.bit_count() for value in range(256)], np.uint8)


def _best(
    one: AcousticFingerprint, other: AcousticFingerprint, offsets: Sequence[int]
) -> tuple[float, float, float] | None:
    """Offset in seconds, seconds in common and error of the best alignment that is a match."""
    best: tuple[float, int, int] | None = None
    for offset in sorted({o + near for o in offsets for near in (-1, 0, 1)}):
        rated = error_rate(one, other, offset)
        if rated is None or (best is not None and rated[0] >= best[0]):
            continue
        error, count = rated
        share = count / max(1, int(one.active.sum()), int(other.active.sum()))
        enough = count >= MIN_FRAMES and error <= MAX_ERROR
        if enough or (count >= SHORT_FRAMES and error <= SHORT_ERROR and share >= SHORT_SHARE):
            best = (error, offset, count)
    return best and (round(best[1] * HOP / RATE, 3), round(seconds(best[2]), 3), round(best[0], 4))


def _equal_samples(clips: Sequence[AcousticFingerprint], border: int | None) -> Iterator[Match]:
    """Pairs with the same decoded samples: each clip with the first that has them."""
    first: dict[str, int] = {}
    for index, clip in enumerate(clips):
        if not clip.pcm:
            continue
        earlier = first.setdefault(clip.pcm, index)
        if border is not None and index < border:
            continue
        if earlier != index and (border is None or earlier < border):
            yield Match(earlier, index, 0.0, round(seconds(len(clip.bits)), 3), 0.0)


def _candidates(
    clips: Sequence[AcousticFingerprint], border: int | None
) -> Iterator[tuple[int, int, list[int]]]:
    """Pairs with several equal keys at nearly one offset, with their likeliest offsets in frames."""
    total = sum(2 * int(clip.active.sum()) for clip in clips)
    passes = max(1, -(-total // _PASS))
    codes, votes = _tally([_hits(*_postings(clips, part, passes), border) for part in range(passes)])
    # Neighbouring offsets of one pair are neighbouring codes.
    near = votes.copy()
    adjacent = np.flatnonzero(codes[1:] - codes[:-1] == 1)
    near[adjacent] += votes[adjacent + 1]
    near[adjacent + 1] += votes[adjacent]
    wanted = near >= _VOTES
    codes, near = codes[wanted], near[wanted]
    if not len(codes):
        return
    pairs = codes >> np.uint64(_OFFSET_BITS)
    offsets = (codes & np.uint64((1 << _OFFSET_BITS) - 1)).astype(np.int64) - (1 << (_OFFSET_BITS - 1))
    order = np.lexsort((offsets, -near, pairs))
    pairs, offsets = pairs[order], offsets[order]
    starts = np.flatnonzero(np.concatenate([[True], pairs[1:] != pairs[:-1]])).tolist()
    for start, end in zip(starts, [*starts[1:], len(pairs)], strict=True):
        pair = int(pairs[start])
        first, second = pair >> _CLIP_BITS, pair & ((1 << _CLIP_BITS) - 1)
        yield first, second, offsets[start : min(end, start + _OFFSETS)].tolist()


def _tally(hits: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Different codes, sorted, and how often each occurs."""
    return np.unique(np.concatenate(hits), return_counts=True)


def _postings(
    clips: Sequence[AcousticFingerprint], part: int, parts: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Keys, clips and frames of one part of the keys, in the order of the clips and frames."""
    keys, owners, frames = [], [], []
    for index, clip in enumerate(clips):
        for number, (low, high) in enumerate(_KEYS):
            key = (clip.bits >> np.uint32(low)) & np.uint32((1 << (high - low)) - 1)
            wanted = clip.active.copy()
            wanted[1:] &= key[1:] != key[:-1]  # constant sounds repeat their keys
            if parts > 1:
                wanted &= (key * np.uint32(2_654_435_761) >> np.uint32(8)) % np.uint32(parts) == part
            at = np.flatnonzero(wanted)
            keys.append(key[at] | np.uint32(number << 24))
            frames.append(at.astype(np.int32))
            owners.append(np.full(len(at), index, np.int32))
    if not keys:
        return np.zeros(0, np.uint32), np.zeros(0, np.int32), np.zeros(0, np.int32)
    return np.concatenate(keys), np.concatenate(owners), np.concatenate(frames)


def _hits(keys: np.ndarray, owners: np.ndarray, frames: np.ndarray, border: int | None) -> np.ndarray:
    """Codes of (first clip, second clip, offset) of postings with equal keys."""
    codes = []
    if border is None:
        order = np.argsort(keys, kind="stable")
        keys, owners, frames = keys[order], owners[order], frames[order]
        for lag in range(1, _NEIGHBOURS + 1):
            equal = np.flatnonzero((keys[lag:] == keys[:-lag]) & (owners[lag:] != owners[:-lag]))
            codes.append(_code(owners[equal], owners[equal + lag], frames[equal] - frames[equal + lag]))
    else:
        own, order = np.flatnonzero(owners < border), np.argsort(keys, kind="stable")
        order = order[owners[order] >= border]
        table = keys[order]
        left = np.searchsorted(table, keys[own], "left")
        right = np.searchsorted(table, keys[own], "right")
        for lag in range(4 * _NEIGHBOURS):
            inside = np.flatnonzero(left + lag < right)
            here, there = own[inside], order[(left + lag)[inside]]
            codes.append(_code(owners[here], owners[there], frames[here] - frames[there]))
    return np.concatenate(codes)


def _code(first: np.ndarray, second: np.ndarray, offset: np.ndarray) -> np.ndarray:
    shifted = (offset.astype(np.int64) + (1 << (_OFFSET_BITS - 1))).astype(np.uint64)
    pair = (first.astype(np.uint64) << np.uint64(_CLIP_BITS)) | second.astype(np.uint64)
    return (pair << np.uint64(_OFFSET_BITS)) | shifted
