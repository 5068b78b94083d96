"""Checks the environment: imports packages, loads and runs models, measures free disk space.

Imports and models run in processes of their own, so that a library that crashes does not end the checks.
"""

from __future__ import annotations

import importlib
import platform
import shutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from paqa_builder import registry
from paqa_builder.config import Config, StageConfig
from paqa_builder.errors import NotReadyError, PaqaError
from paqa_builder.pipeline.plan import NO_BACKEND, build_stage, placed
from paqa_builder.runtime.executor import Crash, Processes
from paqa_builder.weights import store

CORE = {
    "numpy": "numpy", "soundfile": "soundfile", "soxr": "soxr", "pyarrow": "pyarrow", "pandas": "pandas",
    "pydantic": "pydantic", "yaml": "PyYAML", "jinja2": "Jinja2", "huggingface_hub": "huggingface-hub",
}  # fmt: skip
OPTIONAL = {
    "speechmos": "for speech quality (option dnsmos of measure's backend signal)",
    "datasets": "to load shards with load_dataset",
    "openai": "for --llm",
    "torchcodec": "for datasets to decode audio columns",
}
MIN_FREE_BYTES = 2 << 30


@dataclass(frozen=True, slots=True)
class Check:
    """Result of one check. ``needed`` is False if a build works without it."""

    name: str
    ok: bool
    detail: str
    fix: str = ""
    needed: bool = True


def checks(config: Config) -> Iterator[Check]:
    """Checks everything that a build with this configuration uses, one :class:`Check` at a time."""
    yield Check("Python", True, f"{platform.python_version()} at {sys.executable}")
    processes = Processes(1)
    for module, package in CORE.items():
        yield _outcome(processes.run_alone(_import, (module, package, True)), package)
    for plugin in config.plugins:
        yield _plugin(plugin)
    for name, stage in config.stages.items():
        if stage.backend != NO_BACKEND:
            label = f"{name}: {stage.backend}"
            task = (name, stage, tuple(config.plugins), config.device)
            yield _outcome(processes.run_alone(_backend, task), label)
    for module, use in OPTIONAL.items():
        yield _outcome(processes.run_alone(_import, (module, module, False)), module, use)
    yield _disk(config.work_folder)


def _import(task: tuple[str, str, bool]) -> Check:
    module, package, needed = task
    try:
        importlib.import_module(module)
        return Check(package, True, metadata.version(package), needed=needed)
    except Exception as error:  # a broken library may raise any error
        fix = f"{sys.executable} -m pip install {package}"
        return Check(package, False, f"{type(error).__name__}: {error}", fix, needed)


def _plugin(path: Path) -> Check:
    try:
        entries = registry.load_plugin(path)
    except PaqaError as error:
        return Check(f"plugin {path}", False, error.message, error.fix or "")
    return Check(f"plugin {path}", True, ", ".join(f"{entry.kind} {entry.name}" for entry in entries))


def _backend(task: tuple[str, StageConfig, tuple[Path, ...], str | None]) -> Check:
    """Loads a backend and runs it on half a second of quiet noise."""
    import numpy as np

    from paqa_builder.audio import Audio
    from paqa_builder.perception.backends.base import AudioInput

    name, config, plugins, device = task
    label = f"{name}: {config.backend}"
    try:
        registry.load_plugins(plugins)
        backend = build_stage(name, placed(name, config, device)).backend
        backend.load()
        rate = backend.sample_rate
        noise = 0.01 * np.random.default_rng(0).standard_normal(rate // 2).astype(np.float32)
        audio = Audio(noise, rate)
        backend.run([AudioInput(audio, audio, audio, audio)])
        return Check(label, True, f"loads and runs ({backend.revision})")
    except PaqaError as error:
        return Check(label, False, error.message, error.fix or "")
    except Exception as error:  # a model's library may raise any error
        return Check(label, False, f"{type(error).__name__}: {error}", f"paqa try {config.backend} FILE.wav")


def _outcome(result: Check | Crash, label: str, use: str = "") -> Check:
    if isinstance(result, Crash):
        fix = f"{sys.executable} -m pip install --force-reinstall …"
        return Check(label, False, "the process crashed during this check", fix)
    if use and not result.ok:
        return Check(result.name, False, f"not installed; only needed {use}", result.fix, needed=False)
    return result


def _disk(folder: Path) -> Check:
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    detail = f"{free / (1 << 30):.1f} GB free at {existing}"
    return Check("disk", free > MIN_FREE_BYTES, detail, "free some space, or choose another --work")


def require(stages: Iterable[tuple[str, str]]) -> None:
    """Checks, before a build starts, that the packages of every (stage, backend) are installed.

    Raises:
        NotReadyError: Packages are missing; names them and the command that installs them.
    """
    for stage, name in stages:
        backend = registry.get(stage, name)
        missing = [package for package in backend.needs if not _installed(package)]
        if missing:
            fetchable = all(package in store.pins() for package in missing)
            extra = f"[{backend.extra}]" if backend.extra else ""
            raise NotReadyError(
                f"stage {stage}: backend {name!r} needs {', '.join(missing)}, which is not installed",
                fix=store.FETCH_EMBEDDED if fetchable else f"pip install 'paqa-builder{extra}'",
            )


def _installed(package: str) -> bool:
    try:
        metadata.distribution(package)
    except metadata.PackageNotFoundError:
        return False
    return True
