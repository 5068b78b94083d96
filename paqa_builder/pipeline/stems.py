"""Stems of a build: one pack of FLAC files for each part, kept or dropped.

*separate* writes ``WORK/separate-<key>/stems-<part>.zip``; the later stages read it by part. With the setting
``stems: drop`` a part's pack is deleted when the last stage that reads stems has finished the part. A stage
that has to be redone and needs dropped stems gets them again: :mod:`paqa_builder.pipeline.reuse` then has
*separate* process these clips again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from paqa_builder import files
from paqa_builder.audio import Audio, packs
from paqa_builder.errors import AudioError, ConfigError
from paqa_builder.pipeline.plan import Plan, StagePlan
from paqa_builder.records import Stem

STAGE = "separate"


def pack_file(folder: Path, part: files.Part) -> Path:
    """The pack of a part."""
    return folder / packs.NAME.format(part.hash)


def users(plan: Plan) -> list[StagePlan]:
    """The stages that read stems, in the order in which they run."""
    return [stage for stage in plan.stages if any(name == STAGE for name, _ in stage.upstream)]


def drops(plan: Plan, stage: StagePlan) -> bool:
    """Whether a stage is the last that reads stems, and they are to be dropped."""
    return plan.config.stems == "drop" and stage in users(plan)[-1:]


def sweep(plan: Plan) -> None:
    """Deletes what is left of dropped stems, such as those of parts with other clips."""
    stage = plan.stage(STAGE)
    if stage is None or plan.config.stems == "keep":
        return
    for path in stage.folder(plan.work).glob(packs.NAME.format("*")):
        with contextlib.suppress(OSError):
            path.unlink()


def load_stem(stem: Stem, work: Path) -> Audio:
    """Reads a stem of a scene from the work folder of its build.

    Raises:
        ConfigError: The build did not keep its stems.
        AudioError: The stem is damaged.
        NotReadyError: The disk is full.
    """
    folder, _, name = stem.path.rpartition("/")
    found = packs.PackIndex(work / folder).pack_of(name) if name else None
    if found is None:
        raise ConfigError(
            f"{work}: stem {stem.name!r} is not there; stems are dropped once all stages have used them",
            fix="build again with --stems keep (stems: keep): they are made again",
        )
    with packs.Pack(found) as pack:
        return pack.read(name, work)


class PartStems(contextlib.ExitStack):
    """The stems of one part, for a stage that writes or reads them. A context manager.

    The pack that is written is complete when the context ends without an error.

    Args:
        folder: The folder of *separate*.
        part: The part, without the corpus's annotation.
        earlier: Packs with stems of clips whose rows are used again.
    """

    def __init__(self, folder: Path, part: files.Part, work: Path, earlier: Iterable[Path] = ()) -> None:
        super().__init__()
        self._folder, self._file, self._work = folder, pack_file(folder, part), work
        self._earlier = list(earlier)
        self._reader: packs.Pack | None = None
        self._writer: packs.PackWriter | None = None
        self._sources: list[packs.Pack] | None = None
        self._written: set[str] = set()

    def read(self, stem: Stem) -> Audio:
        """Decodes a stem of the part."""
        if self._reader is None:
            self._reader = self.enter_context(packs.Pack(self._file))
        return self._reader.read(stem.path.rpartition("/")[2], self._work)

    def drop(self) -> None:
        """Deletes the pack of the part."""
        with contextlib.suppress(OSError):
            self._file.unlink()

    def path(self, sha256: str, name: str) -> str:
        """The path that a record of a stem has: the folder of the packs, and the name of the FLAC file."""
        return f"{self._folder.name}/{sha256}.{name}.flac"

    def add(self, path: str, flac: IO[bytes]) -> None:
        """Adds a stem, given by the path of its record, to the pack that is written."""
        name = path.rpartition("/")[2]
        if name in self._written:
            return  # of another clip with the same file
        if self._writer is None:
            self._writer = self.enter_context(packs.written(self._file))
        self._writer.add(name, flac)
        self._written.add(name)

    def copy(self, paths: Iterable[str]) -> None:
        """Adds stems from the earlier packs, as far as they are there and undamaged."""
        if self._sources is None:
            self._sources = []
            for pack_file in self._earlier:
                with contextlib.suppress(AudioError):
                    self._sources.append(self.enter_context(packs.Pack(pack_file)))
        for path in paths:
            name = path.rpartition("/")[2]
            for pack in self._sources:
                if name in pack:
                    with contextlib.suppress(AudioError):
                        self.add(path, pack.flac(name))
                    break
