"""Synthetic scenes without audio, for tests and benchmarks of questions."""

from __future__ import annotations

from paqa_builder.questions.examples import scene_of
from paqa_builder.questions.templates import MiniMeasures, MiniScene, MiniVoice
from paqa_builder.records import Scene
from paqa_builder.seeded import below, pick

_LABELS = ("Dog", "Rain", "Siren", "Church bell", "Train", "Piano", "Typing", "Chainsaw", "Sheep", "Knock")
_WORDS = (
    "harbour", "lamps", "never", "yesterday", "seven", "boats", "kitchen", "window", "garden", "broken",
    "letters", "under", "snow", "carried", "slowly", "old", "bridge", "north", "morning", "river",
    "paper", "silver", "remember", "nothing", "between", "houses",
)  # fmt: skip


def many(count: int, first: int = 0) -> list[Scene]:
    """Scenes with one to three speakers and up to three sounds.

    Args:
        count: Number of scenes.
        first: Number of the first one. A scene depends on its number only.
    """
    return [scene_of(_scene(n), f"made{n}") for n in range(first, first + count)]


def _scene(n: int) -> MiniScene:
    turns, utterances, at = [], [], 0.5 + below(40, n, "lead") / 10
    speakers = 1 + below(3, n, "speakers")
    for k in range(2 + below(4, n, "turns")):
        who = f"S{1 + k % speakers}"
        length = 2.0 + below(25, n, k, "length") / 10
        words = " ".join(pick(_WORDS, n, k, w) for w in range(5 + below(6, n, k, "words")))
        turns.append((at, at + length, who))
        utterances.append((at + 0.05, at + length - 0.05, who, words))
        at += length + (-0.8 if below(6, n, k, "overlap") == 0 else 0.3 + below(20, n, k, "gap") / 10)
    duration = at + 1.5 + below(40, n, "tail") / 10
    tags = []
    for k in range(below(4, n, "tags")):
        start = below(round(duration * 10) - 12, n, k, "start") / 10
        end = min(duration, start + 1.0 + below(40, n, k, "long") / 10)
        tags.append((start, end, pick(_LABELS, n, k, "label"), 0.6 + below(8, n, k, "score") / 20))
    measures = MiniMeasures(
        snr=float(below(30, n, "snr")),
        loudness=-20.0 - below(10, n, "loudness"),
        overlap=0.0,
        voices={
            f"S{k + 1}": MiniVoice(
                pitch=90.0 + below(160, n, k, "pitch"),
                spread=3.0,
                rate=2.0 + below(40, n, k, "rate") / 10,
                pauses=[0.5 + 0.1 * p for p in range(below(4, n, k, "pauses"))],
                level=-35.0 + below(20, n, k, "level"),
            )
            for k in range(speakers)
        },
        events=[
            (a, b, label, -45.0 + below(30, n, k, "event"), -10.0 + below(25, n, k, "over"))
            for k, (a, b, label, _) in enumerate(tags)
        ],
    )
    return MiniScene(
        duration=duration,
        turns=turns,
        tags=tags,
        utterances=utterances,
        language=pick(("en",) * 6 + ("de", "fr"), n, "language"),
        translations=[
            " ".join(pick(_WORDS, n, k, w, "en") for w in range(5 + below(4, n, k, "english")))
            for k in range(len(utterances))
        ],
        measures=measures,
    )
