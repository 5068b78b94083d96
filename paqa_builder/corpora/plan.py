"""What ``paqa fetch`` would do for a corpus: its archives, which are there, and the space they need."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from paqa_builder import registry
from paqa_builder.corpora import record
from paqa_builder.errors import ConfigError, suggest
from paqa_builder.runtime.folders import data_dir
from paqa_builder.sources.downloads import ALL, Archive, Downloads

SMALL = "-small"
_ARCHIVES = "archives"


@dataclass(frozen=True, slots=True)
class FetchPlan:
    """The archives of a corpus that are to be fetched.

    Attributes:
        name: The corpus's source.
        archives: Those that were chosen.
        missing: Those of them that are not complete in ``root``.
        root: Folder of the official tree, which a build reads.
        small: Whether only the small cut is fetched.
        command: The command that runs this plan.
    """

    name: str
    downloads: Downloads
    archives: tuple[Archive, ...]
    missing: tuple[Archive, ...]
    root: Path
    small: bool
    command: str

    @property
    def store(self) -> Path:
        """Folder of the downloaded archives."""
        return data_dir() / _ARCHIVES / self.name

    def cut(self, archive: Archive) -> int:
        """Number of audio files of an archive that are fetched; 0: all."""
        return archive.small if self.small and archive.small != ALL else 0

    def download_bytes(self, archives: Iterable[Archive]) -> int:
        """Bytes to download, as far as they are known."""
        return sum(archive.small_bytes if self.cut(archive) else archive.bytes for archive in archives)

    def disk_bytes(self, keep_archives: bool) -> int:
        """Most bytes on the disk at once, in addition to those that are there."""
        most = now = 0
        for archive in self.missing:
            if self.cut(archive) or archive.kind == "files":
                now += 2 * archive.small_bytes if self.cut(archive) else archive.bytes
                most = max(most, now)
                continue
            here = sum(_size(self.store / file.name) for file in archive.files)
            now += max(0, archive.bytes - here) + archive.unpacked_bytes
            most = max(most, now)
            now -= 0 if keep_archives else archive.bytes
        return most


def corpora() -> dict[str, Downloads]:
    """The official files of all corpora that can be fetched, by name of the source."""
    found = {name: registry.get("source", name).downloads for name in registry.names("source")}
    return {name: downloads for name, downloads in sorted(found.items()) if downloads is not None}


def root_of(name: str, *, small: bool = False) -> Path:
    """The folder of a corpus's official tree, whether it exists or not."""
    return data_dir() / f"{name}{SMALL if small else ''}"


def plan(name: str, subsets: Sequence[str] = (), *, small: bool = False) -> FetchPlan:
    """Resolves the archives of a corpus.

    Args:
        subsets: Parts of the corpus; all without names.
        small: Only the small cut.

    Raises:
        ConfigError: The corpus has no such part, or no small cut.
    """
    downloads = corpora()[name]
    for subset in subsets:
        if subset not in downloads.subsets:
            has = f"its parts are {', '.join(downloads.subsets)}" if downloads.subsets else "it has no parts"
            raise ConfigError(
                f"corpus {name!r} has no part {subset!r}; {has}.{suggest(subset, downloads.subsets)}",
                fix=f"paqa fetch {name} --dry-run",
            )
    if small and subsets:
        raise ConfigError("--small and --subset exclude each other", fix=f"paqa fetch {name} --small")
    archives = downloads.small() if small else downloads.select(subsets)
    if small and not archives:
        raise ConfigError(
            f"corpus {name!r} has no small cut: its archives can be read only as a whole",
            fix=f"paqa fetch {name} --dry-run",
        )
    root = root_of(name, small=small)
    missing = [
        archive
        for archive in archives
        if not record.is_complete(root, archive, archive.small if small and archive.small != ALL else 0)
    ]
    flags = ["--small"] if small else [f"--subset {subset}" for subset in subsets]
    command = " ".join(["paqa fetch", name, *flags])
    return FetchPlan(name, downloads, archives, tuple(missing), root, small, command)


def _size(path: Path) -> int:
    part = path.with_name(f".{path.name}.part")
    for file in (path, part):
        if os.path.isfile(file):
            return os.path.getsize(file)
    return 0
