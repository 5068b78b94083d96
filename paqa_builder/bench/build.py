"""A finished build with its work folder: scenes, questions, stems and costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paqa_builder.bench.reference import Reference
from paqa_builder.dataset import read
from paqa_builder.errors import ConfigError
from paqa_builder.questions.question import Question
from paqa_builder.records import Scene, Truth
from paqa_builder.untrusted import read_json

if TYPE_CHECKING:
    from paqa_builder.audio import Audio
    from paqa_builder.audio.packs import PackIndex

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

    def stems(self, clip: str) -> dict[str, Audio]:
        """The separated stems of a clip by name; empty if the build did not keep them."""
        from paqa_builder.audio.packs import Pack

        scene, packs = self.scenes[clip], self._packs
        if scene.audio is None or packs is None:
            return {}
        found = {}
        for stem in scene.stems or ():
            name = f"{scene.audio.sha256}.{stem.name}.flac"
            if path := packs.pack_of(name):
                with Pack(path) as pack:
                    found[stem.name] = pack.read(name)
        return found

    @cached_property
    def _packs(self) -> PackIndex | None:
        from paqa_builder.audio.packs import PackIndex

        stages = self.lock.get("build", {}).get("stages", ())
        key = next((stage["key"] for stage in stages if stage["stage"] == "separate"), None)
        return PackIndex(self.work / f"separate-{key}") if self.work and key else None

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
