"""Publishes a data set of a local folder at a URL, so that a reader never sees half of it.

The rules are those of a local folder (:mod:`paqa_builder.dataset.write`): the lock is removed first and
written last, a journal lists the files of the earlier and of the new data set meanwhile, and only files that
the lock or the journal lists are replaced or removed.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from paqa_builder.dataset import lock
from paqa_builder.dataset.lock import LOCK, Lock
from paqa_builder.dataset.ownership import FOLDERS, JOURNAL
from paqa_builder.errors import ConfigError, itemize
from paqa_builder.remote import attempted, open_folder
from paqa_builder.text.privacy import redact
from paqa_builder.untrusted import loads

log = logging.getLogger(__name__)

_SETTING = "--out"


@dataclass(frozen=True)
class RemoteFolder:
    """A folder at a URL.

    Raises:
        ConfigError: The URL is wrong.
        NotReadyError: The file system cannot be reached.
    """

    url: str
    fs: Any
    root: str

    @classmethod
    def at(cls, url: str) -> RemoteFolder:
        return cls(url, *open_folder(url, _SETTING))

    def __str__(self) -> str:
        return redact(self.url)

    def sizes(self) -> dict[str, int]:
        """Sizes of the files of a data set, and of all Parquet files in its folders, by name."""
        self._call(self.fs.invalidate_cache)
        found: dict[str, int] = {}
        for folder in ("", *FOLDERS):
            path = self._path(folder)
            with suppress(FileNotFoundError, NotADirectoryError):
                for entry in self._call(partial(self.fs.ls, path, detail=True)):
                    name = str(PurePosixPath(folder) / PurePosixPath(entry["name"]).name)
                    if entry["type"] == "file":
                        found[name] = int(entry.get("size") or 0)
        return found

    def read(self, name: str) -> bytes | None:
        """The content of a small file; None without it."""
        try:
            content: bytes = self._call(lambda: self.fs.cat_file(self._path(name)))
        except FileNotFoundError:
            return None
        return content

    def write(self, name: str, content: bytes) -> None:
        self._call(lambda: self.fs.pipe_file(self._path(name), content))

    def put(self, path: Path, name: str) -> None:
        """Uploads a file."""
        with suppress(NotImplementedError, FileExistsError):
            self._call(lambda: self.fs.makedirs(self._path(str(PurePosixPath(name).parent)), exist_ok=True))
        self._call(lambda: self.fs.put_file(str(path), self._path(name)))

    def remove(self, name: str) -> None:
        with suppress(FileNotFoundError):
            self._call(lambda: self.fs.rm_file(self._path(name)))

    def _path(self, name: str) -> str:
        return f"{self.root.rstrip('/')}/{name}".rstrip("/") if name not in ("", ".") else self.root

    def _call(self, call: Callable[[], Any]) -> Any:
        return attempted(call, self.url, _SETTING)


def check(remote: RemoteFolder, source: Mapping[str, Any] | None = None) -> tuple[Lock | None, set[str]]:
    """Refuses a folder in which a data set would replace other files.

    Args:
        source: The source of the new data set, as its lock names it.

    Returns:
        The lock of the earlier data set, and the names of all files that paqa wrote.

    Raises:
        ConfigError: Something is in the way; names it.
    """
    earlier = _lock(remote)
    own = _journal(remote)
    if earlier is not None:
        own |= {file.path for file in earlier.files} | set(earlier.all_documents)
    found = remote.sizes()
    foreign = [
        name
        for name in found
        if name not in own and (name in lock.DOCUMENTS or ("/" in name and name.endswith(".parquet")))
    ]
    if foreign:
        raise ConfigError(
            f"{remote}: in the way of the data set, and not written by paqa:{itemize(sorted(foreign))}",
            fix="choose another --out, or move what is in the way",
        )
    if earlier is not None and source is not None:
        written = earlier.build.get("source") or {}
        if written.get("name") != source["name"]:
            raise ConfigError(
                f"{remote}: holds the data set of another corpus (source {written.get('name')!r})",
                fix="choose another --out, or remove the earlier data set first",
            )
    return earlier, own


def publish(folder: Path, remote: RemoteFolder) -> bool:
    """Uploads the data set of a folder, and returns whether anything had to be uploaded.

    Raises:
        ConfigError: Other files are in the way.
        NotReadyError: The file system cannot be reached. The same command completes the upload.
    """
    new = lock.verify(folder)
    content = new.to_bytes()
    earlier, own = check(remote, new.build.get("source"))
    found = remote.sizes()
    if earlier is not None and earlier.to_bytes() == content and _complete(new, found):
        return False
    names = {file.path for file in new.files} | set(new.all_documents)
    journal = {"files": sorted(own | names)}
    remote.write(JOURNAL, (json.dumps(journal, indent=1) + "\n").encode())
    _keep_edited(remote, earlier)
    remote.remove(LOCK)  # from here on the folder is not a finished build
    same = {file.path for file in earlier.files if file in new.files} if earlier is not None else set()
    for file in new.files:
        if file.path not in same or found.get(file.path) != file.bytes:
            remote.put(folder / file.path, file.path)
    for name in sorted(own - names):
        if lock.is_shard(name):
            remote.remove(name)
    for name in new.all_documents:
        remote.put(folder / name, name)
    remote.put(folder / LOCK, LOCK)
    remote.remove(JOURNAL)
    return True


def _complete(new: Lock, found: Mapping[str, int]) -> bool:
    return all(found.get(file.path) == file.bytes for file in new.files) and set(new.all_documents) <= set(
        found
    )


def _lock(remote: RemoteFolder) -> Lock | None:
    content = remote.read(LOCK)
    if content is None:
        return None
    try:
        return lock.parsed(loads(content))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"{remote}: {LOCK} is damaged ({type(error).__name__}): the files of the earlier data set cannot "
            "be told from others",
            fix="choose another --out, or remove the data set there",
        ) from error


def _journal(remote: RemoteFolder) -> set[str]:
    content = remote.read(JOURNAL)
    if content is None:
        return set()
    try:
        names = set(map(str, loads(content)["files"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{remote}: {JOURNAL} is damaged",
            fix="choose another --out, or remove the data set there",
        ) from error
    return {name for name in names if lock.is_shard(name) or name in lock.DOCUMENTS}


def _keep_edited(remote: RemoteFolder, earlier: Lock | None) -> None:
    """Copies documents that were edited by hand, so that the new ones do not overwrite them."""
    for name, sha256 in earlier.all_documents.items() if earlier is not None else ():
        content = remote.read(name)
        if content is not None and hashlib.sha256(content).hexdigest() != sha256:
            path = PurePosixPath(name)
            kept = f"{path.stem}.old{path.suffix}"
            number = 1
            while remote.read(kept) is not None:
                number += 1
                kept = f"{path.stem}.old{number}{path.suffix}"
            remote.write(kept, content)
            log.warning("%s was edited by hand: kept as %s", name, kept)
