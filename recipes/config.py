"""A run's settings: a YAML file, and ``--set a.b=c`` on top of it.

The same scripts run in every size. What can be set stands in :mod:`recipes.sections`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from paqa_builder.errors import ConfigError
from recipes.sections import Config, Data, Lora, Model, Optimiser, Run, Stage1

CONFIGS = Path(__file__).parent / "configs"

__all__ = ["CONFIGS", "Config", "Data", "Lora", "Model", "Optimiser", "Run", "Stage1", "change", "load"]


def load(file: Path | str | None, changes: Sequence[str] = ()) -> Config:
    """Reads a configuration.

    Args:
        file: A YAML file, the name of one in ``recipes/configs``, or None for the defaults.
        changes: ``"stage1.batch=4"`` and the like; the value is read as YAML.

    Raises:
        ConfigError: The file cannot be read, or a key or value is wrong; names it.
    """
    return _made(_read(_find(file)) if file is not None else {}, changes, str(file or "defaults"))


def change(settings: Config, changes: Sequence[str]) -> Config:
    """A copy of a configuration with other settings, as ``--set`` takes them.

    Raises:
        ConfigError: A key or value is wrong; names it.
    """
    return _made(settings.model_dump(mode="json"), changes, "changed")


def _made(data: dict[str, Any], changes: Sequence[str], where: str) -> Config:
    for one in changes:
        _put(data, one)
    try:
        return Config(**data)
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc']))}: {_explain(e)}" for e in error.errors()]
        raise ConfigError(f"configuration ({where}):\n  " + "\n  ".join(lines)) from error


def _find(file: Path | str) -> Path:
    named = CONFIGS / f"{file}.yaml"
    if not Path(file).is_file() and named.is_file():
        return named
    return Path(file)


def _read(file: Path) -> dict[str, Any]:
    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        there = ", ".join(sorted(path.stem for path in CONFIGS.glob("*.yaml")))
        raise ConfigError(f"{file}: cannot be read ({error.strerror}); by name there are: {there}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: not valid YAML: {error}") from error
    if not isinstance(data or {}, Mapping):
        raise ConfigError(f"{file}: must be a mapping of settings, not a {type(data).__name__}")
    return dict(data or {})


def _put(data: dict[str, Any], change: str) -> None:
    key, equals, value = change.partition("=")
    if not equals or not key:
        raise ConfigError(f"--set {change}: must read key=value", fix="for example --set stage1.batch=4")
    *path, last = key.split(".")
    for name in path:
        below = data.setdefault(name, {})
        if below is None:
            below = data[name] = {}
        if not isinstance(below, dict):
            raise ConfigError(f"--set {change}: {name} is no section")
        data = below
    try:
        data[last] = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {change}: the value is not YAML") from error
    # YAML reads 1e-4 as text; nobody who writes it means text.
    if isinstance(data[last], str):
        with contextlib.suppress(ValueError):
            data[last] = float(data[last])


def _explain(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return "unknown key"
    return f"{error['msg']} (got {error['input']!r})"
