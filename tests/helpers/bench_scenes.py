"""Scenes by hand and by hash, and their own records as ground truth."""

from __future__ import annotations

from dataclasses import replace

from paqa_builder.bench.reference import ORIGIN, Reference
from paqa_builder.questions.examples import scene_of
from paqa_builder.questions.templates import MiniScene
from paqa_builder.records import Scene, Truth
from paqa_builder.seeded import below, pick

_LABELS = ("Dog", "Rain", "Siren", "Church bell", "Train", "Piano", "Chainsaw", "Sheep")
_WORDS = (
    "harbour", "lamps", "never", "yesterday", "seven", "boats", "kitchen", "window", "garden", "broken",
    "letters", "snow", "carried", "slowly", "bridge", "north", "morning", "river", "paper", "silver",
    "remember", "nothing", "houses", "orange", "tailor", "weather", "captain", "village", "winter", "copper",
)  # fmt: skip


def made(n: int) -> Scene:
    """A scene with one to three speakers who say different things over up to three sounds."""
    turns, utterances, at = [], [], 0.6 + below(40, n, "lead") / 10
    speakers = 1 + below(3, n, "speakers")
    for k in range(speakers + below(3, n, "turns")):
        who, length = f"S{1 + k % speakers}", 2.0 + below(25, n, k, "length") / 10
        words = " ".join(pick(_WORDS, n, k, w) for w in range(5 + below(4, n, k, "words")))
        turns.append((at, at + length, who))
        utterances.append((at, at + length, who, words))
        at += length + (-0.8 if below(5, n, k, "overlap") == 0 else 0.4 + below(20, n, k, "gap") / 10)
    duration = at + 2.0
    tags = []
    for k in range(below(4, n, "tags")):
        start = below(round(duration * 10) - 20, n, k, "start") / 10
        tags.append((start, start + 1.0 + below(10, n, k, "long") / 10, pick(_LABELS, n, k, "label"), 0.9))
    mini = MiniScene(duration=duration, turns=turns, tags=tags, utterances=utterances)
    return scene_of(mini, f"made{n}")


def truth_of(scene: Scene, *, complete: bool = True) -> Reference:
    """A reference that says just what the scene's stages heard, and nothing else."""

    def known(records: tuple | None) -> tuple | None:
        return None if records is None else tuple(replace(r, origin=ORIGIN) for r in records)

    truth = Truth(known(scene.turns), known(scene.tags), known(scene.utterances), complete)
    return Reference((scene.clip.id,), truth)
