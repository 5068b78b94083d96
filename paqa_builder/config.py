"""A build's settings: flag > ``PAQA_*`` environment > configuration file > preset > default.

``PAQA_JOBS=4`` sets ``jobs``; two underscores go one level down, so
``PAQA_STAGES__TAG__BACKEND=yamnet`` sets ``stages.tag.backend``. Unknown keys are refused wherever
they come from. ``docs/configuration.md`` lists every key.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from paqa_builder.errors import ConfigError
from paqa_builder.records import STAGES, StageName

DEVICE_PATTERN = r"^(auto|cpu|cuda(:\d+)?)$"

_FILE = "_file"
"""Under this name :func:`load` hands a file's content to :class:`Config`."""


class StageConfig(BaseModel):
    """One stage's part of the configuration. ``backend: none`` leaves the stage out."""

    model_config = ConfigDict(extra="forbid")

    backend: str = Field(description="Name of a backend; `paqa ls backends` lists them.")
    options: dict[str, Any] = Field(default_factory=dict, description="The backend's options.")
    listen: dict[str, Any] = Field(default_factory=dict, description="Where the stage listens.")


class Config(BaseSettings):
    """Everything that decides what a build makes, and where."""

    model_config = SettingsConfigDict(
        env_prefix="PAQA_",
        env_nested_delimiter="__",
        extra="forbid",
        nested_model_default_partial_update=True,
    )

    source: str | None = Field(None, description="Name of a source; `paqa ls sources` lists them.")
    root: Path | None = Field(None, description="The corpus's folder.")
    source_options: dict[str, Any] = Field(default_factory=dict, description="The source's options.")
    out: Path = Field(Path("shards"), description="Folder for the Parquet shards.")
    work: Path | None = Field(None, description="Folder for parts and stems; OUT.work by default.")
    preset: str = Field("cpu", description="Named set of backends: cpu, gpu, fake.")
    stages: dict[StageName, StageConfig] = Field(default_factory=dict, description="One entry a stage.")
    plugins: list[Path] = Field(default_factory=list, description="Python files with sources or backends.")
    templates: list[Path] = Field(default_factory=list, description="Folders with question templates.")
    questions: dict[str, Any] = Field(default_factory=dict, description="How questions are chosen.")
    gate: dict[str, Any] = Field(default_factory=dict, description="What a blind reader may know.")
    llm: dict[str, Any] = Field(
        default_factory=dict, description="A language model that may help; off by default."
    )
    seed: int = Field(0, description="Seed of every choice that is made by hash.")
    limit: int | None = Field(None, ge=1, description="Only the first N clips of the source.")
    jobs: int | None = Field(None, ge=1, description="Worker processes; all cores, or GPUs, by default.")
    device: str | None = Field(
        None, pattern=DEVICE_PATTERN, description="Where models run: auto, cpu, cuda, cuda:N."
    )
    part_size: int | None = Field(None, ge=1, description="Clips per part; chosen by corpus size by default.")
    executor: Literal["processes", "inline"] = Field("processes", description="Where stages run.")
    shard_mb: int = Field(300, ge=1, description="Size at which a new shard starts, in MB of audio.")

    @property
    def work_folder(self) -> Path:
        """Where parts and stems live."""
        return self.work if self.work is not None else self.out.with_name(self.out.name + ".work")

    @property
    def workers(self) -> int:
        """Worker processes of a stage on the CPU: ``jobs``, or one a core that this process may use."""
        if self.jobs:
            return self.jobs
        # Containers and batch systems pin processes to fewer cores than the machine has.
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        assert isinstance(init_settings, InitSettingsSource)
        flags = dict(init_settings.init_kwargs)
        file_data = flags.pop(_FILE, {})
        chosen = flags.get("preset") or env_settings().get("preset") or file_data.get("preset") or "cpu"
        return (
            InitSettingsSource(settings_cls, init_kwargs=flags),
            env_settings,
            InitSettingsSource(settings_cls, init_kwargs=file_data),
            InitSettingsSource(settings_cls, init_kwargs=preset(str(chosen))),
        )


def presets() -> list[str]:
    """The names of all presets."""
    folder = files("paqa_builder").joinpath("presets")
    return sorted(Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def preset(name: str) -> dict[str, Any]:
    """A preset's settings.

    Raises:
        ConfigError: There is no such preset.
    """
    if name not in presets():
        raise ConfigError(f"no preset is called {name!r}; there are: {', '.join(presets())}")
    text = files("paqa_builder").joinpath(f"presets/{name}.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)


def load(flags: Mapping[str, Any] | None = None, file: Path | None = None) -> Config:
    """Puts a configuration together from all four layers.

    Args:
        flags: What the command line said; None values count as not said.
        file: A YAML file.

    Raises:
        ConfigError: The file is unreadable or not YAML, or a key or value is wrong; names it.
    """
    said = {key: value for key, value in (flags or {}).items() if value is not None}
    try:
        layers: dict[str, Any] = {**said, _FILE: _read_yaml(file) if file else {}}
        config = Config(**layers)
    except ValidationError as error:
        where = (
            f" (from the command line, PAQA_* or {file})" if file else " (from the command line or PAQA_*)"
        )
        lines = [f"{'.'.join(map(str, e['loc']))}: {_explain(e)}" for e in error.errors()]
        raise ConfigError("configuration" + where + ":\n  " + "\n  ".join(lines)) from error
    missing = [stage for stage in STAGES if stage not in config.stages]
    if missing:
        raise ConfigError(f"no backend is configured for: {', '.join(missing)}", fix="choose a --preset")
    return config


def _read_yaml(file: Path) -> dict[str, Any]:
    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: not valid YAML: {error}") from error
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError(f"{file}: must be a mapping of settings, not a {type(data).__name__}")
    return data


def _explain(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return (
            f"unknown key; there are: {', '.join(sorted(Config.model_fields))}"
            if len(error["loc"]) == 1
            else "unknown key"
        )
    return f"{error['msg']} (got {error['input']!r})"


def validate_options(model: type[BaseModel], values: Mapping[str, Any], what: str) -> Any:
    """Checks a plugin's options against its pydantic model.

    Raises:
        ConfigError: An option is unknown or has a wrong value; names it and what it belongs to.
    """
    try:
        return model(**values)
    except ValidationError as error:
        known = ", ".join(model.model_fields) or "none"
        lines = [f"{'.'.join(map(str, e['loc']))}: {_explain_option(e, known)}" for e in error.errors()]
        raise ConfigError(f"options of {what}:\n  " + "\n  ".join(lines)) from error


def _explain_option(error: Any, known: str) -> str:
    if error["type"] == "extra_forbidden":
        return f"unknown option; there are: {known}"
    return f"{error['msg']} (got {error['input']!r})"
