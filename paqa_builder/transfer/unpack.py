"""Unpacking of archives by others into a folder: ZIP (of several parts, too), tar and 7z.

Every file is written under a temporary name and renamed when it is complete, so that a killed run leaves
no half file; the next run goes on. No member leaves the folder: absolute paths, ``..``, links and devices
are errors. No more bytes are written than the archive may have.
"""

from __future__ import annotations

import os
import re
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any, Literal

from paqa_builder.errors import NotReadyError
from paqa_builder.transfer.joined import joined_zip

Kind = Literal["zip", "tar", "7z"]
AUDIO = (".wav", ".flac", ".mp3", ".mp4", ".ogg", ".opus", ".m4a")
SCRATCH = ".7z-"
"""Beginning of the names of temporary folders."""
MOST_FILES = 2_000_000
_CHUNK = 1 << 20
_DRIVE = re.compile(r"[A-Za-z]:")
_CONTROL = re.compile("[\x00-\x1f\x7f\\\\]")
_JUNK = ("__MACOSX", ".DS_Store", "Thumbs.db")
BROKEN: tuple[type[Exception], ...] = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, NotImplementedError, RuntimeError,
    UnicodeDecodeError, struct.error,
)  # fmt: skip
"""Errors of the libraries for a damaged archive."""


class UnsafeArchiveError(ValueError):
    """A member of an archive would be written outside of the folder, or the archive is too large."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive.

    Attributes:
        crc: CRC-32 of the content; None where the archive has none.
    """

    name: str
    size: int
    open: Callable[[], IO[bytes]]
    crc: int | None = None


def members(
    kind: Kind, parts: Sequence[tuple[IO[bytes], int]], limit: int, scratch: Path
) -> Iterator[Member]:
    """The files of an archive, in the order in which it stores them.

    Args:
        parts: The archive's file with its size, or its parts in order.
        limit: Most bytes of all files together.
        scratch: Folder for temporary files.

    Raises:
        UnsafeArchiveError: A member is a link or a device, or the files are larger than ``limit``.
        Exception: The library's own, if the archive is damaged (:data:`BROKEN`).
    """
    if kind == "zip":
        return _of_zip(parts, limit)
    if len(parts) != 1:
        raise UnsafeArchiveError("only ZIP archives have several parts")
    return _of_tar(parts[0][0], limit) if kind == "tar" else _of_7z(parts[0][0], limit, scratch)


def _of_zip(parts: Sequence[tuple[IO[bytes], int]], limit: int) -> Iterator[Member]:
    with joined_zip(parts) as joined, zipfile.ZipFile(joined) as archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
        _check_size(sum(info.file_size for info in infos), limit)
        for info in sorted(infos, key=lambda info: info.header_offset):
            if (info.external_attr >> 16) & 0o170000 not in (0, 0o100000):
                raise UnsafeArchiveError(f"{info.filename!r} is a link or a device")
            yield Member(info.filename, info.file_size, partial(archive.open, info), info.CRC)


def _of_tar(file: IO[bytes], limit: int) -> Iterator[Member]:
    total = 0
    with tarfile.open(fileobj=file, mode="r|*") as archive:
        for info in archive:
            if not (info.isfile() or info.isdir()):
                raise UnsafeArchiveError(f"{info.name!r} is a link or a device")
            total += info.size
            _check_size(total, limit)
            if info.isfile():
                yield Member(info.name, info.size, partial(_opened, archive, info))
            archive.members.clear()  # type: ignore[attr-defined]  # otherwise the list of all members stays in memory


