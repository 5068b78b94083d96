"""Records of what was fetched into a corpus's folder.

Every unpacked archive has a file ``.paqa/<archive>.json`` below the folder. Its first line tells what was
unpacked, every further line a file: its size, a tab and its path.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from paqa_builder.files import digest, write_atomic
from paqa_builder.runtime.folders import DATA
from paqa_builder.sources.downloads import Archive

FOLDER = ".paqa"
_SUFFIX = ".json"


@dataclass(frozen=True, slots=True)
class Record:
    """An archive that was unpacked completely.

    Attributes:
        identity: Hash of the checksums, or addresses and sizes, of its files.
        checksums: Those of the downloaded files.
        small: Number of audio files of a small cut; 0: all.
        files: Number of files.
        bytes: Their bytes.
    """

    archive: str
    subset: str
    identity: str
    checksums: tuple[str, ...]
    small: int
    files: int
    bytes: int


def identity(archive: Archive) -> str:
    """What an archive is recognised by; another release has another one."""
    trees = [tree.sha1 for tree in archive.trees]
    files = [file.checksum or f"{file.source}:{file.bytes}" for file in archive.files]
    return digest([trees, files])


def write(root: Path, record: Record, files: dict[str, int]) -> None:
    """Writes the record of an archive.

    Args:
        files: Size of every file by its path below ``root``.

    Raises:
        NotReadyError: The disk is full, or the folder cannot be written.
    """
    lines = [json.dumps(asdict(record)), *(f"{size}\t{path}" for path, size in sorted(files.items()))]
    write_atomic(_path(root, record.archive), "\n".join(lines).encode() + b"\n", setting=DATA)


def read(root: Path, archive: str) -> Record | None:
    """The record of an archive; None if it was not unpacked completely."""
    try:
        with _path(root, archive).open(encoding="utf-8") as file:
            values = json.loads(file.readline())
        return Record(**values | {"checksums": tuple(values["checksums"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def read_all(root: Path) -> list[Record]:
    """The records of all archives in a corpus's folder."""
    paths = sorted((root / FOLDER).glob(f"*{_SUFFIX}"))
    records = (read(root, path.name.removesuffix(_SUFFIX)) for path in paths)
    return [record for record in records if record is not None]


def is_complete(root: Path, archive: Archive, small: int = 0) -> bool:
    """Whether an archive was unpacked and all of its files are still there with their sizes."""
    record = read(root, archive.name)
    if record is None or record.small != small or record.identity != identity(archive):
        return False
    with _path(root, archive.name).open(encoding="utf-8") as file:
        next(file)
        for line in file:
            size, _, path = line.rstrip("\n").partition("\t")
            try:
                if (root / path).stat().st_size != int(size):
                    return False
            except (OSError, ValueError):
                return False
    return True


def _path(root: Path, archive: str) -> Path:
    return root / FOLDER / (re.sub(r"[^\w.-]+", "_", archive) + _SUFFIX)
