"""When things happen in a scene, decided before who or what it is that happens.

That order is what keeps a scene from giving itself away: clip length, lengths of pieces, gaps,
places of changes, levels, number and places of occurrences are drawn without looking at the number
of speakers or of kinds of sound, and :mod:`~paqa_builder.mix.casting` then fills them.

**Gaps.** The time from one piece to the next, negative where they overlap, follows a Laplace
distribution, centre 0.09 s, scale 0.42 s. It was chosen to meet three published figures at once:
about 40 % of speaker changes overlap (Heldner & Edlund, "Pauses, gaps and overlaps in
conversations", Journal of Phonetics 38, 2010); 45 % of them lie within ±0.25 s and 85 % within
±0.75 s (de Ruiter, Mitterer & Enfield, "Projecting the end of a speaker's turn", Language 82,
2006). The model gives 40 %, 44 % and 83 %; its centre agrees with the usual gap of 0 to 0.2 s.

**Who may overlap.** Nobody overlaps with himself, and in half of the scenes with several speakers
nobody does (``turns.overlapping``). There a gap below zero becomes :data:`LATCH`. So scenes without
overlap are alike whatever the number of speakers, and so are scenes with overlap of two speakers or
more; overlap itself proves two voices, as it does in life.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeVar

from paqa_builder.mix.spec import EventsSpec, Range, TurnsSpec
from paqa_builder.seeded import pick, shuffled, unit

LATCH = 0.05
"""Seconds between pieces that follow each other at once."""

EDGE = 0.2
"""Seconds at both ends of a scene in which nobody begins or ends."""

K = TypeVar("K")


def between(span: Range, *key: object) -> float:
    """Uniform over a range."""
    return span.min + (span.max - span.min) * unit(*key)


def choose(shares: Mapping[K, float], *key: object) -> K:
    """One of the keys, as often as its share says."""
    at = unit(*key) * sum(shares.values())
    for name, share in shares.items():
        at -= share
        if at < 0:
            return name
    return next(name for name in reversed(list(shares)) if shares[name] > 0)


def laplace(centre: float, scale: float, *key: object) -> float:
    """Laplace distributed, by its inverse distribution function."""
    p = unit(*key) - 0.5
    return centre - scale * math.copysign(math.log(max(1e-12, 1 - 2 * abs(p))), p)


def gaps(turns: TurnsSpec, joins: int, *key: object) -> list[float]:
    """Seconds between consecutive pieces; below zero where they may overlap."""
    drawn = (laplace(turns.centre, turns.scale, *key, "gap", n) for n in range(joins))
    return [round(min(turns.longest_gap, max(-turns.longest_overlap, gap)), 3) for gap in drawn]


def runs(pieces: int, most: int, turns: TurnsSpec, *key: object) -> list[int]:
    """Which run of pieces by one speaker each piece belongs to: ``[0, 0, 1, 2, …]``.

    There are at least ``most`` runs, so that any number of speakers up to it can be heard.
    """
    changes = {n for n in range(1, pieces) if unit(*key, "change", n) < turns.change}
    for n in shuffled(range(1, pieces), *key, "more changes"):
        if len(changes) >= most - 1:
            break
        changes.add(n)
    return [sum(1 for change in changes if change <= n) for n in range(pieces)]


def roles(runs_: int, count: int, *key: object) -> list[int]:
    """Who of ``count`` has each run: everybody at least one, nobody two in a row (but one alone).

    Raises:
        ValueError: There are fewer runs than ``count``.
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
    """Where each piece starts.

    Args:
        lengths: Seconds of each piece.
        joins: From :func:`gaps`.
        runs_: From :func:`runs`, if changes of speaker may overlap; else None.
        first: Start of the first piece.
    """
    found = [first]
    for n, gap in enumerate(joins):
        if gap < LATCH:
            overlaps = runs_ is not None and runs_[n] != runs_[n + 1] and gap < 0
            # Half of the shorter one at most: so a piece never reaches the one after the next.
            gap = max(gap, -0.5 * min(lengths[n], lengths[n + 1])) if overlaps else LATCH
        found.append(round(found[-1] + lengths[n] + gap, 3))
    return found


def slots(events: EventsSpec, duration: float, *key: object) -> list[tuple[float, float]]:
    """(start, length) of each occurrence of a sound, in order, at least ``apart`` from each other."""
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
    found, before = [], EDGE
    for place, length in zip(places, lengths, strict=True):
        found.append((round(before + place, 3), length))
        before += length + events.apart
    return found
