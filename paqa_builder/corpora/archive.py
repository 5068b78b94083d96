"""Download, verification and unpacking of one archive of a corpus."""

from __future__ import annotations

import logging
import os
import urllib.parse
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import IO

from paqa_builder.corpora import git_tree, record
from paqa_builder.corpora.plan import FetchPlan
from paqa_builder.errors import NotReadyError
from paqa_builder.sources.downloads import Archive, RemoteFile
from paqa_builder.transfer import checksum, hub, ranges, unpack
from paqa_builder.transfer.download import download

log = logging.getLogger(__name__)

MIRROR = "PAQA_MIRROR"
REFUSED = f"check {MIRROR} and the proxy; if the file has moved, a newer paqa-builder has its new address"
Shown = Callable[[int, int | None], None]
_OWN_BARS = 4
"""More files than these are shown as one."""
_UNUSABLE: tuple[type[Exception], ...] = (*unpack.BROKEN, unpack.UnsafeArchiveError)
Progress = Callable[[str, int, int | None], None]
"""Called with what is done, the bytes so far, and the total if it is known."""


class ArchiveFetch:
    """Fetches one archive.

    Args:
        mirror: Address with the files as ``<mirror>/<corpus>/<file>``; None: their own addresses.
        progress: Receives progress.
    """

    def __init__(self, plan: FetchPlan, archive: Archive, mirror: str | None, progress: Progress) -> None:
        self.plan, self.archive, self.mirror, self.progress = plan, archive, mirror, progress
        self.cut = plan.cut(archive)
        self.place = plan.root / archive.into

    def run(self, keep_archives: bool) -> None:
        archive, plan = self.archive, self.plan
        stored: list[Path] = []
        if archive.kind == "files":
            checksums, files = self._files()
        elif self.cut:
            checksums, files = (), self._unpacked_from_server()
        else:
            stored = [plan.store / file.name for file in archive.files]
            checksums = tuple(map(self._downloaded, archive.files, stored))
            files = self._unpacked(stored)
        for name in archive.inner:
            files |= self._inner(files, name)
        files = {str(Path(archive.into, path)): size for path, size in files.items()}
        self._check_tree(files, stored)
        if not archive.verified and not self.cut:
            log.warning("%s: no checksum is known; %s", archive.name, self._unverified())
        os.sync() if hasattr(os, "sync") else None
        done = record.Record(
            archive.name, archive.subset, record.identity(archive), checksums, self.cut,
            len(files), sum(files.values()),
        )  # fmt: skip
        record.write(plan.root, done, files)
        if not keep_archives:
            for path in stored:
                path.unlink(missing_ok=True)

    def _unverified(self) -> str:
        return (
            "only its size was checked" if all(f.bytes for f in self.archive.files) else "it was not verified"
        )

    def _address(self, file: RemoteFile) -> tuple[str, str, str | None]:
        """URL, checksum and login of a file."""
        if self.mirror:
            name = urllib.parse.quote(file.name)
            return f"{self.mirror.rstrip('/')}/{self.plan.name}/{name}", file.checksum, None
        if "://" in file.source:
            return file.source, file.checksum, None
        url, stated, token = hub.resolve(file.source, self.plan.command)
        return url, file.checksum or stated, token

    def _downloaded(self, file: RemoteFile, target: Path, shown: Shown | None = None) -> str:
        """Downloads a file, unless it is there and has the right checksum.

        Args:
            shown: Called with the bytes so far and the total; by default the file has a bar of its own.

        Returns:
            The checksum.
        """
        if target.is_file():
            size, checking = target.stat().st_size, shown or partial(self.progress, f"{file.name}: checking")
            checking(0, size)
            actual = checksum.of_file(target, file.checksum)
            if actual.startswith(file.checksum) and (file.checksum or file.bytes in (0, size)):
                checking(size, size)
                return actual
            log.warning("%s: not the expected file; it is downloaded again", target)
            target.unlink()
        url, expected, token = self._address(file)
        return download(
            url, target, expected, size=file.bytes, token=token, again=self.plan.command, refused=REFUSED,
            progress=shown or partial(self.progress, file.name),
        )  # fmt: skip

    def _files(self) -> tuple[tuple[str, ...], dict[str, int]]:
        """Downloads files that are no archives to their places."""
        chosen = self.archive.files[: self.cut or None]
        together = len(chosen) > _OWN_BARS
        total = self.archive.small_bytes if self.cut else self.archive.bytes
        checksums: list[str] = []
        sizes: dict[str, int] = {}
        received = 0
        for file in chosen:

            def shown(done: int, _: int | None, before: int = received) -> None:
                self.progress(self.archive.name, before + done, max(before + done, total))

            path = unpack.safe_path(file.path or file.name)
            checksums.append(self._downloaded(file, self.place / path, shown if together else None))
            sizes[str(path)] = (self.place / path).stat().st_size
            received += sizes[str(path)]
        return (tuple(checksums) if not together else ()), sizes

    def _unpacked(self, stored: Sequence[Path]) -> dict[str, int]:
        """Unpacks downloaded archives below the root."""
        with ExitStack() as stack:
            parts = [(stack.enter_context(path.open("rb")), path.stat().st_size) for path in stored]
            try:
                return self._unpack(parts, self.archive.kind, self.archive.limit)
            except NotReadyError:
                if not all(file.checksum for file in self.archive.files):
                    for path in stored:
                        path.unlink(missing_ok=True)
                raise

    def _unpacked_from_server(self) -> dict[str, int]:
        """Unpacks the first files of an archive that stays on the server."""
        with ExitStack() as stack:
            parts: list[tuple[IO[bytes], int]] = []
            for file in self.archive.files:
                url, _, token = self._address(file)
                remote = stack.enter_context(ranges.RemoteFile(url, token=token, refused=REFUSED))
                parts.append((remote, remote.size))  # type: ignore[arg-type]
            return self._unpack(parts, self.archive.kind, self.archive.limit)

    def _unpack(self, parts: Sequence[tuple[IO[bytes], int]], kind: str, limit: int) -> dict[str, int]:
        archive = self.archive
        total = archive.small_bytes if self.cut else archive.unpacked_bytes
        shown = partial(self.progress, f"{archive.name}: unpacking")
        try:
            files = unpack.unpack(
                unpack.members(kind, parts, limit, self.plan.store),  # type: ignore[arg-type]
                self.place,
                strip=archive.strip,
                only=archive.only,
                audio=self.cut or None,
                whole_folders=archive.whole_folders,
                progress=lambda done: shown(done, max(done, total)),
            )
        except _UNUSABLE as error:
            raise NotReadyError(
                f"{archive.name} cannot be unpacked: {error or type(error).__name__}",
                fix=f"{self.plan.command}; if it fails again, the archive is not the expected one",
            ) from error
        shown(sum(files.values()), sum(files.values()))
        return files

    def _inner(self, files: dict[str, int], name: str) -> dict[str, int]:
        """Unpacks an archive that was in the archive, and removes it.

        After a kill between both, the outer archive is unpacked again, and so is this one.
        """
        path = self.place / name
        if files.pop(name, None) is None:
            raise NotReadyError(f"{self.archive.name} has no {name}", fix=f"see {self.plan.downloads.page}")
        with path.open("rb") as file:
            unpacked = self._unpack([(file, path.stat().st_size)], "tar", self.archive.limit)
        path.unlink()
        return unpacked

    def _check_tree(self, files: dict[str, int], stored: Sequence[Path]) -> None:
        for tree in () if self.cut else self.archive.trees:
            paths = [self.plan.root / path for path in files if Path(path).parent == Path(tree.folder)]
            actual = git_tree.of_files(paths, lfs=tree.lfs)
            if actual != tree.sha1:
                for path in stored:
                    path.unlink(missing_ok=True)
                raise NotReadyError(
                    f"{self.archive.name}: the files in {self.plan.root / tree.folder} are not those of the "
                    f"release (tree {actual}, expected {tree.sha1})",
                    fix=f"rm -r '{self.plan.root / tree.folder}', then: {self.plan.command}",
                )
