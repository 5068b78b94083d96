"""The plan of a build: its clips, its stages with their keys, its parts with their files.

:func:`make` resolves a configuration into a :class:`Plan` without running a model and, with
``save=False``, without writing to the disk. ``paqa plan`` prints it;
:mod:`paqa_builder.pipeline.build` executes it.
"""

from __future__ import annotations

import itertools
import logging
import os
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any

from paqa_builder import files, registry
from paqa_builder.annotations import annotated
from paqa_builder.audio import SUFFIXES
from paqa_builder.config import Config, StageConfig, validate_options
from paqa_builder.config.resources import Resources
from paqa_builder.corpora.locate import locate
from paqa_builder.errors import ConfigError, PaqaError, SourceError
from paqa_builder.files import manifest
from paqa_builder.files.ledger import Ledger
from paqa_builder.files.manifest import Manifest
from paqa_builder.files.memo import Memo
from paqa_builder.files.selection import Selection
from paqa_builder.perception.stage import Stage, stage_class
from paqa_builder.pipeline.licensed import Licensed
from paqa_builder.pipeline.own_folders import OwnFolders
from paqa_builder.pipeline.pseudonyms import pseudonymised
from paqa_builder.pipeline.storable import storable
from paqa_builder.questions.examples import check_examples
from paqa_builder.records import NO_TRUTH, STAGES, Clip
from paqa_builder.remote import files as remote_files
from paqa_builder.remote import url_of
from paqa_builder.runtime.executor import Executor
from paqa_builder.runtime.executors import executor_for
from paqa_builder.sources import SPLITS, Source
from paqa_builder.sources.derived import FOLDER as DERIVED
from paqa_builder.sources.derived import DerivedAudio
from paqa_builder.sources.nearby import nearby

log = logging.getLogger(__name__)

NO_BACKEND = "none"
PARTS = "parts.json"
"""File in the work folder with the hashes of the parts."""
LARGEST_PART = 128
"""Clips of a part at most. A build that is killed loses the part that each worker has begun."""

Listing = Manifest | Selection


@dataclass(frozen=True, slots=True)
class StagePlan:
    """A configured stage.

    Attributes:
        config: Backend and options; None for the stage ``read``, which has no backend.
        upstream: (name, key) of the earlier stages whose records it uses.
        key: Hash of everything that decides its results.
        on_gpu: Whether its backend can run on a GPU.
        uses_truth: Whether its rows depend on the corpus's annotation.
    """

    name: str
    config: StageConfig | None
    upstream: tuple[tuple[str, str], ...]
    key: str
    revision: str
    on_gpu: bool = False
    uses_truth: bool = False

    @property
    def backend(self) -> str:
        return self.config.backend if self.config else ""

    @property
    def resources(self) -> Resources | None:
        return self.config.resources if self.config else None

    def folder(self, work: Path) -> Path:
        return work / f"{self.name}-{self.key}"

    def executor(self, config: Config) -> Executor:
        """The executor that a build's configuration names, for the tasks of this stage."""
        return executor_for(config, on_gpu=self.on_gpu, resources=self.resources)


@dataclass(frozen=True, slots=True)
class Plan:
    """All inputs and steps of a build. The plan of a worker has one part, no source and no listing.

    Attributes:
        listing: All clips; the parts read theirs from it.
    """

    config: Config
    source: Source | None
    parts: tuple[files.Part, ...]
    stages: tuple[StagePlan, ...]
    listing: Listing | None = None

    @property
    def work(self) -> Path:
        return self.config.work_folder

    @property
    def count(self) -> int:
        """Number of clips."""
        return sum(part.size for part in self.parts)

    @property
    def clips(self) -> Iterator[Clip]:
        """The clips in order, with one part in memory at a time."""
        return (item.clip for part in self.parts for item in part.fingerprints)

    @property
    def content(self) -> str:
        """Hash of all that is known of the clips, on this machine."""
        return self.listing.content if self.listing else files.digest([part.hash for part in self.parts])

    def stage(self, name: str) -> StagePlan | None:
        """The stage called ``name``; None where the build leaves it out."""
        return next((stage for stage in self.stages if stage.name == name), None)

    def parts_of(self, stage: StagePlan) -> list[files.Part]:
        """The parts of a stage, whose hashes cover the corpus's annotation if the stage uses it."""
        return [part.with_truth(stage.uses_truth) for part in self.parts]

    def missing(self, stage: StagePlan) -> list[files.Part]:
        """The parts that a stage has not finished."""
        ledger = self.ledger(stage)
        return [part for part in self.parts_of(stage) if not ledger.entry(part.name)]

    def results(self) -> str:
        """Hash of the results of all stages: of the checksums of their parts."""
        checksums = [self.ledger(stage).checksums(self.parts_of(stage)) for stage in self.stages]
        return files.digest(checksums, 64)

    def ledger(self, stage: StagePlan) -> Ledger:
        """The checked files of a stage."""
        return Ledger(stage.folder(self.work))


