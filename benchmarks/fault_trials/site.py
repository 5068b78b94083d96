"""The folder of one trial: a corpus, a place for its data set, and files that no build may touch."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import soundfile

from fault_trials.command import Ended, forked, problem

SCENES: dict[str, list[tuple[str, float, float]]] = {
    "one": [("low", 0.3, 1.5), ("Bell", 0.8, 1.6)],
    "two": [("low", 0.2, 1.2), ("high", 1.6, 2.6), ("Siren", 1.4, 2.4)],
    "three": [("middle", 0.5, 2.5)],
}
OTHER_SCENES: dict[str, list[tuple[str, float, float]]] = {
    "four": [("high", 0.3, 1.9), ("Whistle", 0.8, 1.6)],
    "five": [("middle", 0.2, 1.2), ("low", 1.6, 2.6), ("Buzzer", 1.4, 2.4)],
}
SECONDS = 3.0

Contents = dict[str, str]
"""Relative path of a file -> hash of its bytes."""


def write_corpus(folder: Path, scenes: dict[str, list[tuple[str, float, float]]] = SCENES) -> Path:
    """Writes clips of tones, which the fake models recognise."""
    from paqa_builder.testing import tone_scene

    folder.mkdir(parents=True, exist_ok=True)
    for name, tones in scenes.items():
        audio = tone_scene(SECONDS, tones)
        soundfile.write(folder / f"{name}.wav", audio.samples, audio.rate, subtype="PCM_16")
    return folder


def contents(folder: Path) -> Contents:
    """Every file and link below a folder: its relative path, and the hash of its bytes or its target."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = f"link to {path.readlink()}"
        elif path.is_file():
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def difference(found: Contents, expected: Contents) -> str | None:
    """How a folder differs from what is expected, if it does."""
    texts = []
    for what, names in (
        ("missing", expected.keys() - found.keys()),
        ("additional", found.keys() - expected.keys()),
        ("other content", {name for name in found.keys() & expected.keys() if found[name] != expected[name]}),
    ):
        if names:
            texts.append(f"{what}: {', '.join(sorted(names)[:3])}")
    return "; ".join(texts) or None


class Site:
    """The folder of one trial.

    Attributes:
        corpus: The clips.
        out: The folder of the data set, which does not exist yet.
        work: The folder of intermediate results.
    """

    def __init__(self, folder: Path, corpus: Path, *, preset: str = "fake", **settings: Any) -> None:
        self.folder, self.corpus = folder, corpus
        self.out, self.work = folder / "out", folder / "out.work"
        folder.mkdir(parents=True, exist_ok=True)
        self.config = folder / "build.yaml"
        self.settings = {
            "source": "folder", "root": str(corpus), "preset": preset, "part_size": 2, "jobs": 2, **settings
        }  # fmt: skip
        self.config.write_text(json.dumps(self.settings))  # JSON is YAML
        self.config_inline = folder / "inline.yaml"
        self.config_inline.write_text(json.dumps(self.settings | {"executor": "inline"}))
        self._write_others()
        self._before = self._others()

    def arguments(self, *more: object) -> list[object]:
        """The arguments of a build with worker processes."""
        return ["build", "--config", self.config, "--out", self.out, *more]

    def build(self, *more: object, prepare: Callable[[], None] | None = None) -> Ended:
        """Builds the data set in a copy of this process.

        Args:
            prepare: See :func:`fault_trials.command.forked`.
        """
        build = ["build", "--config", self.config_inline, "--out", self.out, *more]
        return forked(*build, prepare=prepare)

    def expect(self, *more: object) -> Contents:
        """Builds the data set, and returns what it holds.

        Raises:
            RuntimeError: The build failed.
        """
        wrong = problem(self.build(*more))
        if wrong:
            raise RuntimeError(f"the undisturbed build failed: {wrong}")
        return contents(self.out)

    def copy_of(self, other: Site) -> Site:
        """Takes over what another site has built."""
        for source, target in ((other.out, self.out), (other.work, self.work)):
            shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
        return self

    def touched(self) -> str | None:
        """What changed outside the data set and its work folder, if anything."""
        return difference(self._others(), self._before)

    def leftover(self) -> str | None:
        """A temporary file that the build left behind, if any."""
        for folder in (self.out, self.work):
            for path in folder.rglob(".*"):
                if path.name.endswith(".tmp") or "incoming" in path.name:
                    return f"left behind: {path.relative_to(self.folder)}"
        return None

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write_others(self) -> None:
        beside = self.folder / "beside"
        beside.mkdir(exist_ok=True)
        (beside / "notes.txt").write_text("not of the build\n")
        (beside / ".hidden").write_bytes(bytes(range(256)))
        (self.folder / "out.txt").write_text("not of the build either\n")

    def _others(self) -> Contents:
        own = (self.out.name, self.work.name)
        found = {
            name: value for name, value in contents(self.folder).items() if name.partition("/")[0] not in own
        }
        return found | {f"corpus/{name}": value for name, value in contents(self.corpus).items()}
