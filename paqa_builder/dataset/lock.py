"""``paqa.lock.json``: the inputs of a build and the files of its data set.

The lock is written last, so a folder with a lock holds a finished build. It has versions, options, model
revisions and checksums, but no property of the machine: the same build gives the same bytes anywhere.
"""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from paqa_builder.errors import PaqaError
from paqa_builder.files import file_sha256
from paqa_builder.runtime.version import __version__

LOCK = "paqa.lock.json"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class ShardFile:
    """One Parquet file. ``path`` is relative to the data set's folder, with ``/``."""

    path: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Lock:
    """The content of ``paqa.lock.json``.

    Attributes:
        build: Description of the build: source, options, stages, keys, templates.
        software: Versions of Python, of paqa and of the libraries that it requires.
        card_sha256: SHA-256 of ``README.md`` as it was written; users may edit it afterwards.
    """

    build: dict[str, Any]
    software: dict[str, str]
    files: tuple[ShardFile, ...]
    card_sha256: str

    def to_bytes(self) -> bytes:
        """The bytes of the lock file."""
        content = {"format": FORMAT, **asdict(self)}
        return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()


def read(folder: Path) -> Lock | None:
    """Reads a folder's lock; None if the folder has none, so holds no finished build.

    Raises:
        PaqaError: The lock is damaged, or has another format.
    """
    path = folder / LOCK
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_bytes())
        if content.pop("format") != FORMAT:
            raise PaqaError(
                f"{path}: has another format than this version of paqa reads",
                fix="pip install -U paqa-builder",
            )
        files = tuple(ShardFile(**file) for file in content.pop("files"))
        return Lock(files=files, **content)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PaqaError(
            f"{path}: damaged ({type(error).__name__}: {error})", fix=f"rm '{path}' and build again"
        ) from error


def verify(folder: Path) -> Lock:
    """Checks that a folder holds a finished build and that every file has its checksum.

    Raises:
        PaqaError: The build is not finished, or a file is missing or has changed.
    """
    lock = read(folder)
    if lock is None:
        raise PaqaError(
            f"{folder}: no finished build in this folder (no {LOCK})", fix=f"paqa build … --out '{folder}'"
        )
    for file in lock.files:
        path = folder / file.path
        if not path.is_file():
            raise PaqaError(f"{path}: missing", fix=f"run the build into '{folder}' again")
        if path.stat().st_size != file.bytes or file_sha256(path) != file.sha256:
            raise PaqaError(
                f"{path}: changed since the build (its SHA-256 differs from {LOCK})",
                fix=f"rm '{path}' and run the build into '{folder}' again",
            )
    return lock


def up_to_date(folder: Path, build: Mapping[str, Any]) -> bool:
    """Whether the folder holds the result of this build, undamaged. Reads all files."""
    try:
        lock = read(folder)
        if lock is None or lock.build != json.loads(json.dumps(build)) or lock.software != software():
            return False
        verify(folder)
        return file_sha256(folder / "README.md") == lock.card_sha256
    except (PaqaError, OSError):
        return False


def software() -> dict[str, str]:
    """Versions of Python, of this package and of its installed requirements, by canonical name."""
    versions = {"python": platform.python_version(), "paqa-builder": __version__}
    installed = {_canonical(d.metadata["Name"]): d for d in distributions() if d.metadata["Name"]}
    own = installed.get("paqa-builder")
    for requirement in own.requires or () if own else ():
        name = _canonical(re.match(r"[A-Za-z0-9._-]+", requirement)[0])  # type: ignore[index]
        if name in installed:
            versions.setdefault(name, installed[name].version)
    return dict(sorted(versions.items()))


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
