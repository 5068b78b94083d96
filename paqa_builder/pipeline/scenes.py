"""Assembles the scenes of clips from the rows of the stages in the work folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from paqa_builder import files
from paqa_builder.files import state
from paqa_builder.pipeline.plan import Plan
from paqa_builder.records import (
    Abstention,
    AudioInfo,
    Clip,
    Failure,
    Measures,
    Scene,
    Stem,
    Tag,
    Turn,
    Utterance,
    from_json,
)
from paqa_builder.sources import settle_truth

_LAYERS: dict[str, tuple[str, type]] = {
    "separate": ("stems", Stem),
    "diarize": ("turns", Turn),
    "tag": ("tags", Tag),
    "transcribe": ("utterances", Utterance),
}


def of_part(plan: Plan, part: files.Part) -> list[Scene]:
    """The scenes of a part that all stages have finished, in the order of its clips."""
    rows = {
        stage.name: state.read_rows(part.with_truth(stage.uses_truth).file(stage.folder(plan.work)))
        for stage in plan.stages
    }
    return [
        assemble(item.clip, {name: stage_rows[n] for name, stage_rows in rows.items()})
        for n, item in enumerate(part.fingerprints)
    ]


def of_plan(plan: Plan) -> Iterator[Scene]:
    """The scenes of all clips, in order, with one part in memory at a time."""
    for part in plan.parts:
        yield from of_part(plan, part)


def assemble(clip: Clip, rows: dict[str, dict[str, Any]]) -> Scene:
    """Builds a scene from one row per stage. A failure that later stages repeat is kept once."""
    failures = [from_json(Failure, row["failure"]) for row in rows.values() if "failure" in row]
    layers: dict[str, Any] = {
        layer: tuple(from_json(cls, record) for record in rows[stage]["records"])
        for stage, (layer, cls) in _LAYERS.items()
        if stage in rows and "records" in rows[stage]
    }
    if records := rows.get("measure", {}).get("records"):
        layers["measures"] = from_json(Measures, records[0])
    abstentions = tuple(
        from_json(Abstention, record) for row in rows.values() for record in row.get("abstentions", ())
    )
    read = rows.get("read", {}).get("records")
    audio = from_json(AudioInfo, read[0]) if read else None
    if audio is not None:
        clip = replace(clip, truth=settle_truth(clip.truth, audio.duration))
    return Scene(clip, audio, abstentions=abstentions, failures=tuple(dict.fromkeys(failures)), **layers)
