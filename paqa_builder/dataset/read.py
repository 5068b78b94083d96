"""A finished build, read back for scoring: its scenes, questions, stems and costs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from paqa_builder import files
from paqa_builder.bench.reference import Reference
from paqa_builder.dataset import rows
from paqa_builder.errors import ConfigError
from paqa_builder.questions.question import Difficulty, Evidence, PlantedError, Question, Rewritten
from paqa_builder.records import (
    Abstention,
    AudioInfo,
    Clip,
    Failure,
    Measures,
    Origin,
    Scene,
    Stem,
    Tag,
    Truth,
    Turn,
    Utterance,
    Word,
    from_json,
)

LOCK = "paqa.lock.json"
REPORT = "last-build.json"


@dataclass(frozen=True)
class Build:
    """Shards, and the work folder that they came from, where it is still there.

    Attributes:
        name: How reports call it.
        scenes: By clip id, in the build's order. A layer that failed is None.
        questions: In the build's order.
    """

    name: str
    folder: Path
    work: Path | None
    scenes: Mapping[str, Scene] = field(repr=False)
    questions: tuple[Question, ...] = field(repr=False)

    @cached_property
    def lock(self) -> dict[str, Any]:
        """What the build was made of; empty where the lock is gone."""
        path = self.folder / LOCK
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}

    @property
    def models(self) -> list[str]:
        """``stage: backend (revision)`` of every stage that has a backend."""
        stages = self.lock.get("build", {}).get("stages", ())
        return [f"{s['stage']}: {s['backend']} ({s['revision']})" for s in stages if s["backend"]]

    @cached_property
    def costs(self) -> dict[str, Any]:
        """The figures of the last run, as the build left them in its work folder."""
        path = self.work / REPORT if self.work else None
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path and path.is_file() else {}

    def stems(self, clip: str) -> dict[str, Path]:
        """The separated stems of a clip by name; empty where they are not there."""
        return self._stems.get(clip, {})

    @cached_property
    def _stems(self) -> dict[str, dict[str, Path]]:
        stages = self.lock.get("build", {}).get("stages", ())
        key = next((stage["key"] for stage in stages if stage["stage"] == "separate"), None)
        if self.work is None or key is None:
            return {}
        found: dict[str, dict[str, Path]] = {}
        for part in sorted((self.work / f"separate-{key}").glob("*.jsonl*")):
            for row in files.read_rows(part):
                scene = self.scenes.get(row["clip"])
                if scene is None or scene.audio is None or scene.audio.sha256 != row["sha256"]:
                    continue  # of another listing, or of what the file was then
                paths = {s["name"]: self.work / s["path"] for s in row.get("records") or ()}
                found[row["clip"]] = {name: path for name, path in paths.items() if path.is_file()}
        return found

    def own_truth(self) -> list[Reference]:
        """The corpus's own annotation, as far as the build carries it."""
        return [
            Reference((scene.clip.id,), scene.clip.truth)
            for scene in self.scenes.values()
            if scene.clip.truth != Truth()
        ]


def load_build(folder: Path, work: Path | None = None) -> Build:
    """Reads a build.

    Args:
        work: Its work folder; where a build puts it by default, if None.

    Raises:
        ConfigError: There is no finished build, or no such work folder.
    """
    if not any((folder / "scenes").glob("*.parquet")):
        raise ConfigError(f"{folder}: no finished build there", fix=f"paqa build … --out {folder}")
    if work is not None and not work.is_dir():
        raise ConfigError(f"{work}: no such folder", fix="check --work")
    beside = folder.with_name(folder.name + ".work")
    scenes = {row["clip_id"]: scene_of_row(row) for row in rows.rows(folder, "scenes")}
    questions = tuple(question_of_row(row) for row in _questions(folder))
    return Build(
        folder.name or str(folder), folder, work or (beside if beside.is_dir() else None), scenes, questions
    )


def _questions(folder: Path) -> Iterator[dict[str, Any]]:
    yield from rows.rows(folder, "data")


def question_of_row(row: Mapping[str, Any]) -> Question:
    """A question from its row in the shards."""
    return Question(
        row["id"], row["question"], tuple(row["choices"]), row["answer"], row["answer_index"], row["skill"],
        row["level"], row["trace"], tuple(Evidence(**item) for item in row["evidence"]), row["clip_id"],
        row["template"], tuple(map(_provenance, row["provenance"])), Difficulty(**row["difficulty"]),
        PlantedError(**row["reflection"]) if row["reflection"] else None,
        Rewritten(**row["rewritten"]) if row.get("rewritten") else None,
    )  # fmt: skip


def _provenance(item: Mapping[str, str]) -> str:
    """Undoes :mod:`paqa_builder.dataset.schema`: the origin of an empty layer may be its stage alone."""
    return str(Origin(**item)) if item["backend"] else item["stage"]


def scene_of_row(row: Mapping[str, Any]) -> Scene:
    """A scene from its row in the shards. Columns that are not there are layers that nobody knows."""

    def layer(name: str, cls: type) -> tuple[Any, ...] | None:
        found = row.get(name)
        return None if found is None else tuple(_record(cls, item) for item in found)

    clip = Clip(
        id=row["clip_id"],
        source=row.get("source") or "",
        split=row.get("split") or "",
        path="",
        truth=Truth(
            layer("truth_turns", Turn),
            layer("truth_tags", Tag),
            layer("truth_utterances", Utterance),
            bool(row.get("truth_tags_complete")),
        ),
    )
    audio = None
    if row.get("duration") is not None:
        audio = AudioInfo(row["duration"], row["sample_rate"], row["channels"], row["sha256"])
    failures = tuple(Failure(**item) for item in row.get("failures") or ())
    stems = layer("stems", Stem)
    measured = row.get("measures")
    return Scene(
        clip,
        audio,
        stems,
        layer("turns", Turn),
        layer("tags", Tag),
        layer("utterances", Utterance),
        measures=from_json(Measures, {**measured, "origin": _origin(measured)}) if measured else None,
        abstentions=layer("abstentions", Abstention) or (),
        failures=failures,
    )


def _origin(row: Mapping[str, Any]) -> dict[str, str]:
    stage, _, made = row["origin"].partition(":")
    backend, _, revision = made.partition("@")
    return {"stage": stage, "backend": backend, "revision": revision}


def _record(cls: type, item: Mapping[str, Any]) -> Any:
    values = dict(item)
    values["origin"] = Origin(**_origin(values))
    if cls is Utterance:
        values["words"] = tuple(Word(**word) for word in values["words"] or ())
    if cls is Stem:  # the shards do not say where it lies
        values = {**values, "rate": values["sample_rate"], "path": ""}
        del values["sample_rate"]
    return cls(**values)
