"""Recognises folders that paqa wrote below a corpus, so that a source's listing leaves them out."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from paqa_builder.dataset.lock import LOCK
from paqa_builder.export.owned import LIST as EXPORTED
from paqa_builder.files import KEY_LENGTH
from paqa_builder.records import STAGES, Clip

_STAGE_FOLDER = re.compile(rf"(?:{'|'.join(STAGES)})-[0-9a-f]{{{KEY_LENGTH}}}")


class OwnFolders:
    """The output and work folders below the folder of a corpus.

    These are the given folders, every folder with a finished build, and every folder of a stage in a work
    folder. The corpus's own folder and those above it do not count: a corpus may be inside a build's folder.
    Folders are compared by their real paths, so a link to one counts, too.

    Args:
        root: The corpus's folder.
        folders: The given folders.
        kept: A folder in one of them with audio that the source made: its files are clips.

    Attributes:
        left_out: Number of clips that :meth:`without` left out, by folder.
    """

    def __init__(self, root: Path, *folders: Path, kept: Path | None = None) -> None:
        real = os.path.realpath(root)
        self._above = {real, *map(str, Path(real).parents)}
        self._given = {os.path.realpath(folder) for folder in folders}
        self._known: dict[str, str | None] = {}
        self._kept = os.path.realpath(kept) + os.sep if kept is not None else None
        self._real_folder = lru_cache(1024)(os.path.realpath)
        self._links = lru_cache(1024)(_links)
        self.left_out: Counter[str] = Counter()

    def without(self, clips: Iterable[Clip]) -> Iterator[Clip]:
        """Yields the clips that are in none of the folders."""
        for clip in clips:
            folder = self.of(clip.path)
            if folder is None:
                yield clip
            else:
                self.left_out[folder] += 1

    def of(self, path: str | os.PathLike[str]) -> str | None:
        """The folder that contains a file; None if no such folder does."""
        folder, name = os.path.split(path)
        if name in ("", ".", "..") or name in self._links(folder):
            folder = os.path.dirname(os.path.realpath(path))
        else:
            folder = self._real_folder(folder)
        if self._kept is not None and (folder + os.sep).startswith(self._kept):
            return None
        return self._of_folder(folder)

    def _of_folder(self, folder: str) -> str | None:
        if folder in self._above:
            return None
        if folder not in self._known:
            # The outermost folder counts: that of a build, not that of one of its stages.
            outer = self._of_folder(os.path.dirname(folder))
            self._known[folder] = outer or (folder if self._is_own(folder) else None)
        return self._known[folder]

    def _is_own(self, folder: str) -> bool:
        if folder in self._given or any(
            os.path.isfile(os.path.join(folder, name)) for name in (LOCK, EXPORTED)
        ):
            return True
        return bool(_STAGE_FOLDER.fullmatch(os.path.basename(folder))) and (
            os.path.isdir(os.path.join(folder, "stems")) or any(Path(folder).glob("part-*.jsonl"))
        )


def _links(folder: str) -> frozenset[str]:
    """The names of the links in a folder."""
    try:
        with os.scandir(folder or os.curdir) as entries:
            return frozenset(entry.name for entry in entries if entry.is_symlink())
    except OSError:
        return frozenset()
