"""Atomic file writes, and the layout of the work folder.

Layout::

    WORK/clips.jsonl                           all clips, with content hashes, sizes and times of change
    WORK/<stage>-<key>/part-<hash>.jsonl       one line a clip: records, or the failure
    WORK/<stage>-<key>/ledger.json             checksums of these files, as they were last read
    WORK/separate-<key>/stems-<hash>.zip       the stems of a part as FLAC files, if they are kept
    WORK/questions-<key>/part-<hash>.jsonl
    WORK/derived-audio/ab/<hash>.flac          excerpts and joined files that a source made

A stage's key is a hash of everything that decides its results: versions, options, model revisions
and the keys of earlier stages. A part's hash covers its clips. A changed option therefore selects another
folder. Every file carries its checksum (:mod:`paqa_builder.files.state`; stems have a CRC-32 in their pack):
one that is damaged is made again. A build reserves its folders (:mod:`paqa_builder.runtime.hold`);
workers write the same bytes to the same name.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Protocol

from paqa_builder.errors import ConfigError, NotReadyError
from paqa_builder.files.opening import opened
from paqa_builder.records import Clip, to_json

Identity = tuple[str, str, str]
KEY_LENGTH = 12


def digest_of_all(values: Iterable[Any], length: int = KEY_LENGTH) -> str:
    """The :func:`digest` of the list of the values, one in memory at a time."""
    hashed, separator = hashlib.sha256(b"["), b""
    for value in values:
        text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        hashed.update(separator + text.encode())
        separator = b","
    hashed.update(b"]")
    return hashed.hexdigest()[:length]


def digest(value: Any, length: int = KEY_LENGTH) -> str:
    """The first ``length`` hexadecimal digits of the SHA-256 of a JSON value, stable across machines."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def write_atomic(path: Path, data: bytes, *, setting: str = "--work") -> None:
    """Writes a file atomically: after a crash it is either complete or absent.

    Args:
        setting: The setting that chooses the folder, for error messages.

    Raises:
        NotReadyError: The disk is full or the folder is not writable. No partial file is left.
    """
    with atomic_file(path, setting=setting) as file:
        file.write(data)


@contextmanager
def atomic_file(path: Path, *, setting: str = "--work") -> Iterator[IO[bytes]]:
    """Opens a binary stream that becomes the file ``path`` when the block ends without an error.

    In a work folder it also replaces an empty folder.

    Args:
        setting: The setting that chooses the folder, for error messages.

    Raises:
        NotReadyError: The disk is full or the folder is not writable. No partial file is left.

    Example:
        >>> with atomic_file(Path("lines.jsonl")) as file:  # doctest: +SKIP
        ...     file.write(b"{}")
    """
    temporary = path.with_name(temporary_name(path.name))
    try:
        with disk_errors(path, setting):
            _make_folder(path.parent, setting)
            with open(temporary, "wb") as file:
                yield file
            if setting == "--work":
                with suppress(OSError):  # an empty folder in the file's place
                    path.rmdir()
            move_atomic(temporary, path)
    finally:
        with suppress(OSError):
            temporary.unlink()


def temporary_name(name: str) -> str:
    """Name of a temporary file of this process.

    By the host and the process in it, :func:`remove_stale_in` tells stale files from those in use.
    """
    return f".{name}.{socket.gethostname()}.{os.getpid()}.tmp"


def size_of(path: str | Path) -> int:
    """Size of a file in bytes; 0 if there is none."""
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _make_folder(folder: Path, setting: str) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileNotFoundError as error:  # of a file system without folders by users, such as /proc
        raise NotReadyError(f"{folder}: cannot be created", fix=f"choose another {setting}") from error


_FULL = (errno.ENOSPC, errno.EDQUOT)
_NOT_WRITABLE = (
    errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ELOOP,
    errno.EFBIG, errno.EIO, errno.ENAMETOOLONG,
)  # fmt: skip


