"""Finds pairs of fingerprints of the same recording without comparing every pair.

Equal keys (24 of a frame's 32 bits) of two clips at the same offset make a candidate; candidates are aligned
and their bit error rate decides. The time grows with the number of frames, not with the number of pairs: a
key that many clips have, such as that of a constant tone, gives a bounded number of candidates. Keys and
candidates are sorted on the disk, in buckets, so that the memory does not grow with the number of clips.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from paqa_builder.leaks.alignment import PAIR, Aligned, aligned
from paqa_builder.leaks.buckets import Buckets
from paqa_builder.leaks.fingerprint import AcousticFingerprint, seconds
from paqa_builder.leaks.prints import Prints

_NEIGHBOURS = 8
"""Most clips with an equal key that a clip is paired with, in the order of the clips."""
_OFFSETS = 3
"""Most offsets of a pair that are compared."""
_VOTES = 2
_KEYS = ((0, 24), (8, 32))
_CLIP_BITS, _OFFSET_BITS = 21, 22
_PASS = 2_000_000
"""Keys in memory at once."""
_MOST_FILES = 200
"""Most buckets; each is an open file."""
_SPREAD = 2_654_435_761
"""Odd number: multiplied by it, modulo 2^32, keys stay different and are spread evenly."""


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


def matches(
    clips: Sequence[AcousticFingerprint], others: Sequence[AcousticFingerprint] | None = None
) -> list[Match]:
    """Pairs of clips that hold the same recording, sorted by position.

    Not all pairs of many copies are listed, but their pairs connect all of them.

    Args:
        others: Clips to compare with; without them, the clips are compared with each other.
    """
    border = None if others is None else len(clips)
    shift = border or 0
    return [
        Match(int(m["first"]), int(m["second"]) - shift, *map(float, m.tolist()[2:]))
        for block in blocks_of_matches(clips if others is None else [*clips, *others], border=border)
        for m in block
    ]


def pairs(clips: Iterable[AcousticFingerprint] | Prints, folder: Path | None = None) -> np.ndarray:
    """Pairs of clips that hold the same recording, ``int32 [pairs, 2]``, sorted.

    Args:
        clips: Any number of fingerprints; they are read once.
        folder: Folder for temporary files: about 50 bytes a frame.
    """
    found = [
        np.stack([block["first"], block["second"]], 1).astype(np.int32)
        for block in blocks_of_matches(clips, folder)
    ]
    return np.concatenate(found) if found else np.zeros((0, 2), np.int32)


def blocks_of_matches(
    clips: Iterable[AcousticFingerprint] | Prints, folder: Path | None = None, *, border: int | None = None
) -> Iterator[np.ndarray]:
    """Yields the matches in blocks of type :data:`paqa_builder.leaks.alignment.PAIR`, sorted by position.

    Args:
        border: If given, only pairs of a clip before this position and one from it on.
    """
    prints = clips if isinstance(clips, Prints) else Prints(clips, folder)
    if len(prints) >= 1 << _CLIP_BITS:
        raise ValueError(f"more than {(1 << _CLIP_BITS) - 1:,} clips cannot be compared at once")
    equal = _equal_samples(prints, border)
    known = _pair_code(equal["first"], equal["second"])
    for first, end, candidates in _candidates(prints, border):
        wanted = ~np.isin(_pair_code(candidates.first, candidates.second), known)
        found = [aligned(prints, some) for some in candidates.of(wanted).blocks()]
        same = equal[(equal["first"] >= first) & (equal["first"] < end)]
        block = np.concatenate([same, *found])
        if len(block):
            yield block[np.argsort(_pair_code(block["first"], block["second"]), kind="stable")]


def components(count: int, pairs: Sequence[tuple[int, int]] | np.ndarray) -> list[list[int]]:
    """Connected components of two and more of ``count`` items, sorted."""
    if not len(pairs):
        return []
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    one, other = np.asarray(pairs).T
    graph = coo_array((np.ones(len(pairs), bool), (one, other)), shape=(count, count))
    labels = connected_components(graph, directed=False)[1]
    members: dict[int, list[int]] = {}
    for index in np.unique(np.concatenate([one, other])).tolist():
        members.setdefault(int(labels[index]), []).append(index)
    return list(members.values())


def _equal_samples(prints: Prints, border: int | None) -> np.ndarray:
    """Pairs with the same decoded samples, sorted: each clip with the first that has them."""
    _, first, inverse = np.unique(prints.pcm, return_index=True, return_inverse=True)
    earlier = first[inverse.reshape(-1)]
    index = np.arange(len(prints))
    wanted = (prints.pcm != 0) & (earlier != index)
    if border is not None:
        wanted &= (index >= border) & (earlier < border)
    made = np.zeros(int(wanted.sum()), PAIR)
    made["first"], made["second"] = earlier[wanted], index[wanted]
    frames = np.diff(prints.starts)[made["second"]]
    made["seconds"] = [round(seconds(int(count)), 3) for count in frames]
    return made[np.argsort(_pair_code(made["first"], made["second"]), kind="stable")]


def _candidates(prints: Prints, border: int | None) -> Iterator[tuple[int, int, Aligned]]:
    """Pairs with several equal keys at nearly one offset, with their likeliest offsets in frames.

    Yields:
        A range [first, end) of first clips, and their candidates. The ranges cover all clips, in order.
    """
    count = 2 * int(prints.sounding.sum())
    parts = min(_MOST_FILES, max(1, -(-count // _PASS)))
    # Equal frames in each bucket; a clip's candidates are in one.
    edges = np.linspace(0, prints.starts[-1], min(_MOST_FILES, 4 * parts) + 1)[1:-1]
    firsts = np.unique(np.searchsorted(prints.starts, edges).clip(1, max(1, len(prints))))
    firsts = firsts[firsts < len(prints)]
    codes = Buckets(firsts.astype(np.uint64) << np.uint64(_CLIP_BITS + _OFFSET_BITS), prints.folder)
    for postings in _postings(prints, parts).sorted():
        for hits in _hits(prints, postings, border):
            codes.add(hits)
    ranges = zip([0, *firsts.tolist()], [*firsts.tolist(), max(1, len(prints))], strict=True)
    for (first, end), found in zip(ranges, codes.sorted(), strict=True):
        yield first, end, _likeliest(found)


def _likeliest(codes: np.ndarray) -> Aligned:
    """The pairs in sorted codes with enough votes, with up to :data:`_OFFSETS` offsets each."""
    starts = np.flatnonzero(np.diff(codes, prepend=~codes[:1]))
    votes = np.diff(starts, append=len(codes))
    codes = codes[starts]
    # Neighbouring offsets of one pair are neighbouring codes.
    near = votes.copy()
    adjacent = np.flatnonzero(codes[1:] - codes[:-1] == 1)
    near[adjacent] += votes[adjacent + 1]
    near[adjacent + 1] += votes[adjacent]
    wanted = near >= _VOTES
    codes, near = codes[wanted], near[wanted]
    both = codes >> np.uint64(_OFFSET_BITS)
    offsets = (codes & np.uint64((1 << _OFFSET_BITS) - 1)).astype(np.int64) - (1 << (_OFFSET_BITS - 1))
    order = np.lexsort((offsets, -near, both))
    both, offsets = both[order], offsets[order]
    begins = np.flatnonzero(np.diff(both, prepend=~both[:1]))
    lengths = np.diff(begins, append=len(both))
    chosen = (np.arange(len(both)) - np.repeat(begins, lengths)) < _OFFSETS
    numbers = np.repeat(np.arange(len(begins)), lengths)[chosen]
    first = (both[begins] >> np.uint64(_CLIP_BITS)).astype(np.int64)
    second = (both[begins] & np.uint64((1 << _CLIP_BITS) - 1)).astype(np.int64)
    return Aligned(first, second, numbers, offsets[chosen])


def _postings(prints: Prints, parts: int) -> Buckets:
    """Keys with their frames: 32 bits of a key, spread evenly, and 32 of the number of its frame."""
    bounds = (np.arange(1, parts, dtype=np.uint64) << np.uint64(32)) // np.uint64(parts) << np.uint64(32)
    made = Buckets(bounds, prints.folder)
    for first, last in prints.blocks():
        begin, end = int(prints.starts[first]), int(prints.starts[last])
        bits, active = np.array(prints.bits[begin:end]), np.array(prints.active[begin:end])
        starts = prints.starts[first:last] - begin
        starts = starts[starts < len(bits)]
        for number, (low, high) in enumerate(_KEYS):
            key = (bits >> np.uint32(low)) & np.uint32((1 << (high - low)) - 1)
            changed = np.ones(len(key), bool)
            changed[1:] = key[1:] != key[:-1]  # constant sounds repeat their keys
            changed[starts] = True
            at = np.flatnonzero(active & changed)
            spread = (key[at] | np.uint32(number << 24)) * np.uint32(_SPREAD)
            made.add((spread.astype(np.uint64) << np.uint64(32)) | (at + begin).astype(np.uint64))
    return made


def _hits(prints: Prints, postings: np.ndarray, border: int | None) -> Iterator[np.ndarray]:
    """Yields codes of (first clip, second clip, offset) of sorted postings with equal keys."""
    keys = (postings >> np.uint64(32)).astype(np.uint32)
    frames = (postings & np.uint64(0xFFFFFFFF)).astype(np.int64)
    if border is None:
        equal = np.flatnonzero(keys[1:] == keys[:-1])
        needed = np.union1d(equal, equal + 1)
        keys, frames = keys[needed], frames[needed]
        owners = prints.owners(frames)
        places = frames - prints.starts[owners]
        for lag in range(1, _NEIGHBOURS + 1):
            equal = np.flatnonzero((keys[lag:] == keys[:-lag]) & (owners[lag:] != owners[:-lag]))
            yield _code(owners[equal], owners[equal + lag], places[equal] - places[equal + lag])
        return
    owners = prints.owners(frames)
    places = frames - prints.starts[owners]
    own, other = np.flatnonzero(owners < border), np.flatnonzero(owners >= border)
    table = keys[other]
    left = np.searchsorted(table, keys[own], "left")
    right = np.searchsorted(table, keys[own], "right")
    for lag in range(4 * _NEIGHBOURS):
        inside = np.flatnonzero(left + lag < right)
        here, there = own[inside], other[(left + lag)[inside]]
        yield _code(owners[here], owners[there], places[here] - places[there])


def _pair_code(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return (first.astype(np.uint64) << np.uint64(_CLIP_BITS)) | second.astype(np.uint64)


def _code(first: np.ndarray, second: np.ndarray, offset: np.ndarray) -> np.ndarray:
    shifted = (offset.astype(np.int64) + (1 << (_OFFSET_BITS - 1))).astype(np.uint64)
    return (_pair_code(first, second) << np.uint64(_OFFSET_BITS)) | shifted
