"""Settings of a build: flag > ``PAQA_*`` environment variable > configuration file > preset > default.

``PAQA_JOBS=4`` sets ``jobs``; two underscores separate levels, so
``PAQA_STAGES__TAG__BACKEND=yamnet`` sets ``stages.tag.backend``. Unknown keys and variables are errors.
``docs/configuration.md`` lists every key.
"""

from __future__ import annotations

import os
import reprlib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from paqa_builder.config.environment import PREFIX, UserPath, check_variables, expanded
from paqa_builder.config.resources import Resources
from paqa_builder.errors import ConfigError
from paqa_builder.licenses.allowed import checked
from paqa_builder.records import STAGES, StageName
from paqa_builder.remote import url_of
from paqa_builder.untrusted import load_yaml

DEVICE_PATTERN = r"^(auto|cpu|cuda(:\d+)?)$"

_FILE = "_file"
"""Keyword by which :func:`load` passes the content of the file to :class:`Config`."""


class StageConfig(BaseModel):
    """Configuration of one stage. ``backend: none`` leaves the stage out."""

    model_config = ConfigDict(extra="forbid")

    backend: str = Field(description="Name of a backend; `paqa ls backends` lists them.")
    options: dict[str, Any] = Field(default_factory=dict, description="The backend's options.")
    listen: dict[str, Any] = Field(default_factory=dict, description="The stage's own options.")
    resources: Resources = Field(
        default_factory=Resources, description="CPUs, GPUs and memory of one worker, for the executor ray."
    )


