"""Casting: assigns speakers and sounds to a layout that any number of them could fill.

A company is drawn, with as many speakers as the specification's largest scene. The lengths of a layout
are those of pieces of its first member, the *lead*; the other members replace some of the pieces by
their own of about the same length. A company is accepted only if *every* number of speakers in the
specification can fill the layout. The number of speakers is independent of that, so the lengths of
pieces reveal nothing about it.

Sounds are cast the same way: lengths first, then labels, any allowed number of which can fill them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from paqa_builder.errors import ConfigError
from paqa_builder.labels import audioset
from paqa_builder.mix.layout import EDGE, LATCH, between, gaps, roles, runs, starts
from paqa_builder.mix.material import Material, Piece, Stretch, Take
from paqa_builder.mix.recordings import Recording, normal_text
from paqa_builder.mix.spec import EventsSpec, Spec
from paqa_builder.seeded import digest, pick, shuffled, unit

ATTEMPTS = 300
SLACK = 0.25
"""Seconds by which lengths of exchanged pieces may always differ."""


@dataclass(frozen=True, slots=True)
class Line:
    """A piece of speech with its speaker and its start in seconds of the scene."""

    speaker: str
    start: float
    piece: Piece


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A sound with its start in seconds of the scene."""

    recording: Recording
    take: Take
    start: float
    stretch: Stretch


def cast_speech(
    spec: Spec, material: Material, split: str, count: int, overlapping: bool, key: tuple
) -> tuple[float, list[Line]]:
    """Casts a scene with ``count`` speakers; returns its duration and its lines.

    Duration and company are drawn again until they fit. This does not depend on ``count``.

    Raises:
        ConfigError: The pool has too few speakers, or no company that can fill a scene.
    """
    groups = material.groups("speech", split)
    most = max(spec.speech.speakers)
    if len(groups) < most:
        raise ConfigError(
            f"split {split!r} has {len(groups)} speakers, but scenes may have {most}",
            fix="add --speech …, or lower speech.speakers",
        )
    if not most:
        return round(between(spec.duration, *key, "duration"), 3), []
    for attempt in range(ATTEMPTS):
        here = (*key, "speech", attempt)
        duration = round(between(spec.duration, *here, "duration"), 3)
        company = shuffled(groups, *here, "company")[:most]
        owned = [_pieces(groups[name], spec, material, (*here, name)) for name in company]
        template, joins = _template(spec, owned[0], duration, most, here)
        if len(template) < max(most, 1):
            continue
        pattern = runs(len(template), most, spec.turns, *here)
        filled = {
            n: _fill(template, pattern, owned[:n], spec.speech.tolerance, (*here, "speakers", n))
            for n in spec.speech.speakers
            if n > 0
        }
        # Every number of speakers must fit without overlap, where the lines take longest.
        if not all(lines and _end(lines, joins) <= duration - EDGE for lines in filled.values()):
            continue
        if not count:
            return duration, []
        lines = filled[count]
        assert lines is not None
        lengths = [piece.length for _, piece in lines]
        times = starts(lengths, joins, pattern if overlapping else None, EDGE)
        spare = duration - EDGE - (times[-1] + lengths[-1])
        first = round(spare * unit(*here, "first"), 3)
        placed = zip(lines, times, strict=True)
        return duration, [
            Line(company[role], round(time + first, 3), piece) for (role, piece), time in placed
        ]
    least = spec.duration.min * spec.speech.fill.min
    raise ConfigError(
        f"no {most} speakers of split {split!r} can fill a scene: one needs at least {least:.1f} s of speech "
        f"in at least {most} pieces of {spec.speech.piece.min:g} to {spec.speech.piece.max:g} s, and the "
        "others need pieces of similar length",
        fix="lower duration or speech.fill, widen speech.piece or speech.tolerance, or add --speech …",
    )


def _pieces(recordings: Sequence[Recording], spec: Spec, material: Material, key: tuple) -> list[Piece]:
    chosen = sorted(recordings, key=lambda r: digest(*key, r.key))[: spec.speech.per_speaker]
    pieces = [piece for recording in chosen for piece in material.pieces(recording)]
    return sorted(pieces, key=lambda p: digest(*key, p.take.path, p.take.start))


def _template(
    spec: Spec, owned: Sequence[Piece], duration: float, most: int, key: tuple
) -> tuple[list[Piece], list[float]]:
    """The lead's pieces that fill the scene, and the gaps between them; both empty if too few fit."""
    joins = gaps(spec.turns, len(owned), *key)
    aim = duration * between(spec.speech.fill, *key, "fill")
    chosen: list[Piece] = []
    texts: set[str] = set()
    spoken = at = 0.0
    for piece in owned:
        gap = max(LATCH, joins[len(chosen) - 1]) if chosen else 0.0
        text = normal_text(piece.text) if piece.text else None
        if at + gap + piece.length > duration - 2 * EDGE or text in texts:
            continue
        chosen.append(piece)
        texts |= {text} if text else set()
        at += gap + piece.length
        spoken += piece.length
        if spoken >= aim and len(chosen) >= most:
            break
    if spoken < duration * spec.speech.fill.min:
        return [], []
    return chosen, joins[: len(chosen) - 1]