def _opened(archive: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    file = archive.extractfile(info)
    assert file is not None
    return file


def _of_7z(file: IO[bytes], limit: int, scratch: Path) -> Iterator[Member]:
    """py7zr unpacks whole blocks, so the files go to a temporary folder first."""
    py7zr = require_7z()
    with py7zr.SevenZipFile(file, "r") as archive:
        infos = [info for info in archive.list() if not info.is_directory]
        _check_size(sum(info.uncompressed for info in infos), limit)
        for info in infos:
            if info.is_symlink or not info.is_file:
                raise UnsafeArchiveError(f"{info.filename!r} is a link or a device")
            safe_path(info.filename)
        with tempfile.TemporaryDirectory(dir=scratch, prefix=SCRATCH) as folder:
            archive.extractall(folder)
            for info in infos:
                yield Member(info.filename, info.uncompressed, partial(_open, Path(folder, info.filename)))


def _open(path: Path) -> IO[bytes]:
    return path.open("rb")


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise UnsafeArchiveError(f"its files have more than the expected {limit / 1e9:.2f} GB")


def require_7z() -> Any:
    """The module py7zr.

    Raises:
        NotReadyError: It is not installed.
    """
    try:
        import py7zr
    except ImportError:
        raise NotReadyError(
            "archives of type 7z need the package py7zr", fix="pip install 'paqa-builder[corpora]'"
        ) from None
    return py7zr


def safe_path(name: str) -> PurePosixPath:
    """The relative path of a member.

    Raises:
        UnsafeArchiveError: It is absolute, or has ``..``, a backslash or control characters.

    Example:
        >>> safe_path("./audio/1.wav")
        PurePosixPath('audio/1.wav')
    """
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts:
        raise UnsafeArchiveError(f"{name!r} is no path below a folder")
    if _CONTROL.search(name) or _DRIVE.match(name) or any(len(os.fsencode(p)) > 255 for p in path.parts):
        raise UnsafeArchiveError(f"{name!r} is no portable path")
    return path


def is_junk(path: PurePosixPath) -> bool:
    """Whether a file describes a folder of macOS or Windows, and is no part of the corpus."""
    return path.name.startswith("._") or any(part in _JUNK for part in path.parts)


def unpack(
    files: Iterable[Member],
    folder: Path,
    *,
    strip: str = "",
    only: str = "",
    audio: int | None = None,
    whole_folders: bool = False,
    progress: Callable[[int], None] = lambda done: None,
) -> dict[str, int]:
    """Writes the files of an archive below a folder; files that are there already are not written again.

    Args:
        strip: Leading folder of the members that is left out.
        only: Folder (after ``strip``) outside of which members are left out.
        audio: Stop after this number of audio files.
        whole_folders: Stop at the end of a folder only.
        progress: Called with the bytes so far.

    Returns:
        The size of every file by its path below the folder.

    Raises:
        UnsafeArchiveError: A member would be outside of the folder, or there are too many.
        OSError: The disk is full, or the folder cannot be written.
    """
    written: dict[str, int] = {}
    total = sounds = 0
    folder_of_last = None
    for member in files:
        path = safe_path(member.name)
        if strip and path.is_relative_to(strip):
            path = path.relative_to(strip)
        if is_junk(path) or not path.is_relative_to(only):
            continue
        if audio is not None and sounds >= audio and not (whole_folders and path.parent == folder_of_last):
            break
        if len(written) >= MOST_FILES:
            raise UnsafeArchiveError(f"it has more than {MOST_FILES} files")
        target = folder / path
        if not _is_complete(member, target):
            write(member, target)
        written[str(path)] = member.size
        total += member.size
        progress(total)
        sounds += path.suffix.lower() in AUDIO
        folder_of_last = path.parent
    return written


def _is_complete(member: Member, target: Path) -> bool:
    """Whether a file has the member's content already. Without a CRC-32 this is unknown."""
    if member.crc is None or not target.is_file() or target.stat().st_size != member.size:
        return False
    crc = 0
    with target.open("rb") as file:
        while block := file.read(_CHUNK):
            crc = zlib.crc32(block, crc)
    return crc == member.crc


def write(member: Member, target: Path) -> None:
    """Writes one file under a temporary name and renames it.

    Raises:
        UnsafeArchiveError: It has another size than the archive states.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(".paqa-unpacking")
    try:
        with temporary.open("wb") as out, member.open() as content:
            left = member.size
            while block := content.read(_CHUNK):
                left -= len(block)
                if left < 0:
                    break
                out.write(block)
        if left:
            raise UnsafeArchiveError(f"{member.name!r} has not the stated size")
        os.replace(temporary, target)
    finally:
        with suppress(OSError):
            temporary.unlink()
