"""Which files in the folder of a data set are paqa's, and what else is in the way of a new one.

A file is paqa's if the lock lists it and it has the listed hash. While a build publishes, there is no lock: a
journal then lists the files of the earlier and of the new data set. Nothing else is replaced or removed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from paqa_builder import files
from paqa_builder.dataset import lock
from paqa_builder.dataset.lock import ShardFile
from paqa_builder.errors import ConfigError, PaqaError, itemize
from paqa_builder.sources import SPLITS
from paqa_builder.untrusted import read_json

FOLDERS = ("data", "scenes", "quarantine")
TEMPORARY = ".paqa-incoming"
JOURNAL = ".paqa-incoming.json"

# The card declares all files of these names as the data set's.
_DECLARED = re.compile(rf"(?:{lock.NC})?(?:{'|'.join(SPLITS)})-.*\.parquet", re.DOTALL)
_INCOMING = re.compile(rf"(?:{lock.NC})?(?:{'|'.join(SPLITS)})-\d{{5}}\.parquet")


@dataclass(frozen=True, slots=True)
class Owned:
    """The files that paqa wrote into a folder.

    Attributes:
        shards: Shards by path below the folder; several while a build replaces one by another.
        documents: Name and SHA-256 of the card and the other documents; None if no build wrote into the
            folder.
    """

    shards: frozenset[ShardFile]
    documents: frozenset[tuple[str, str]] | None

    def listed(self, name: str) -> list[ShardFile]:
        return [shard for shard in self.shards if shard.path == name]


def owned(out: Path) -> Owned:
    """What the lock and the journal of a folder list.

    Raises:
        ConfigError: The lock is damaged, so it is unknown which files are paqa's.
    """
    shards, documents = _journal(out)
    try:
        written = lock.read(out)
    except PaqaError as error:
        raise ConfigError(
            f"{error.message}: the files of the earlier data set cannot be told from others",
            fix=f"choose another --out, or move the files out of '{out}' and build again",
        ) from error
    if written:
        shards, documents = shards | set(written.files), documents | set(written.all_documents.items())
    return Owned(frozenset(shards), frozenset(documents) if documents else None)


def check(out: Path, *, hashes: bool) -> Owned:
    """Refuses a folder in which a data set would replace files that are not paqa's.

    Args:
        hashes: Whether to compare hashes, too, and not only sizes. Reads all shards.

    Raises:
        ConfigError: Something is in the way; names it.
    """
    problems = list(_links_and_types(out))
    own = Owned(frozenset(), None) if problems else owned(out)
    problems += _others(out, own) if not problems else []
    changed = list(_changed(out, own, hashes=hashes)) if not problems else []
    if problems:
        raise ConfigError(
            f"{out}: in the way of the data set, and not written by paqa:{itemize(problems)}",
            fix="choose another --out, or move what is in the way",
        )
    if changed:
        raise ConfigError(
            f"{out}: changed or damaged after the build:{itemize(changed)}",
            fix="delete these files, or move them elsewhere to keep them; then the same command builds the "
            "data set again",
        )
    return own


def _links_and_types(out: Path) -> Iterator[str]:
    for name in (*FOLDERS, TEMPORARY, *lock.DOCUMENTS, lock.LOCK, JOURNAL):
        path = out / name
        if path.is_symlink():
            yield f"{name} (a link)"
        elif name in FOLDERS or name == TEMPORARY:
            if path.exists() and not path.is_dir():
                yield f"{name} (not a folder)"
        elif path.exists() and not path.is_file():
            yield f"{name} (not a file)"


def _others(out: Path, own: Owned) -> Iterator[str]:
    if own.documents is None:
        yield from (name for name in lock.DOCUMENTS if (out / name).exists())
    for name, path in _shards(out):
        if path.is_symlink():
            yield f"{name} (a link)"
        elif not path.is_file():
            yield f"{name} (not a file)"
        elif not own.listed(name):
            yield f"{name} (not listed in {lock.LOCK})"
    for path in sorted((out / TEMPORARY).rglob("*")):
        if not (path.is_dir() and not path.is_symlink()) and not _is_incoming(path, out):
            yield path.relative_to(out).as_posix()


def _shards(out: Path) -> Iterator[tuple[str, Path]]:
    for folder in FOLDERS:
        for path in sorted((out / folder).glob("*.parquet")):
            if _DECLARED.fullmatch(path.name):
                yield f"{folder}/{path.name}", path


def _changed(out: Path, own: Owned, *, hashes: bool) -> Iterator[str]:
    """Shards that differ from what the lock or the journal lists."""
    for name, path in _shards(out):
        size = path.stat().st_size
        listed = [shard for shard in own.listed(name) if shard.bytes == size]
        if not listed:
            yield f"{name} (its size differs from {lock.LOCK})"
        elif hashes and files.file_sha256(path) not in {shard.sha256 for shard in listed}:
            yield f"{name} (its SHA-256 differs from {lock.LOCK})"


def _is_incoming(path: Path, out: Path) -> bool:
    folder = path.parent
    if folder == out / TEMPORARY:
        return path.name in (*lock.DOCUMENTS, lock.LOCK)
    return folder.parent == out / TEMPORARY and bool(_INCOMING.fullmatch(path.name))


def remove_stale(out: Path) -> None:
    """Deletes temporary files that ended processes left."""
    for folder in (out, out / TEMPORARY):
        if not folder.is_symlink():
            files.remove_stale_in(folder, (*lock.DOCUMENTS, lock.LOCK, JOURNAL))


def clear_incoming(out: Path) -> None:
    """Removes the files of a data set that was not published, and their folders."""
    temporary = out / TEMPORARY
    if temporary.is_symlink():
        return
    for path in sorted(temporary.rglob("*"), reverse=True):  # files before their folders
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        elif _is_incoming(path, out):
            path.unlink()
    if temporary.is_dir() and not any(temporary.iterdir()):
        temporary.rmdir()


def write_journal(out: Path, own: Owned, shards: Iterable[ShardFile], documents: Mapping[str, str]) -> None:
    """Records the files of the earlier and of the new data set until the new lock is written.

    Args:
        documents: SHA-256 of the new card and the other new documents, by name.
    """
    listed = sorted({*own.shards, *shards}, key=lambda shard: (shard.path, shard.sha256))
    content = {
        "files": [[shard.path, shard.rows, shard.bytes, shard.sha256] for shard in listed],
        "documents": sorted({*(own.documents or ()), *documents.items()}),
    }
    files.write_atomic(out / JOURNAL, (json.dumps(content, indent=1) + "\n").encode(), setting="--out")


def _journal(out: Path) -> tuple[set[ShardFile], set[tuple[str, str]]]:
    try:
        content = read_json(out / JOURNAL)
        cards = [(lock.README, sha256) for sha256 in content.get("cards", ())]  # of earlier versions
        documents = {(str(name), str(sha256)) for name, sha256 in content.get("documents", cards)}
        return {lock.checked(ShardFile(*row)) for row in content["files"]}, documents
    except FileNotFoundError:
        return set(), set()
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise ConfigError(
            f"{out / JOURNAL}: damaged ({type(error).__name__})",
            fix=f"choose another --out, or move the files out of '{out}' and build again",
        ) from error


def unused_name(path: Path) -> Path:
    """``README.old.md`` for ``README.md``, with a number where there is such a file already."""
    number = 1
    while True:
        infix = "old" if number == 1 else f"old{number}"
        free = path.with_name(f"{path.stem}.{infix}{path.suffix}")
        if not free.exists() and not free.is_symlink():
            return free
        number += 1
