"""Reading scenes back from their rows: measures, abstentions and failures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from helpers.dataset import TRANSCRIBE, clip_file, scene_of

from paqa_builder.dataset.schema import scene_from_row, scene_row
from paqa_builder.records import Abstention, EventMeasure, Failure, Measures, Origin, VoiceMeasure


def test_measures_abstentions_and_failures_come_back(tmp_path: Path) -> None:
    measures = Measures(
        12.0, -23.5, None, 0.1,
        (VoiceMeasure("S1", 3.2, 121.5, 2.5, 3.1, (0.4, 0.6), -26.0),),
        (EventMeasure(0.0, 0.4, "Siren", -30.0, -4.0),),
        Origin("measure", "fake", "1"),
    )  # fmt: skip
    abstentions = (Abstention("transcribe", 0.1, 0.2, "no_speech", "Thank you.", 0.3, TRANSCRIBE),)
    failures = (Failure("tag", "RuntimeError", "x"),)
    scene = replace(
        scene_of(clip_file(tmp_path, "a.wav")), measures=measures, abstentions=abstentions, failures=failures
    )
    again = scene_from_row(scene_row(scene))
    assert (again.measures, again.abstentions, again.failures) == (measures, abstentions, failures)
    bare = scene_from_row(scene_row(replace(scene, measures=None, abstentions=())))
    assert (bare.measures, bare.abstentions) == (None, ())
