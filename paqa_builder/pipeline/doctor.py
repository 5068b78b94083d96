"""Is this machine ready? Everything is really tried: imports imported, models loaded and run.

Each check runs in a process of its own where it may crash or be slow, so that one broken library
does not hide the others.
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
    """One thing that was tried. ``needed`` is False where a build does without it."""

    name: str
    ok: bool
    detail: str
    fix: str = ""
    needed: bool = True


def checks(config: Config) -> Iterator[Check]:
    """Tries everything a build with this configuration uses, one :class:`Check` at a time."""
    yield _python()
    alone = Processes(1)
    for module, package in CORE.items():
        yield _outcome(alone.run_alone(_import, (module, package, True)), package)
    for plugin in config.plugins:
        yield _plugin(plugin)
    for name, stage in config.stages.items():
        if stage.backend != NO_BACKEND:
            label = f"{name}: {stage.backend}"
            yield _outcome(
                alone.run_alone(_backend, (name, stage, tuple(config.plugins), config.device)), label
            )
    for module, use in OPTIONAL.items():
        yield _outcome(alone.run_alone(_import, (module, module, False)), module, use)
    yield _disk(config.work_folder)


def _python() -> Check:
    return Check("Python", True, f"{platform.python_version()} at {sys.executable}")


def _import(what: tuple[str, str, bool]) -> Check:
    module, package, needed = what
    try:
        importlib.import_module(module)
        return Check(package, True, metadata.version(package), needed=needed)
    except Exception as error:  # a broken library raises what it likes
        fix = f"{sys.executable} -m pip install {package}"
        return Check(package, False, f"{type(error).__name__}: {error}", fix, needed)


def _plugin(path: Path) -> Check:
    try:
        made = registry.load_plugin(path)
    except PaqaError as error:
        return Check(f"plugin {path}", False, error.message, error.fix or "")
    return Check(f"plugin {path}", True, ", ".join(f"{entry.kind} {entry.name}" for entry in made))


def _backend(what: tuple[str, StageConfig, tuple[Path, ...], str | None]) -> Check:
    """Loads a backend and lets it hear half a second of quiet noise."""
    import numpy as np

    from paqa_builder.audio import Audio
    from paqa_builder.perception.backends.base import AudioInput

    name, config, plugins, device = what
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
    except Exception as error:  # whatever a model's library raises is what the user must see
        return Check(label, False, f"{type(error).__name__}: {error}", f"paqa try {config.backend} FILE.wav")


def _outcome(result: Check | Crash, label: str, use: str = "") -> Check:
    if isinstance(result, Crash):
        return Check(
            label,
            False,
            "the process died while trying",
            f"{sys.executable} -m pip install --force-reinstall …",
        )
    if use and not result.ok:
        return Check(result.name, False, f"not there; only needed {use}", result.fix, needed=False)
    return result


def _disk(folder: Path) -> Check:
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free
    detail = f"{free / (1 << 30):.1f} GB free at {there}"
    return Check("disk", free > MIN_FREE_BYTES, detail, "free some space, or choose another --work")


def require(stages: Iterable[tuple[str, str]]) -> None:
    """Checks, before hours of work start, that the packages of every (stage, backend) are there.

    Raises:
        NotReadyError: Some are not installed; says which, and the command that brings them.
    """
    for name, chosen in stages:
        backend = registry.get(name, chosen)
        absent = [package for package in backend.needs if not _installed(package)]
        if absent:
            carried = all(package in store.pins() for package in absent)
            extra = f"[{backend.extra}]" if backend.extra else ""
            raise NotReadyError(
                f"stage {name}: backend {chosen!r} needs {', '.join(absent)}, not installed here",
                fix=store.FETCH_EMBEDDED if carried else f"pip install 'paqa-builder{extra}'",
            )


def _installed(package: str) -> bool:
    try:
        metadata.distribution(package)
    except metadata.PackageNotFoundError:
        return False
    return True
