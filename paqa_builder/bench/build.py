"""A finished build with its work folder: scenes, questions, stems and costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from paqa_builder.bench.reference import Reference
from paqa_builder.dataset import read
from paqa_builder.errors import ConfigError
from paqa_builder.files import state
from paqa_builder.questions.question import Question
from paqa_builder.records import Scene, Truth
from paqa_builder.untrusted import read_json

LOCK = "paqa.lock.json"
REPORT = "last-build.json"


@dataclass(frozen=True)
class Build:
    """The shards of a build, and its work folder if it still exists.

    Attributes:
        name: Name of the build in reports.
        scenes: Scenes by clip id, in the build's order. A layer that failed is None.
        questions: Questions in the build's order.
    """

    name: str
    folder: Path
    work: Path | None
    scenes: Mapping[str, Scene] = field(repr=False)
    questions: tuple[Question, ...] = field(repr=False)

    @cached_property
    def lock(self) -> dict[str, Any]:
        """The content of ``paqa.lock.json``; empty if it is missing."""
        path = self.folder / LOCK
        return _object(path) if path.is_file() else {}

    @property
    def models(self) -> list[str]:
        """``stage: backend (revision)`` of every stage with a backend."""
        stages = self.lock.get("build", {}).get("stages", ())
        return [f"{s['stage']}: {s['backend']} ({s['revision']})" for s in stages if s["backend"]]

    @cached_property
    def costs(self) -> dict[str, Any]:
        """Costs of the last run, from the work folder; empty if it is missing."""
        path = self.work / REPORT if self.work else None
        try:
            figures = read_json(path) if path else {}
        except (OSError, ValueError):
            return {}
        return figures if isinstance(figures, dict) else {}

    def stems(self, clip: str) -> dict[str, Path]:
        """Paths of the separated stems of a clip by name; empty if they are missing."""
        return self._stems.get(clip, {})

    @cached_property
    def _stems(self) -> dict[str, dict[str, Path]]:
        stages = self.lock.get("build", {}).get("stages", ())
        key = next((stage["key"] for stage in stages if stage["stage"] == "separate"), None)
        if self.work is None or key is None:
            return {}
        stems: dict[str, dict[str, Path]] = {}
        for part in sorted((self.work / f"separate-{key}").glob("part-*.jsonl")):
            for row in state.read_rows(part) if state.intact(part) else ():
                scene = self.scenes.get(row["clip"])
                if scene is None or scene.audio is None or scene.audio.sha256 != row["sha256"]:
                    continue  # the row is of another clip or of another version of the file
                paths = {s["name"]: self.work / s["path"] for s in row.get("records") or ()}
                stems[row["clip"]] = {name: path for name, path in paths.items() if path.is_file()}
        return stems

    def own_truth(self) -> list[Reference]:
        """The corpus's own annotation, from the ``truth_*`` columns."""
        return [
            Reference((scene.clip.id,), scene.clip.truth)
            for scene in self.scenes.values()
            if scene.clip.truth != Truth()
        ]


def _object(path: Path) -> dict[str, Any]:
    try:
        return dict(read_json(path))
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{path}: not a JSON object ({error})", fix="build again") from error


def load_build(folder: Path, work: Path | None = None) -> Build:
    """Reads a build.

    Args:
        work: Its work folder; by default ``FOLDER.work``, if it exists.

    Raises:
        ConfigError: The folder has no finished build, or the work folder does not exist.
    """
    if work is not None and not work.is_dir():
        raise ConfigError(f"{work}: no such folder", fix="check --work")
    beside = folder.with_name(folder.name + ".work")
    scenes = {scene.clip.id: scene for scene in read.load_scenes(folder)}
    questions = tuple(read.load_questions(folder))
    return Build(
        folder.name or str(folder), folder, work or (beside if beside.is_dir() else None), scenes, questions
    )
