"""``paqa.lock.json``: the inputs of a build and the files of its data set.

The lock is written last, so a folder with a lock holds a finished build. It has versions, options, model
revisions and checksums, but no property of the machine: the same build gives the same bytes anywhere.
"""

from __future__ import annotations

import json
import os
import platform
import re
import reprlib
import shlex
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from paqa_builder import registry
from paqa_builder.errors import DamagedError, PaqaError
from paqa_builder.files import file_sha256
from paqa_builder.files.memo import Memo
from paqa_builder.files.stamps import settled, stamp_of
from paqa_builder.runtime.version import __version__
from paqa_builder.sources import SPLITS
from paqa_builder.untrusted import read_json

LOCK = "paqa.lock.json"
README, ATTRIBUTION, CROISSANT = "README.md", "ATTRIBUTION.md", "croissant.json"
DOCUMENTS = (README, ATTRIBUTION, CROISSANT)
FORMAT = 1
NC = "nc-"
"""First part of the names of shards of the configuration ``nc``."""
_SHARD = re.compile(
    rf"(?:data/(?:{NC})?|scenes/|quarantine/)(?:{'|'.join(SPLITS)})-\d{{5}}-of-\d{{5}}\.parquet"
)
_LIBRARIES = ("av", "jinja2", "numpy", "pyarrow", "scipy", "soundfile", "soxr")
_EXAMPLE = "data/train-00000-of-00001.parquet"


def is_shard(path: str) -> bool:
    """True for the path of a shard, relative to the data set's folder."""
    return _SHARD.fullmatch(path) is not None


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
        software: Versions of the software that decided the results; see :func:`software`.
        card_sha256: SHA-256 of ``README.md`` as it was written; users may edit it afterwards.
        documents: SHA-256 of the other documents as they were written, by name.
    """

    build: dict[str, Any]
    software: dict[str, str]
    files: tuple[ShardFile, ...]
    card_sha256: str
    documents: dict[str, str] = field(default_factory=dict)

    @property
    def all_documents(self) -> dict[str, str]:
        """SHA-256 of all documents as they were written, by name."""
        return {README: self.card_sha256, **self.documents}

    def to_bytes(self) -> bytes:
        """The bytes of the lock file."""
        content = {"format": FORMAT, **asdict(self)}
        return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()


def checked(file: ShardFile) -> ShardFile:
    """The file itself.

    Raises:
        ValueError: Its path is not that of a shard, so it may lead out of the folder.
        TypeError: A value is of another type.
    """
    if not isinstance(file.path, str) or not is_shard(file.path):
        raise ValueError(f"{reprlib.repr(file.path)} is not the path of a shard, such as {_EXAMPLE}")
    if type(file.rows) is not int or type(file.bytes) is not int or not isinstance(file.sha256, str):
        raise TypeError(f"the values of {file.path} have other types")
    return file


def _checked(lock: Lock) -> Lock:
    if not isinstance(lock.build, dict) or not isinstance(lock.card_sha256, str):
        raise TypeError("the description of the build or the SHA-256 of the card has another type")
    if not _is_texts(lock.software):
        raise TypeError("software is not an object of versions")
    if not _is_texts(lock.documents) or not set(lock.documents) <= set(DOCUMENTS):
        raise TypeError("documents is not an object of hashes")
    return lock


def _is_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for pair in value.items() for text in pair)


def read(folder: Path) -> Lock | None:
    """Reads a folder's lock; None if the folder has none, so holds no finished build.

    Raises:
        PaqaError: The lock is damaged, or has another format.
    """
    path = folder / LOCK
    if not path.is_file():
        return None
    try:
        content = read_json(path)
        if content["format"] != FORMAT:
            raise PaqaError(
                f"{path}: has another format than this version of paqa reads",
                fix="pip install -U paqa-builder",
            )
        return parsed(content)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedError(
            f"{path}: damaged ({type(error).__name__}: {_short(error)})",
            fix=f"rm {shlex.quote(str(path))} and build again",
        ) from error
    except OSError as error:
        raise PaqaError(f"{path}: cannot be read ({error.strerror})") from error


def parsed(content: dict[str, Any]) -> Lock:
    """The lock with a JSON content.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: The content is not that of a lock.
    """
    content = dict(content)
    if content.pop("format") != FORMAT:
        raise ValueError("another format")
    files = tuple(checked(ShardFile(**file)) for file in content.pop("files"))
    return _checked(Lock(files=files, **content))


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
                fix=f"rm {shlex.quote(str(path))} and run the build into {shlex.quote(str(folder))} again",
            )
    return lock


def up_to_date(folder: Path, build: Mapping[str, Any], checked: Memo | None = None) -> bool:
    """Whether the folder holds the result of this build, undamaged.

    Args:
        checked: Remembers sizes and times of change of the files, so that only those that changed are read.
    """
    try:
        lock = read(folder)
        if lock is None or lock.build != json.loads(json.dumps(build)) or lock.software != software(build):
            return False
        known, stamps = (checked.get(_place(folder)) if checked else None) or {}, {}
        for name, sha256 in _hashes(lock).items():
            stamp = stamp_of(folder / name)
            if known.get(name) != [*stamp, sha256] and file_sha256(folder / name) != sha256:
                return False
            if settled(stamp):
                stamps[name] = [*stamp, sha256]
        if checked and stamps != known:
            checked.put(_place(folder), stamps)
        return True
    except (PaqaError, OSError):
        return False


def remember(folder: Path, checked: Memo) -> None:
    """Remembers the files of a data set that was just written, for :func:`up_to_date`."""
    lock = read(folder)
    stamps = {}
    for name, sha256 in _hashes(lock).items() if lock else ():
        stamp = stamp_of(folder / name)
        if settled(stamp):
            stamps[name] = [*stamp, sha256]
    checked.put(_place(folder), stamps)


def _hashes(lock: Lock) -> dict[str, str]:
    return {file.path: file.sha256 for file in lock.files} | lock.all_documents


def _place(folder: Path) -> str:
    return os.path.realpath(folder).encode("utf-8", "backslashreplace").decode()


def software(build: Mapping[str, Any]) -> dict[str, str]:
    """Versions of the software that decides a build's results, by canonical name.

    These are Python, this package, the libraries that decode audio, compute and write, and the packages of
    the models; what else is installed on the machine is left out.
    """
    packages = {*_LIBRARIES}
    for stage in build.get("stages") or ():
        if stage.get("backend"):
            packages.update(getattr(registry.get(stage["stage"], stage["backend"]), "needs", ()))
    versions = {"python": platform.python_version(), "paqa-builder": __version__}
    for package in packages:
        with suppress(PackageNotFoundError):
            versions[_canonical(package)] = version(package)
    return dict(sorted(versions.items()))


def _short(error: Exception) -> str:
    text = str(error)
    return text if len(text) <= 200 else f"{text[:199]}…"


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
