"""Scenes made by hand, and a corpus of scenes made by hash, for tests of questions."""

from __future__ import annotations

from paqa_builder.questions.examples import scene_of
from paqa_builder.questions.templates import MiniLayers, MiniMeasures, MiniScene, MiniVoice
from paqa_builder.records import Scene
from paqa_builder.seeded import below, pick

KITCHEN = MiniScene(
    duration=14.0,
    turns=[(0.8, 4.0, "S1"), (5.2, 8.0, "S2"), (9.6, 13.0, "S1")],
    tags=[(0.2, 1.0, "Dog", 0.9), (4.1, 5.1, "Dog", 0.8), (5.5, 13.5, "Church bell", 0.9)],
    utterances=[
        (0.9, 3.9, "S1", "Have you seen my keys anywhere?"),
        (5.3, 7.9, "S2", "They are still on the table."),
        (9.7, 12.9, "S1", "I looked there twice this morning, thank you very much."),
    ],
)
ANNOTATED = MiniScene(
    duration=12.0,
    truth=MiniLayers(
        turns=[(1.5, 4.0, "anna"), (4.6, 6.0, "ben"), (6.8, 11.5, "carl")],
        tags=[(0.0, 1.2, "Siren", 1.0), (5.0, 11.0, "Rain", 1.0)],
        utterances=[
            (1.5, 4.0, "anna", "nobody came to the harbour yesterday"),
            (4.6, 6.0, "ben", "the boats were gone"),
            (6.8, 11.5, "carl", "we waited by the lighthouse until the lamps were lit again"),
        ],
    ),
    tags_complete=True,
)
# Sounds one by one with clear pauses, that together speak for a place; little is said.
FARM = MiniScene(
    duration=24.0,
    truth=MiniLayers(
        turns=[(10.0, 12.0, "anna"), (13.0, 15.0, "ben")],
        tags=[
            (1.0, 2.0, "Cattle, bovinae", 1.0),
            (4.0, 6.0, "Chicken, rooster", 1.0),
            (10.5, 11.5, "Chicken, rooster", 1.0),
            (7.5, 9.0, "Train", 1.0),
            (14.0, 16.1, "Train", 1.0),
            (14.2, 17.0, "Shatter", 1.0),
            (19.0, 22.0, "Toothbrush", 1.0),
        ],
        utterances=[(10.0, 12.0, "anna", "the boats were gone by then"), (13.0, 15.0, "ben", "nobody came")],
    ),
    tags_complete=True,
    measures=MiniMeasures(
        snr=20.0,
        events=[
            (1.0, 2.0, "Cattle, bovinae", -40.0, None),
            (4.0, 6.0, "Chicken, rooster", -35.0, None),
            (10.5, 11.5, "Chicken, rooster", -36.0, -9.0),
            (7.5, 9.0, "Train", -11.0, None),
            (14.0, 16.1, "Train", -12.0, 8.0),
            (14.2, 17.0, "Shatter", -30.0, 0.0),
            (19.0, 22.0, "Toothbrush", -33.0, None),
        ],
    ),
)
FOREIGN = MiniScene(
    duration=7.0,
    truth=MiniLayers(
        turns=[(0.5, 6.0, "carla")],
        utterances=[(0.5, 6.0, "carla", "Das Gasthaus am Hafen war gestern Abend geschlossen")],
        language="de",
        translations=["The inn by the harbour was closed last night"],
    ),
)
_LABELS = ("Dog", "Rain", "Siren", "Church bell", "Train", "Piano", "Typing", "Chainsaw", "Sheep", "Knock")
_WORDS = (
    "harbour", "lamps", "never", "yesterday", "seven", "boats", "kitchen", "window", "garden", "broken",
    "letters", "under", "snow", "carried", "slowly", "old", "bridge", "north", "morning", "river",
    "paper", "silver", "remember", "nothing", "between", "houses",
)  # fmt: skip


def kitchen() -> Scene:
    return scene_of(KITCHEN, "kitchen")


def annotated() -> Scene:
    return scene_of(ANNOTATED, "annotated")


def farm() -> Scene:
    return scene_of(FARM, "farm")


def foreign() -> Scene:
    return scene_of(FOREIGN, "foreign")


def many(count: int, first: int = 0) -> list[Scene]:
    """Different scenes with one to three speakers who say different things over different sounds."""
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
