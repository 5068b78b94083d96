"""Layout: the times of a scene, drawn before its speakers and sounds.

Duration, lengths of pieces, gaps, speaker changes, levels, and number and times of sounds are independent
of the number of speakers and of kinds of sound, so a model cannot infer these numbers from them.
:mod:`~paqa_builder.mix.casting` then fills the layout.

**Gaps.** The time from one piece to the next, negative where they overlap, follows a Laplace
distribution, centre 0.09 s, scale 0.42 s. It matches three published figures at once:
about 40 % of speaker changes overlap (Heldner & Edlund, "Pauses, gaps and overlaps in
conversations", Journal of Phonetics 38, 2010); 45 % of them lie within ±0.25 s and 85 % within
±0.75 s (de Ruiter, Mitterer & Enfield, "Projecting the end of a speaker's turn", Language 82,
2006). The model gives 40 %, 44 % and 83 %; its centre agrees with the usual gap of 0 to 0.2 s.

**Overlap.** Only pieces of different speakers overlap, and only in a share of the scenes with several
speakers (``turns.overlapping``). Elsewhere a gap below zero becomes :data:`LATCH`. So scenes without
overlap have the same timing for any number of speakers, and scenes with overlap for any number from two.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeVar

from paqa_builder.mix.spec import EventsSpec, Range, TurnsSpec
from paqa_builder.seeded import pick, shuffled, unit

LATCH = 0.05
"""Smallest gap between pieces that do not overlap, in seconds."""

EDGE = 0.2
"""Seconds at both ends of a scene without speech or events."""

K = TypeVar("K")


def between(span: Range, *key: object) -> float:
    """Draws a number uniformly from a range."""
    return span.min + (span.max - span.min) * unit(*key)


def choose(shares: Mapping[K, float], *key: object) -> K:
    """Draws a key with a probability proportional to its share."""
    at = unit(*key) * sum(shares.values())
    for name, share in shares.items():
        at -= share
        if at < 0:
            return name
    return next(name for name in reversed(list(shares)) if shares[name] > 0)


def laplace(centre: float, scale: float, *key: object) -> float:
    """Draws from a Laplace distribution, by its inverse distribution function."""
    p = unit(*key) - 0.5
    return centre - scale * math.copysign(math.log(max(1e-12, 1 - 2 * abs(p))), p)


def gaps(turns: TurnsSpec, joins: int, *key: object) -> list[float]:
    """Draws the gaps between consecutive pieces in seconds; a negative gap is an overlap."""
    drawn = (laplace(turns.centre, turns.scale, *key, "gap", n) for n in range(joins))
    return [round(min(turns.longest_gap, max(-turns.longest_overlap, gap)), 3) for gap in drawn]


def runs(pieces: int, most: int, turns: TurnsSpec, *key: object) -> list[int]:
    """Assigns each piece to a run of consecutive pieces by one speaker: ``[0, 0, 1, 2, …]``.

    There are at least ``most`` runs, enough for ``most`` speakers.
    """
    changes = {n for n in range(1, pieces) if unit(*key, "change", n) < turns.change}
    for n in shuffled(range(1, pieces), *key, "more changes"):
        if len(changes) >= most - 1:
            break
        changes.add(n)
    return [sum(1 for change in changes if change <= n) for n in range(pieces)]


def roles(runs_: int, count: int, *key: object) -> list[int]:
    """Assigns each run to one of ``count`` roles: each has at least one, and none two in a row if count > 1.

    Raises:
        ValueError: There are fewer runs than roles.
    """
    if runs_ < count:
        raise ValueError(f"{runs_} runs cannot be shared by {count}")
    if count == 1:
        return [0] * runs_
    order: list[int] = []
    for n in range(runs_):
        missing = [role for role in range(count) if role not in order]
        free = [role for role in range(count) if not order or role != order[-1]]
        must = len(missing) >= runs_ - n
        order.append(pick(missing if must else free, *key, "role", n))
    return order


def starts(
    lengths: Sequence[float], joins: Sequence[float], runs_: Sequence[int] | None, first: float
) -> list[float]:
    """Start of each piece in seconds.

    Args:
        lengths: Length of each piece in seconds.
        joins: Gaps, from :func:`gaps`.
        runs_: Runs, from :func:`runs`, if speaker changes may overlap; else None.
        first: Start of the first piece.
    """
    times = [first]
    for n, gap in enumerate(joins):
        if gap < LATCH:
            overlaps = runs_ is not None and runs_[n] != runs_[n + 1] and gap < 0
            # At most half of the shorter piece, so that a piece overlaps with its neighbours only.
            gap = max(gap, -0.5 * min(lengths[n], lengths[n + 1])) if overlaps else LATCH
        times.append(round(times[-1] + lengths[n] + gap, 3))
    return times


def slots(events: EventsSpec, duration: float, *key: object) -> list[tuple[float, float]]:
    """(start, length) of each occurrence of a sound in seconds, in order, at least ``apart`` apart."""
    count = choose(events.occurrences, *key, "occurrences")
    if not count:
        return []
    low, high = math.log(events.length.min), math.log(events.length.max)
    lengths = [math.exp(low + (high - low) * unit(*key, "length", n)) for n in range(count)]
    room = duration - 2 * EDGE - events.apart * (count - 1)
    shrink = min(1.0, 0.8 * room / sum(lengths))
    lengths = [round(length * shrink, 3) for length in lengths]
    free = room - sum(lengths)
    places = sorted(unit(*key, "place", n) * free for n in range(count))
    occurrences, before = [], EDGE
    for place, length in zip(places, lengths, strict=True):
        occurrences.append((round(before + place, 3), length))
        before += length + events.apart
    return occurrences
