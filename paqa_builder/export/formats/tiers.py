"""Tiers of a clip for annotation editors (Praat, ELAN), in which intervals do not overlap.

=================== ===============================================================
tier                its intervals
=================== ===============================================================
``turns/SPEAKER``   speaker turns
``speech/SPEAKER``  utterances with their texts; ``speech`` where no speaker is known
``words/SPEAKER``   words
``sounds/LABEL``    sound events
``presence/LABEL``  labels of the whole clip
=================== ===============================================================

A second tier of the same name, with `` #2`` at its end, holds what overlaps. A layer that is known to be
empty has an empty tier ``turns``, ``speech`` or ``sounds``; an unknown layer has none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from paqa_builder.export.layers import Layers, tracks
from paqa_builder.export.texts import one_line

Interval = tuple[float, float, str]


def tiers_of(layers: Layers) -> dict[str, list[Interval]]:
    """Intervals by tier, sorted and disjoint."""
    tiers: dict[str, list[Interval]] = {}

    def add(
        layer: tuple[Any, ...] | None, kind: str, key: Callable[[Any], str], text: Callable[[Any], str]
    ) -> None:
        if layer is not None and not layer:
            tiers.setdefault(kind, [])
        for name, own in tracks(layer or (), key).items():
            for number, track in enumerate(own, 1):
                tier = one_line(name) + (f" #{number}" if number > 1 else "")
                while tier in tiers:
                    tier += " "  # of names that differ in white space only
                tiers[tier] = [(r.start, r.end, one_line(text(r))) for r in track]

    add(layers.turns, "turns", lambda turn: f"turns/{turn.speaker}", lambda turn: turn.speaker)
    add(layers.utterances, "speech", lambda u: _spoken("speech", u.speaker), lambda u: u.text)
    for speaker in dict.fromkeys(u.speaker for u in layers.utterances or () if u.words):
        own = (w for u in layers.utterances or () if u.speaker == speaker for w in u.words)
        words = tuple(sorted(own, key=lambda word: (word.start, word.end)))
        tier = _spoken("words", speaker)
        add(words, "words", lambda _, tier=tier: tier, lambda word: word.text)  # type: ignore[misc]
    add(
        layers.tags,
        "sounds",
        lambda t: f"{'sounds' if t.localized else 'presence'}/{t.label}",
        lambda t: t.label,
    )
    return tiers


def _spoken(kind: str, speaker: str | None) -> str:
    return kind if speaker is None else f"{kind}/{speaker}"
