"""Putting a clip's scene together from what the stages left in the work folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from paqa_builder import files
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
    """The scenes of a part whose stages are all done, in the order of its clips."""
    rows = {
        stage.name: files.read_rows(part.with_truth(stage.uses_truth).file(stage.folder(plan.work)))
        for stage in plan.stages
    }
    return [
        assemble(printed.clip, {name: rows_of[n] for name, rows_of in rows.items()})
        for n, printed in enumerate(part.prints)
    ]


def of_plan(plan: Plan) -> Iterator[Scene]:
    """All scenes, in the order of the clips; one part in memory at a time."""
    for part in plan.parts:
        yield from of_part(plan, part)


def assemble(clip: Clip, rows: dict[str, dict[str, Any]]) -> Scene:
    """Builds a scene from one row per stage. A failure that downstream stages repeat counts once."""
    failures = [from_json(Failure, row["failure"]) for row in rows.values() if "failure" in row]
    layers: dict[str, Any] = {
        layer: tuple(from_json(cls, record) for record in rows[stage]["records"])
        for stage, (layer, cls) in _LAYERS.items()
        if stage in rows and "records" in rows[stage]
    }
    if measured := rows.get("measure", {}).get("records"):
        layers["measures"] = from_json(Measures, measured[0])
    abstentions = tuple(
        from_json(Abstention, record) for row in rows.values() for record in row.get("abstentions", ())
    )
    read = rows.get("read", {}).get("records")
    audio = from_json(AudioInfo, read[0]) if read else None
    if audio is not None:
        clip = _with_truth(clip, audio.duration)
    return Scene(clip, audio, abstentions=abstentions, failures=tuple(dict.fromkeys(failures)), **layers)


def _with_truth(clip: Clip, duration: float) -> Clip:
    return replace(clip, truth=settle_truth(clip.truth, duration))
