"""Reading scenes back: measures, abstentions and failures; malformed rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.dataset import TRANSCRIBE, clip_file, scene_of

from paqa_builder.dataset.read import load_scenes
from paqa_builder.dataset.schema import scene_from_row, scene_row
from paqa_builder.dataset.write import write_shards
from paqa_builder.errors import DamagedError
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


def test_a_malformed_row_is_named_as_damage(tmp_path: Path) -> None:
    scene = scene_of(clip_file(tmp_path, "a.wav"))
    out = tmp_path / "out"
    write_shards(out, [(scene, [])], {})
    assert [loaded.clip.id for loaded in load_scenes(out)] == [scene.clip.id]
    path = next((out / "scenes").glob("*.parquet"))
    table = pq.read_table(path)
    at = table.schema.get_field_index("turns")
    empty = pa.array([[None]], table.schema.field(at).type)
    pq.write_table(table.set_column(at, table.schema.field(at), empty), path)
    with pytest.raises(DamagedError, match="scenes: damaged"):
        list(load_scenes(out))