@contextmanager
def disk_errors(path: Path, setting: str) -> Iterator[None]:
    """Turns errors of the disk into errors with advice.

    Args:
        path: What is written.
        setting: The setting that chooses its folder.

    Raises:
        NotReadyError: The disk is full or the path is not writable.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise NotReadyError(
                f"no space left on disk while writing {path}",
                fix=f"free some space, or choose another {setting}, and run the same command again: "
                "finished work is kept",
            ) from error
        if error.errno in _NOT_WRITABLE:
            raise NotReadyError(
                f"{path}: not writable ({os.strerror(error.errno)})",
                fix=f"make it writable, or choose another {setting}, and run the same command again",
            ) from error
        raise


def move_atomic(path: Path, target: Path) -> None:
    """Renames a finished file on the same disk, so that ``target`` is complete even after a power failure."""
    with open(path, "r+b") as file:
        os.fsync(file.fileno())
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(path, target)
    if os.name == "posix":
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def lock(file: IO[Any]) -> bool:
    """Locks an open file until it is closed; False if another process holds the lock."""
    try:
        import fcntl
    except ImportError:  # Windows has no such locks
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


_OWN_FOLDER = re.compile(r"[a-z]+-[0-9a-f-]+|llm-cache|derived-audio")


def remove_stale(work: Path) -> None:
    """Deletes temporary files of ended processes of this machine from a work folder.

    Other files and folders there are not paqa's, so they are not searched.
    """
    remove_stale_in(work)
    for folder in work.iterdir() if work.is_dir() else ():
        if _OWN_FOLDER.fullmatch(folder.name) and folder.is_dir() and not folder.is_symlink():
            for below in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
                remove_stale_in(below)


def remove_stale_in(folder: Path, names: Iterable[str] = ("*",)) -> None:
    """Deletes temporary files of ended processes of this machine from one folder.

    Args:
        names: Patterns of the files that were to be written.
    """
    host = socket.gethostname()
    for name in names:
        for path in folder.glob(f".{name}.{host}.*.tmp"):
            pid = path.name.removesuffix(".tmp").rpartition(".")[2]
            if pid.isdigit() and not _alive(int(pid)):
                path.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:  # in a container whose init does not reap, ended processes stay listed as zombies
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True


def write_rows(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Writes JSON lines, atomically."""
    text = "".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows)
    write_atomic(path, text.encode())


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Reads the JSON lines that :func:`write_rows` wrote.

    Raises:
        ConfigError: The file is damaged; names the file to delete.
    """
    try:
        # Not splitlines(): it also splits at U+2028, which JSON leaves as it is.
        return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path}: not valid JSON lines ({error})", fix=f"rm '{path}' and build again"
        ) from error


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A clip and the hashes of its content.

    Attributes:
        sha256: SHA-256 of the file's bytes; empty where the file cannot be read.
        truth: Hash of the corpus's annotation, for stages that use it; else empty.
        problem: Why the clip cannot be processed, where the listing shows it.
    """

    clip: Clip
    sha256: str
    truth: str = ""
    problem: str = ""

    @property
    def identity(self) -> Identity:
        """The values by which a row is recognised as this clip's result."""
        return (self.clip.id, self.sha256, self.truth)

    def by_audio(self) -> Fingerprint:
        """The same clip, identified by its audio alone."""
        return Fingerprint(self.clip, self.sha256, "", self.problem) if self.truth else self


class Clips(Protocol):
    """Clips by position, with the hashes of their annotation."""

    def items(self, start: int, count: int) -> Sequence[Fingerprint]: ...


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A group of clips that one task processes: the unit of work and of resume.

    The clips are read when they are asked for. A part that is sent to a worker carries its own clips.

    Attributes:
        index: Position of the part in its plan.
        start: Position of its first clip in ``clips``.
        size: Number of clips.
        hashes: Hashes of its clips: by audio alone, and by audio and annotation.
        by_truth: Whether the clips are identified by audio and annotation.
    """

    index: int
    start: int
    size: int
    hashes: tuple[str, str]
    clips: Clips
    by_truth: bool = False

    @property
    def hash(self) -> str:
        """The hash of the clips, as they are identified."""
        return self.hashes[self.by_truth]

    @property
    def fingerprints(self) -> tuple[Fingerprint, ...]:
        """The clips, which are read at every call."""
        items = self.clips.items(self.start, self.size)
        return tuple(items if self.by_truth else (item.by_audio() for item in items))

    def with_truth(self, wanted: bool) -> Part:
        """The same clips, identified by audio and annotation, or by audio alone."""
        return self if self.by_truth == wanted else replace(self, by_truth=wanted)

    @property
    def name(self) -> str:
        """The name of the file with the part's rows, in the folder of any stage."""
        return f"part-{self.hash}.jsonl"

    def file(self, folder: Path) -> Path:
        """The path of the part's rows in a stage's folder."""
        return folder / self.name

    def __reduce__(self) -> tuple[Any, ...]:
        own = ListedClips(tuple(self.clips.items(self.start, self.size)))
        return Part, (self.index, 0, self.size, self.hashes, own, self.by_truth)


@dataclass(frozen=True, slots=True)
class ListedClips:
    """A few clips in memory."""

    all: tuple[Fingerprint, ...]

    def items(self, start: int, count: int) -> Sequence[Fingerprint]:
        return self.all[start : start + count]


def parts_of(fingerprints: Sequence[Fingerprint], size: int) -> list[Part]:
    """Splits a list of clips into parts of ``size`` clips."""
    by_truth = any(item.truth for item in fingerprints)
    items = tuple(
        item if item.truth else replace(item, truth=digest(to_json(item.clip.truth))) for item in fingerprints
    )
    clips = ListedClips(items)
    starts = range(0, len(items), size)
    return [
        Part(index, start, len(chunk), part_hashes(chunk), clips, by_truth)
        for index, start in enumerate(starts)
        if (chunk := items[start : start + size])
    ]


def part_hashes(items: Sequence[Fingerprint]) -> tuple[str, str]:
    """The hashes of a part with these clips: by audio alone, and by audio and annotation."""
    rows = [[item.clip.id, item.sha256, item.truth] for item in items]
    return digest([row[:2] for row in rows], 16), digest(rows, 16)


def row_identity(row: dict[str, Any]) -> Identity:
    """The :attr:`Fingerprint.identity` of the clip that a row belongs to."""
    return (row["clip"], row["sha256"], row.get("truth", ""))


def file_sha256(path: str | os.PathLike[str]) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
