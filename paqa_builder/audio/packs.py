"""Packs of stems: many FLAC files in one uncompressed ZIP archive.

``unzip`` reads it as well. The archive's table of contents finds a stem without reading the others, and every
stem has its CRC-32 there. Times and permissions are constant, so equal stems give equal bytes.
"""

from __future__ import annotations

import contextlib
import io
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from paqa_builder.audio import Audio, LongAudio, read_stem, write_flac
from paqa_builder.errors import AudioError
from paqa_builder.files import atomic_file, disk_errors

NAME = "stems-{}.zip"
"""Name of a pack, by that of its part."""

_IN_MEMORY = 1 << 26
"""Bytes of a stem up to which it is read into memory at once."""

_DAMAGED = (zipfile.BadZipFile, KeyError, EOFError, OSError, NotImplementedError, RuntimeError, ValueError)


def encoded(audio: Audio, folder: Path) -> IO[bytes]:
    """The FLAC file of a stem as a stream; that of a long one is a temporary file in ``folder``.

    Raises:
        NotReadyError: The disk is full.
    """
    with disk_errors(folder / "stems", "--work"):
        stream: IO[bytes] = io.BytesIO()
        if isinstance(audio, LongAudio):
            stream = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by the one who reads it
        write_flac(audio, stream)
        stream.seek(0)
    return stream


class PackWriter:
    """Writes a pack; see :func:`written`."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def add(self, name: str, flac: IO[bytes]) -> None:
        """Adds a FLAC file from a stream, which it closes."""
        with flac, self._archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as target:
            shutil.copyfileobj(flac, target, 1 << 20)


@contextlib.contextmanager
def written(path: Path) -> Iterator[PackWriter]:
    """Writes a pack, which is complete or absent.

    Raises:
        NotReadyError: The disk is full or the folder is not writable.
    """
    with atomic_file(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        yield PackWriter(archive)


class Pack:
    """A pack that is read. Use it as a context manager.

    Raises:
        AudioError: The file is missing or no pack.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._archive = zipfile.ZipFile(path)
        except _DAMAGED as error:
            raise self._error(error) from error

    def __enter__(self) -> Pack:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file."""
        self._archive.close()

    def __contains__(self, name: object) -> bool:
        return name in self._archive.NameToInfo

    @property
    def names(self) -> list[str]:
        """The names of the stems."""
        return self._archive.namelist()

    def flac(self, name: str) -> IO[bytes]:
        """A stem's FLAC file as a stream, after its CRC-32 was compared.

        Raises:
            AudioError: The stem is missing or damaged.
        """
        try:
            if self._archive.getinfo(name).file_size <= _IN_MEMORY:
                return io.BytesIO(self._archive.read(name))
            with self._archive.open(name) as file:
                while file.read(1 << 20):
                    pass
            return self._archive.open(name)
        except _DAMAGED as error:
            raise self._error(error) from error

    def read(self, name: str, folder: Path | None = None) -> Audio:
        """Decodes a stem.

        Args:
            folder: Folder for the samples of a long one.

        Raises:
            AudioError: The stem is missing or damaged.
            NotReadyError: The disk is full.
        """
        with self.flac(name) as file:
            return read_stem(file, folder, name)

    def intact(self) -> set[str]:
        """The names of the stems whose CRC-32 fits."""
        found = set()
        for name in self.names:
            with contextlib.suppress(AudioError), self.flac(name):
                found.add(name)
        return found

    def _error(self, error: BaseException) -> AudioError:
        missing = isinstance(error, FileNotFoundError | KeyError)
        return AudioError(
            f"{self.path.name}: stems {'are not there' if missing else f'cannot be read ({error})'}",
            fix="run the same command again with --retry-failed: the stems will be made again",
        )


class PackIndex:
    """Finds stems in all packs of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._packs: dict[str, Path] | None = None
        self._checked: tuple[Path | None, set[str]] = (None, set())

    def pack_of(self, name: str) -> Path | None:
        """The pack that holds a stem, by the name of its FLAC file."""
        if self._packs is None:
            self._packs = {}
            for path in sorted(self._folder.glob(NAME.format("*"))):
                with contextlib.suppress(AudioError), Pack(path) as pack:
                    self._packs |= dict.fromkeys(pack.names, path)
        return self._packs.get(name)

    def intact(self, name: str, path: Path | None = None) -> bool:
        """Whether a stem is undamaged, in any pack or in this one."""
        path = path or self.pack_of(name)
        if path is None:
            return False
        if self._checked[0] != path:
            names: set[str] = set()
            with contextlib.suppress(AudioError), Pack(path) as pack:
                names = pack.intact()
            self._checked = path, names
        return name in self._checked[1]