def _fill(
    template: Sequence[Piece],
    pattern: Sequence[int],
    owned: Sequence[Sequence[Piece]],
    tolerance: float,
    key: tuple,
) -> list[tuple[int, Piece]] | None:
    """(role, piece) for each piece of the template; None if a speaker has no piece that fits."""
    order = roles(pattern[-1] + 1, len(owned), *key)
    # The lead's role is drawn, too, so that the lead is not more often the first to speak.
    members = shuffled(range(len(owned)), *key, "members")
    cast = [members[order[run]] for run in pattern]
    filled: list[Piece | None] = [
        piece if role == 0 else None for role, piece in zip(cast, template, strict=True)
    ]
    used = {_identity(piece) for piece in filled if piece is not None}
    for n in sorted((n for n, role in enumerate(cast) if role), key=lambda n: -template[n].length):
        length = template[n].length
        fitting = (
            piece
            for piece in owned[cast[n]]
            if abs(piece.length - length) <= max(SLACK, tolerance * length) and _identity(piece) not in used
        )
        chosen = next(fitting, None)
        if chosen is None:
            return None
        used.add(_identity(chosen))
        filled[n] = chosen
    return [(role, piece) for role, piece in zip(cast, filled, strict=True) if piece is not None]


def _identity(piece: Piece) -> tuple:
    """What may occur only once in a scene: a text, or an excerpt of a recording without text."""
    return (normal_text(piece.text),) if piece.text else (piece.take.root, piece.take.path, piece.take.start)


def _end(lines: Sequence[tuple[int, Piece]], joins: Sequence[float]) -> float:
    lengths = [piece.length for _, piece in lines]
    return starts(lengths, joins, None, EDGE)[-1] + lengths[-1]


def cast_events(
    events: EventsSpec,
    material: Material,
    split: str,
    places: Sequence[tuple[float, float]],
    kinds: int,
    avoid: str | None,
    key: tuple,
) -> list[Occurrence]:
    """Casts the places (start, length) with ``kinds`` different sounds.

    Args:
        avoid: Label of the ambience; sounds of the same source are excluded.

    Raises:
        ConfigError: The pool has too few kinds of sound, or none that fit the places.
    """
    groups = {
        label: recordings
        for label, recordings in material.groups("events", split).items()
        if (events.labels is None or recordings[0].label in events.labels or label in events.labels)
        and not (avoid and audioset.same_source(recordings[0].label or label, avoid))
    }
    most = max(events.kinds)
    for attempt in range(ATTEMPTS):
        here = (*key, "events", attempt)
        company = _unlike(shuffled(groups, *here, "company"), groups)[:most]
        if len(company) < most:
            break
        filled = {
            n: _place([groups[name] for name in company[:n]], material, places, (*here, "kinds", n))
            for n in (*events.kinds, *((1,) if kinds == 0 else ()))
            if n > 0
        }
        if all(filled.values()):
            return filled[kinds or 1] or []
    raise ConfigError(
        f"split {split!r}: no {most} different sounds can fill occurrences of up to {events.length.max:g} s",
        fix="lower events.kinds or events.length, or add --events …",
    )


def _unlike(labels: Sequence[str], groups: dict[str, tuple[Recording, ...]]) -> list[str]:
    """The labels, in order, without those that may name the source of an earlier one (bark, dog)."""
    kept: list[str] = []
    for name in labels:
        label = groups[name][0].label or name
        if not any(audioset.same_source(label, groups[other][0].label or other) for other in kept):
            kept.append(name)
    return kept


def _place(
    owned: Sequence[Sequence[Recording]],
    material: Material,
    places: Sequence[tuple[float, float]],
    key: tuple,
) -> list[Occurrence] | None:
    order = roles(len(places), len(owned), *key)
    used: set[str] = set()
    occurrences: dict[int, Occurrence] = {}
    for n in sorted(range(len(places)), key=lambda n: -places[n][1]):
        start, length = places[n]
        for recording in sorted(owned[order[n]], key=lambda r: digest(*key, n, r.key)):
            stretch = material.stretch(recording) if recording.key not in used else None
            onsets = stretch.starts(length) if stretch else []
            if stretch and onsets:
                used.add(recording.key)
                onset = pick(onsets, *key, "onset", n)
                occurrences[n] = Occurrence(recording, stretch.take(onset, length), start, stretch)
                break
        else:
            return None
    return [occurrences[n] for n in range(len(places))]