class Config(BaseSettings):
    """All settings of a build."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        nested_model_default_partial_update=True,
    )

    source: str | None = Field(None, description="Name of a source; `paqa ls sources` lists them.")
    root: UserPath | None = Field(None, description="Folder of the corpus; by default the one of paqa fetch.")
    truth: UserPath | None = Field(
        None, description="Annotations as ground truth: a file, or a folder with files."
    )
    source_options: dict[str, Any] = Field(default_factory=dict, description="The source's options.")
    out: UserPath = Field(Path("shards"), description="Folder for the Parquet shards.")
    work: UserPath | None = Field(None, description="Folder for parts and stems; OUT.work by default.")
    preset: str = Field("cpu", description="Named set of backends: cpu, gpu, fake.")
    stages: dict[StageName, StageConfig] = Field(
        default_factory=dict, description="Backend and options by stage."
    )
    plugins: list[UserPath] = Field(
        default_factory=list, description="Python files with sources, backends or fact kinds."
    )
    templates: list[UserPath] = Field(
        default_factory=list, description="Question templates: files or folders with files."
    )
    questions: dict[str, Any] = Field(default_factory=dict, description="Options of the questions.")
    gate: dict[str, Any] = Field(default_factory=dict, description="Options of the blind gate.")
    leaks: dict[str, Any] = Field(default_factory=dict, description="Options of leaks and doubles.")
    llm: dict[str, Any] = Field(
        default_factory=dict, description="Options of the optional language model; off by default."
    )
    seed: int = Field(0, description="Seed of all random choices.")
    limit: int | None = Field(None, ge=1, description="Only the first N clips of the source.")
    jobs: int | None = Field(
        None, ge=1, description="Worker processes; one per core, or per GPU, by default."
    )
    device: str | None = Field(
        None, pattern=DEVICE_PATTERN, description="Device of the models: auto, cpu, cuda, cuda:N."
    )
    part_size: int | None = Field(
        None, ge=1, description="Clips per part; derived from the size of the corpus by default."
    )
    executor: Literal["processes", "inline", "ray"] = Field(
        "processes",
        description="Run stages in worker processes, in this process, or on the nodes of a Ray cluster.",
    )
    ray: dict[str, Any] = Field(default_factory=dict, description="Options of the executor ray.")
    shard: str | None = Field(
        None,
        pattern=r"^[1-9]\d*/[1-9]\d*$",
        description="i/n: only the stages of every n-th part, beginning with the i-th; publishes nothing.",
    )
    remote_cache_gb: float = Field(
        10.0, gt=0, description="Disk for files of a remote --root in the work folder, in GB."
    )
    stems: Literal["keep", "drop"] = Field(
        "drop", description="Keep the separated stems, or drop them when all stages have used them."
    )
    max_clip_seconds: float = Field(
        4 * 3600.0, gt=0, description="Longer clips become failures, and are not processed."
    )
    clip_time_limit: float | None = Field(
        None,
        gt=0,
        description="Seconds that a stage may take for one clip; by default 600, and 60 per second of audio.",
    )
    license_allow: list[str] = Field(
        default_factory=list,
        description="Licences that clips may have: names, families such as CC-BY, or open; empty for all.",
    )
    _licenses = field_validator("license_allow")(checked)
    speaker_names: Literal["hash", "keep"] = Field(
        "hash", description="Replace names of speakers in the corpus's annotation by hashes, or keep them."
    )
    speaker_key: str = Field(
        "", repr=False, description="Secret that is part of these hashes; set it as PAQA_SPEAKER_KEY."
    )
    shard_mb: int = Field(300, ge=1, description="MB of audio after which a new shard starts.")

    @field_validator("work")
    @classmethod
    def _on_a_disk(cls, value: Path | None) -> Path | None:
        if url_of(value):
            raise ValueError("the work folder must be on a local or a shared disk, not at a URL")
        return value

    @field_validator("shard")
    @classmethod
    def _within(cls, value: str | None) -> str | None:
        number, _, count = (value or "1/1").partition("/")
        if int(number) > int(count):
            raise ValueError(f"there are only {count} shards; the first is 1/{count}")
        return value

    @property
    def work_folder(self) -> Path:
        """Folder of parts and stems: ``work``, or ``OUT.work``."""
        if self.work is not None:
            return self.work
        beside = Path() if url_of(self.out) else self.out.parent  # it is on a local or a shared disk
        return beside / (self.out.name + ".work")

    @property
    def workers(self) -> int:
        """Worker processes of a stage on the CPU: ``jobs``, or one per core that this process may use."""
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
    """The settings of a preset.

    Raises:
        ConfigError: There is no preset of that name.
    """
    if name not in presets():
        raise ConfigError(f"no preset is called {name!r}; the presets are: {', '.join(presets())}")
    text = files("paqa_builder").joinpath(f"presets/{name}.yaml").read_text(encoding="utf-8")
    return load_yaml(text)


def load(flags: Mapping[str, Any] | None = None, file: Path | None = None) -> Config:
    """Loads the configuration from flags, environment, file and preset.

    Args:
        flags: Values from the command line; None values are ignored.
        file: A YAML file.

    Raises:
        ConfigError: The file is unreadable or not YAML, or a key, a variable or a value is wrong; names it.
    """
    check_environment()
    given = {key: value for key, value in (flags or {}).items() if value is not None}
    try:
        layers: dict[str, Any] = {**given, _FILE: read_yaml(file) if file else {}}
        config = Config(**layers)
    except SettingsError as error:
        raise ConfigError(
            f"the environment: {error} (a list or a section must be JSON)",
            fix="write, for example, PAQA_PLUGINS='[\"plugin.py\"]', or use a flag or --config",
        ) from error
    except ValidationError as error:
        origin = f"the command line, PAQA_* or {file}" if file else "the command line or PAQA_*"
        raise ConfigError(f"configuration (from {origin}):{_explain(error, Config, 'key')}") from error
    missing = [stage for stage in STAGES if stage not in config.stages]
    if missing:
        raise ConfigError(f"no backend is configured for: {', '.join(missing)}", fix="add --preset cpu")
    return config


def check_environment() -> None:
    """Checks that every ``PAQA_*`` variable is a setting.

    Raises:
        ConfigError: A variable is unknown; suggests a similar one.
    """
    fields = Config.model_fields
    check_variables(fields, [name for name, field in fields.items() if field.default_factory is dict])


def read_yaml(file: Path) -> dict[str, Any]:
    """Reads a YAML mapping; an empty file gives an empty one.

    Raises:
        ConfigError: The file cannot be read, is not valid YAML, or is not a mapping.
    """
    try:
        data = load_yaml(expanded(file).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: not valid YAML: {error}") from error
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError(f"{file}: must be a mapping of settings, not a {type(data).__name__}")
    return data


def validate_options(model: type[BaseModel], values: Mapping[str, Any], what: str) -> Any:
    """Checks options against their pydantic model and returns an instance of it.

    Args:
        what: What the options belong to, for the error message.

    Raises:
        ConfigError: An option is unknown or has a wrong value.
    """
    try:
        return model(**values)
    except ValidationError as error:
        raise ConfigError(f"options of {what}:{_explain(error, model, 'option')}") from error


def reason(message: str) -> str:
    """A message of pydantic; one of our own validators without the words that pydantic puts before it."""
    return message.removeprefix("Value error, ")


def _explain(error: ValidationError, model: type[BaseModel], kind: str) -> str:
    """One indented line per error of a model whose fields are called ``kind``."""
    text = ""
    for item in error.errors():
        if item["type"] != "extra_forbidden":
            message = f"{reason(item['msg'])} (got {reprlib.repr(item['input'])})"
        elif len(item["loc"]) > 1:
            message = f"unknown {kind}"
        else:
            message = f"unknown {kind}; the {kind}s are: {', '.join(sorted(model.model_fields)) or 'none'}"
        text += f"\n  {'.'.join(map(str, item['loc']))}: {message}"
    return text
