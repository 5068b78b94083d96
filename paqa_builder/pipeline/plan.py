"""What a build consists of: the clips, the stages with their keys, the parts and their files.

:func:`make` resolves a configuration into a :class:`Plan` without running a model and, with
``save=False``, without touching the disk. ``paqa plan`` prints it, :mod:`paqa_builder.pipeline.build`
carries it out, and ``paqa status`` compares it with what is there.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paqa_builder import files, registry
from paqa_builder.config import Config, StageConfig, validate_options
from paqa_builder.errors import ConfigError, PaqaError, SourceError
from paqa_builder.perception.stage import Stage, stage_class
from paqa_builder.records import STAGES, Clip
from paqa_builder.sources import Source

NO_BACKEND = "none"


@dataclass(frozen=True, slots=True)
class StagePlan:
    """One stage as configured.

    Attributes:
        upstream: Keys of the folders that hold the records it uses, by stage name.
        key: Hash of all that decides its results.
        on_gpu: Whether its backend can run on a GPU.
        uses_truth: Whether its rows depend on the corpus's annotation, too.
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

    def folder(self, work: Path) -> Path:
        return work / f"{self.name}-{self.key}"


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a build will do, in order. A worker's plan has one part and no source."""

    config: Config
    source: Source | None
    parts: tuple[files.Part, ...]
    stages: tuple[StagePlan, ...]

    @property
    def work(self) -> Path:
        return self.config.work_folder

    @property
    def clips(self) -> list[Clip]:
        return [printed.clip for part in self.parts for printed in part.prints]

    def stage(self, name: str) -> StagePlan | None:
        """The stage called ``name``, or None where it is left out."""
        return next((stage for stage in self.stages if stage.name == name), None)

    def parts_of(self, stage: StagePlan) -> list[files.Part]:
        """The parts as a stage knows them: under other names where it uses the corpus's annotation."""
        return [part.with_truth(stage.uses_truth) for part in self.parts]

    def missing(self, stage: StagePlan) -> list[files.Part]:
        """The parts of a stage that no file holds yet."""
        folder = stage.folder(self.work)
        return [part for part in self.parts_of(stage) if not part.file(folder).is_file()]


def make(config: Config, *, save: bool = True) -> Plan:
    """Lists the corpus and resolves every name, option and key.

    Args:
        save: Whether the clips' hashes may be remembered in the work folder.

    Raises:
        ConfigError: A name or an option is wrong.
        SourceError: The corpus cannot be listed, or is empty.
        NotReadyError: A model that decides a key is not installed.
    """
    registry.load_plugins(config.plugins)
    stages = resolve_stages(config)
    source = open_source(config)
    clips = _listed(source, config)
    if not clips:
        raise SourceError(f"{config.root}: source {config.source!r} finds no audio there", fix="check --root")
    doubled = _first_double([clip.id for clip in clips])
    if doubled is not None:
        raise SourceError(f"source {config.source!r} lists the clip id {doubled!r} twice")
    prints = files.fingerprint(clips, config.work_folder, save=save)
    size = config.part_size or max(1, min(32, len(clips) // 32))
    return Plan(config, source, tuple(files.parts_of(prints, size)), stages)


def _listed(source: Source, config: Config) -> list[Clip]:
    try:
        return list(itertools.islice(source.clips(), config.limit))
    except PaqaError:
        raise
    except Exception as error:  # a plugin, or a corpus that is not what its adapter expects
        raise SourceError(
            f"source {config.source!r} cannot list {config.root}: {type(error).__name__}: {error}",
            fix="check --root, and that the corpus is laid out as the source expects",
        ) from error


def open_source(config: Config) -> Source:
    """Builds the configured source."""
    if config.source is None:
        raise ConfigError("no source is given", fix="add --source NAME; `paqa ls sources` lists them")
    cls = registry.get("source", config.source)
    options = validate_options(cls.Options, config.source_options, f"source {config.source!r}")
    return cls(config.root, options)


def resolve_stages(config: Config) -> tuple[StagePlan, ...]:
    """Works out every stage's key, upstream first."""
    read = stage_class("read")
    plans = [StagePlan("read", None, (), files.digest(["read", read.version]), "")]
    for name in STAGES:
        chosen = config.stages[name]
        if chosen.backend == NO_BACKEND:
            continue
        chosen = placed(name, chosen, config.device)
        stage = build_stage(name, chosen)
        wanted = ("read", *stage.upstream)
        upstream = tuple((plan.name, plan.key) for plan in plans if plan.name in wanted)
        key = files.digest(
            [
                name, stage.version, stage.options.model_dump(mode="json"),
                chosen.backend, stage.origin.revision, stage.backend.options.model_dump(mode="json"),
                upstream,
            ]
        )  # fmt: skip
        on_gpu = "device" in type(stage.backend.options).model_fields
        plans.append(StagePlan(name, chosen, upstream, key, stage.origin.revision, on_gpu, stage.uses_truth))
    return tuple(plans)


def placed(name: str, config: StageConfig, device: str | None) -> StageConfig:
    """A stage's configuration with ``--device`` handed to its backend, where that has the option."""
    from paqa_builder.runtime.device import place

    options = place(registry.get(name, config.backend).Options, config.options, device)
    return config.model_copy(update={"options": options})


def build_stage(name: str, config: StageConfig | None) -> Stage:
    """Builds a stage with its backend; loads no weights."""
    cls = stage_class(name)
    if config is None:
        return cls()
    backend = registry.get(name, config.backend)
    options: Any = validate_options(backend.Options, config.options, f"{name} backend {config.backend!r}")
    listen: Any = validate_options(cls.Options, config.listen, f"stage {name!r} (listen)")
    return cls(backend(options), listen, backend_name=config.backend)


def _first_double(ids: list[str]) -> str | None:
    seen: set[str] = set()
    for one in ids:
        if one in seen:
            return one
        seen.add(one)
    return None
