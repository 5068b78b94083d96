"""Scenes written by hand, for tests of questions."""

from __future__ import annotations

from paqa_builder.questions.examples import scene_of
from paqa_builder.questions.synthetic import many
from paqa_builder.questions.templates import MiniLayers, MiniMeasures, MiniScene
from paqa_builder.records import Scene

__all__ = ["annotated", "farm", "foreign", "kitchen", "many"]

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


def kitchen() -> Scene:
    return scene_of(KITCHEN, "kitchen")


def annotated() -> Scene:
    return scene_of(ANNOTATED, "annotated")


def farm() -> Scene:
    return scene_of(FARM, "farm")


def foreign() -> Scene:
    return scene_of(FOREIGN, "foreign")
