"""The work folder: files that are complete or not there, in folders named by what made them.

Layout::

    WORK/fingerprints.json                     content hash of every clip, with size and mtime
    WORK/<stage>-<key>/part-<hash>.jsonl       one line a clip: records, or the failure
    WORK/separate-<key>/stems/ab/<sha256>.speech.flac
    WORK/questions-<key>/part-<hash>.jsonl

A stage's key is the hash of everything that decides its results: versions, options, model
revisions, upstream keys. A part's hash covers its clips. So a file's presence says that the
work is done, by any process, and a changed option leads to another folder. There are no locks:
two builds that race write the same bytes to the same name.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from paqa_builder.errors import ConfigError, NotReadyError
from paqa_builder.records import Clip, to_json

Identity = tuple[str, str, str]
KEY_LENGTH = 12


def digest(value: Any, length: int = KEY_LENGTH) -> str:
    """A short, stable hash of anything JSON can hold."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def write_atomic(path: Path, data: bytes) -> None:
    """Writes a file so that it is either complete or not there, also after a crash.

    Raises:
        NotReadyError: The disk is full or the folder is not writable. Nothing is left behind.
    """
    with atomic_file(path) as file:
        file.write(data)


@contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Opens a binary stream that becomes the file ``path`` when the block ends without an error.

    Raises:
        NotReadyError: The disk is full or the folder is not writable. Nothing is left behind.

    Example:
        >>> with atomic_file(Path("lines.jsonl")) as file:  # doctest: +SKIP
        ...     file.write(b"{}")
    """
    # The host and process in the temporary name let a later build tell leftovers from work under way.
    aside = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(aside, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
        _sync_folder(path.parent)
    except OSError as error:
        aside.unlink(missing_ok=True)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NotReadyError(
                f"no space left on disk while writing {path}",
                fix="free some space (or point --work elsewhere) and run the same command again: "
                "what is done is kept",
            ) from error
        if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
            raise NotReadyError(
                f"{path.parent}: not writable ({error.strerror})", fix="choose another --work"
            ) from error
        raise
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_litter(work: Path) -> None:
    """Deletes temporary files of processes on this machine that no longer live."""
    host = socket.gethostname()
    for path in work.rglob(".*.tmp"):
        owner, _, pid = path.name.removesuffix(".tmp").rpartition(".")
        if owner.endswith(host) and pid.isdigit() and not _alive(int(pid)):
            path.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:  # in a container whose init does not reap, the dead stay listed as zombies
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True


def write_rows(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Writes JSON lines, atomically."""
    text = "".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows)
    write_atomic(path, text.encode())


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Reads back what :func:`write_rows` wrote.

    Raises:
        ConfigError: The file was damaged from outside; says which to delete.
    """
    try:
        # Not splitlines(): it also splits at U+2028, which JSON leaves as it is.
        return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: damaged ({error})", fix=f"rm '{path}' and build again") from error


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A clip and what tells whether a row is its result.

    Attributes:
        sha256: Of its file's bytes; the empty string where it cannot be read.
        truth: Hash of the corpus's annotation, for stages that use it; else the empty string.
    """

    clip: Clip
    sha256: str
    truth: str = ""

    @property
    def identity(self) -> Identity:
        """What a row must have in common with a clip to be its result."""
        return (self.clip.id, self.sha256, self.truth)


@dataclass(frozen=True, slots=True)
class Part:
    """Some clips that are worked on together: the unit of work and of resume."""

    index: int
    prints: tuple[Fingerprint, ...]
    hash: str

    def with_truth(self, wanted: bool) -> Part:
        """The same clips, known by their annotation too, or by their audio alone."""
        if all(bool(p.truth) == wanted for p in self.prints):
            return self
        prints = (replace(p, truth=digest(to_json(p.clip.truth)) if wanted else "") for p in self.prints)
        return _part(self.index, tuple(prints))

    def file(self, folder: Path) -> Path:
        """Where the part's rows are in a stage's folder."""
        return folder / f"part-{self.hash}.jsonl"


def parts_of(prints: list[Fingerprint], size: int) -> list[Part]:
    """Cuts a listing into parts of ``size`` clips."""
    return [_part(n, tuple(prints[at : at + size])) for n, at in enumerate(range(0, len(prints), size))]


def _part(index: int, prints: tuple[Fingerprint, ...]) -> Part:
    rows = [[p.clip.id, p.sha256, *([p.truth] if p.truth else ())] for p in prints]
    return Part(index, prints, digest(rows, 16))


def row_identity(row: dict[str, Any]) -> Identity:
    """A row's counterpart of :attr:`Fingerprint.identity`."""
    return (row["clip"], row["sha256"], row.get("truth", ""))


def fingerprint(clips: list[Clip], work: Path, *, save: bool = True) -> list[Fingerprint]:
    """Hashes every clip's bytes; files whose size and mtime are known are not read again.

    Args:
        save: Whether to remember the hashes in the work folder (``paqa plan`` touches nothing).
    """
    cache_file = work / "fingerprints.json"
    known: dict[str, list[Any]] = {}
    if cache_file.is_file():
        try:
            known = json.loads(cache_file.read_text(encoding="utf-8"))
        except json.JSONDecodeError:
            known = {}  # a cache: losing it costs time only
    fresh: dict[str, list[Any]] = {}
    prints = []
    for clip in clips:
        sha256 = ""
        try:
            status = os.stat(clip.path)
            stamp = [status.st_size, status.st_mtime_ns]
            path = os.path.abspath(clip.path)
            cached = known.get(path)
            sha256 = cached[2] if cached and cached[:2] == stamp else file_sha256(clip.path)
            fresh[path] = [*stamp, sha256]
        except OSError:
            pass  # the *read* stage will say why
        prints.append(Fingerprint(clip, sha256))
    if save and not fresh.items() <= known.items():
        write_atomic(cache_file, json.dumps({**known, **fresh}, sort_keys=True).encode())
    return prints


def file_sha256(path: str | os.PathLike[str]) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    state = hashlib.sha256()  # hashlib.file_digest would do, from Python 3.11 on
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            state.update(block)
    return state.hexdigest()


def known_rows(folder: Path, wanted: set[Identity], skip: set[Path]) -> dict[Identity, dict[str, Any]]:
    """Finds rows of ``wanted`` clips in parts that another listing made.

    A corpus that grew, or another ``--limit``, cuts other parts; rows of unchanged clips stay valid.
    """
    found: dict[Identity, dict[str, Any]] = {}
    for path in sorted(folder.glob("part-*.jsonl")):
        if path in skip:
            continue
        for row in read_rows(path):
            identity = row_identity(row)
            if identity in wanted:
                found[identity] = row
    return found
