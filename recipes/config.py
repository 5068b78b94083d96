"""Loads a run's configuration: a YAML file, with changes by ``--set a.b=c``.

:mod:`recipes.sections` defines the settings.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from paqa_builder.config import read_yaml
from paqa_builder.config.environment import expanded
from paqa_builder.errors import ConfigError
from paqa_builder.untrusted import load_yaml
from recipes.sections import Config, Data, Lora, Model, Optimiser, Run, Stage1

CONFIGS = Path(__file__).parent / "configs"

__all__ = ["CONFIGS", "Config", "Data", "Lora", "Model", "Optimiser", "Run", "Stage1", "change", "load"]


def load(file: Path | str | None, changes: Sequence[str] = ()) -> Config:
    """Reads a configuration.

    Args:
        file: A YAML file, the name of one in ``recipes/configs``, or None for the defaults.
        changes: Changes such as ``"stage1.batch=4"``; the value is YAML.

    Raises:
        ConfigError: The file cannot be read, or a key or value is wrong; names it.
    """
    return _build(read_yaml(_find(file)) if file is not None else {}, changes, str(file or "defaults"))


def change(settings: Config, changes: Sequence[str]) -> Config:
    """Copies a configuration with changes in the syntax of ``--set``.

    Raises:
        ConfigError: A key or value is wrong; names it.
    """
    return _build(settings.model_dump(mode="json"), changes, "changed")


def _build(data: dict[str, Any], changes: Sequence[str], where: str) -> Config:
    for change in changes:
        _set(data, change)
    try:
        return Config(**data)
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc']))}: {_explain(e)}" for e in error.errors()]
        raise ConfigError(f"configuration ({where}):\n  " + "\n  ".join(lines)) from error


def _find(file: Path | str) -> Path:
    named = {path.stem: path for path in sorted(CONFIGS.glob("*.yaml"))}
    path = expanded(file)
    if not path.is_file() and str(file) in named:
        return named[str(file)]
    if not path.exists():
        raise ConfigError(f"{file}: neither a file nor one of {', '.join(named)}")
    return path


def _set(data: dict[str, Any], change: str) -> None:
    key, equals, value = change.partition("=")
    if not equals or not key:
        raise ConfigError(f"--set {change}: must be key=value", fix="for example --set stage1.batch=4")
    *path, last = key.split(".")
    for name in path:
        below = data.setdefault(name, {})
        if below is None:
            below = data[name] = {}
        if not isinstance(below, dict):
            raise ConfigError(f"--set {change}: {name} is not a section")
        data = below
    try:
        data[last] = load_yaml(value)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {change}: the value is not YAML") from error
    # PyYAML reads 1e-4 as text.
    if isinstance(data[last], str):
        with contextlib.suppress(ValueError):
            data[last] = float(data[last])


def _explain(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return "unknown key"
    return f"{error['msg']} (got {error['input']!r})"