def make(config: Config, *, save: bool = True) -> Plan:
    """Lists the corpus and resolves all names, options and keys.

    Args:
        save: Whether to cache the hashes of the clips in the work folder.

    Raises:
        ConfigError: A name or an option is wrong.
        SourceError: The corpus cannot be listed, or is empty.
        NotReadyError: A model whose revision is part of a key is not installed.
    """
    registry.load_plugins(config.plugins)
    if config.templates:
        check_examples(config.templates)
    stages = resolve_stages(config)
    config, partial = with_root(config)
    config = _with_local_root(config)
    source = open_source(config)
    source.derived = DerivedAudio(config.work_folder / DERIVED, write=save)
    listed = _listed(source, config, only_present=partial)
    listing, repeated = manifest.write(_checked(listed, source), config.work_folder, save=save)
    if not listing.count:
        raise SourceError(f"{config.root}: source {config.source!r} finds no audio in it", fix="check --root")
    if repeated is not None:
        raise SourceError(f"source {config.source!r} lists more than one clip with the id {repeated!r}")
    return Plan(config, source, parts_of(listing, config, PARTS, save=save), stages, listing)


def parts_of(listing: Listing, config: Config, memo: str, *, save: bool) -> tuple[files.Part, ...]:
    """Splits a listing into parts of the configured size.

    Args:
        memo: Name of the file in the work folder that keeps the hashes of the parts.
        save: Whether to write that file.
    """
    size = config.part_size or max(1, min(LARGEST_PART, listing.count // 32))
    kept, key = Memo(config.work_folder / memo), [listing.content, size]
    hashes = kept.get(key)
    if hashes is None:
        items = iter(listing)
        chunks = iter(lambda: list(itertools.islice(items, size)), [])
        hashes = [files.part_hashes(chunk) for chunk in chunks]
        if save:
            kept.put(key, hashes)
    return tuple(
        files.Part(index, index * size, min(size, listing.count - index * size), tuple(both), listing)
        for index, both in enumerate(hashes)
    )


def with_root(config: Config) -> tuple[Config, bool]:
    """The configuration with the folder of the fetched corpus, where it names no folder.

    Returns:
        The configuration, and whether clips of the corpus may be missing there.

    Raises:
        NotReadyError: The corpus can be fetched, but was not.
    """
    if config.root is not None or config.source is None:
        return config, False
    cls = registry.get("source", config.source)
    if cls.downloads is None:
        return config, False
    fetched = locate(cls)
    options = {**fetched.options, **config.source_options}
    update = {"root": fetched.root, "source_options": options}
    return config.model_copy(update=update), fetched.partial


def _with_local_root(config: Config) -> Config:
    """The configuration with a local folder in place of a URL, whose files stand for the remote ones."""
    url = url_of(config.root)
    if url is None:
        return config
    root = remote_files.listed(url, config.work_folder, SUFFIXES, config.remote_cache_gb * 1e9)
    return config.model_copy(update={"root": root})


def _checked(clips: Iterator[Clip], source: Source) -> Iterator[tuple[Clip, str]]:
    """The clips as they are stored, each with its problem."""
    for clip, problem in storable(clips):
        _check(clip, source.name)
        yield clip, source.derived.problems.get(clip.path) or problem


def _listed(source: Source, config: Config, *, only_present: bool = False) -> Iterator[Clip]:
    """The first ``limit`` clips with an allowed licence, without files of builds.

    Args:
        only_present: Whether to leave out clips without a file.
    """
    folders = (config.out, config.work_folder)
    own = OwnFolders(config.root or Path(), *folders, kept=config.work_folder / DERIVED)
    licensed, keep, count = Licensed(config.license_allow), config.speaker_names == "keep", 0
    try:
        listed = source.clips()
        if config.truth is not None:
            listed = iter(annotated(own.without(listed), config.truth))
        if only_present:
            listed = (clip for clip in listed if _is_there(clip, source.derived))
        for clip in itertools.islice(licensed.of(own.without(listed)), config.limit):
            count += 1
            yield clip if keep else pseudonymised(clip, config.speaker_key)
        source.derived.release()
    except SourceError as error:
        if found := nearby(source.root, source.layout):
            raise SourceError(error.message, fix=f"--root {found}") from error
        raise
    except PaqaError:
        raise
    except Exception as error:  # of a plugin, or of an adapter whose corpus has another layout
        place = traceback.extract_tb(error.__traceback__)[-1]
        raise SourceError(
            f"source {config.source!r} cannot list {config.root}: {type(error).__name__}: {error} "
            f"({place.filename}, line {place.lineno})",
            fix="check --root, and that the folder has the layout that the source expects",
        ) from error
    for folder, left_out in own.left_out.items():
        log.warning("%s: %d files left out, because a build writes or wrote this folder", folder, left_out)
    licensed.report(none_left=not count)


def _is_there(clip: Clip, derived: DerivedAudio) -> bool:
    """Whether a clip has a file, or would get one in a build."""
    if os.path.exists(clip.path):
        return True
    made = not derived.write and Path(clip.path).is_relative_to(derived.folder)
    return made and clip.path not in derived.absent


def _check(clip: Clip, source: str) -> None:
    """Raises SourceError for an unknown split, a malformed group or a record without proper times."""
    where = f"source {source!r}, clip {clip.id!r}"
    if clip.split not in SPLITS:
        raise SourceError(f"{where}: unknown split {clip.split!r}", fix=f"use one of {', '.join(SPLITS)}")
    for group in clip.groups:
        kind, _, name = group.partition(":")
        if not kind or not name:
            raise SourceError(f"{where}: group {group!r} is not kind:name, such as recording:12")
    truth = clip.truth
    if truth is NO_TRUTH:
        return
    timed: tuple[Any, ...] = (*(truth.turns or ()), *(truth.tags or ()), *(truth.utterances or ()))
    for record in timed:
        start, end = record.start, record.end
        if not isinstance(start, Real) or not isinstance(end, Real):
            raise SourceError(f"{where}: times are seconds as numbers, not {start!r} and {end!r}")
        if end < start:
            raise SourceError(
                f"{where}: a {type(record).__name__} ends at {end} s, before its start at {start} s"
            )


def open_source(config: Config) -> Source:
    """Creates the configured source."""
    if config.source is None:
        raise ConfigError("no source is configured", fix="add --source NAME; `paqa ls sources` lists them")
    cls = registry.get("source", config.source)
    options = validate_options(cls.Options, config.source_options, f"source {config.source!r}")
    return cls(config.root, options)


def resolve_stages(config: Config) -> tuple[StagePlan, ...]:
    """Resolves the configured stages and their keys, in the order in which they run."""
    read = stage_class("read")
    plans = [StagePlan("read", None, (), files.digest(["read", read.version]), "")]
    for name in STAGES:
        if config.stages[name].backend == NO_BACKEND:
            continue
        stage_config = placed(name, config.stages[name], config.device)
        stage = build_stage(name, stage_config)
        upstream = tuple((plan.name, plan.key) for plan in plans if plan.name in ("read", *stage.upstream))
        key = files.digest(
            [
                name, stage.version, stage.options.model_dump(mode="json"),
                stage_config.backend, stage.origin.revision, stage.backend.options.model_dump(mode="json"),
                upstream,
            ]
        )  # fmt: skip
        on_gpu = "device" in type(stage.backend.options).model_fields
        plans.append(
            StagePlan(name, stage_config, upstream, key, stage.origin.revision, on_gpu, stage.uses_truth)
        )
    return tuple(plans)


def placed(name: str, config: StageConfig, device: str | None) -> StageConfig:
    """A stage's configuration with ``--device`` in its backend's options, where it has that option."""
    from paqa_builder.runtime.device import place

    options = place(registry.get(name, config.backend).Options, config.options, device)
    return config.model_copy(update={"options": options})


def build_stage(name: str, config: StageConfig | None) -> Stage:
    """Creates a stage with its backend, without loading weights."""
    cls = stage_class(name)
    if config is None:
        return cls()
    backend = registry.get(name, config.backend)
    options: Any = validate_options(backend.Options, config.options, f"{name} backend {config.backend!r}")
    listen: Any = validate_options(cls.Options, config.listen, f"stage {name!r} (listen)")
    return cls(backend(options), listen, backend_name=config.backend)
