"""Audio files that a source makes: excerpts of long recordings, joined files, files of a stream.

A source reaches them as ``self.derived``; a build writes them to ``WORK/derived-audio``. Each is written
once, atomically. Its name is a hash of its inputs (path, size, time of change) and of how it is made, or of
its content; a small file beside it holds its checksum. A file that is missing, damaged, or whose inputs
changed is made again. ``paqa plan`` writes none.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from paqa_builder import audio, files
from paqa_builder.errors import AudioError
from paqa_builder.files import state

FOLDER = "derived-audio"
"""Name of the folder in the work folder."""

_VERSION = 1
_NAME_LENGTH = 32


@dataclass(frozen=True, slots=True)
class Joined:
    """Several files as one.

    Attributes:
        path: The joined file.
        spans: Start and end of each input in it, in seconds. All are 0 if the file was not made.
    """

    path: Path
    spans: tuple[tuple[float, float], ...]


class DerivedAudio:
    """The derived files of one source.

    Args:
        folder: Where they are; None: nowhere, so none is made.
        write: Whether missing files are made. Otherwise paths are those that a build would give.

    Attributes:
        problems: Why a file could not be made, by its path. The build reports it as the clip's failure.
        absent: Paths of files whose inputs are not all there.
    """

    def __init__(self, folder: Path | None = None, *, write: bool = True) -> None:
        self.folder = folder or Path(FOLDER)
        self.write = write and folder is not None
        self.problems: dict[str, str] = {}
        self.absent: set[str] = set()
        self._decoded: tuple[Any, audio.Audio | AudioError] | None = None

    def excerpt(self, path: Path, start: float, end: float) -> Path:
        """A part of a recording, as mono FLAC of the recording's rate.

        Excerpts of one recording are best asked for one after the other: it is then decoded once.

        Args:
            path: The recording.
            start: Seconds from its start.
            end: Seconds from its start; a later end than the recording's is cut.

        Raises:
            NotReadyError: The disk is full.
        """
        target = self._target("excerpt", [path], [round(start, 6), round(end, 6)])
        if self.write and self._intact(target) is None:
            with self._reporting(target):
                whole = self._read(path)
                samples = whole.samples[round(start * whole.rate) : round(end * whole.rate)]
                if not len(samples):
                    raise AudioError(
                        f"{path.name}: ends at {whole.duration:.1f} s, before the excerpt at {start:g} s"
                    )
                self._save(target, audio.Audio(samples, whole.rate), {})
        return target

    def joined(self, paths: Sequence[Path], gap: float = 0.0) -> Joined:
        """Several recordings one after the other, as mono FLAC of the first one's rate.

        Args:
            paths: The recordings, at least one.
            gap: Seconds of silence between them.

        Raises:
            NotReadyError: The disk is full.
        """
        target = self._target("joined", paths, [gap])
        known = self._intact(target)
        if known is None and self.write:
            with self._reporting(target):
                pieces, known = _concatenated([self._read(path) for path in paths], gap)
                self._save(target, pieces, known)
        spans = known["spans"] if known else [[0.0, 0.0]] * len(paths)
        return Joined(target, tuple((start, end) for start, end in spans))

    def stored(self, data: bytes, suffix: str) -> Path:
        """A file of a stream, with its bytes as they are.

        Args:
            suffix: Of the file's name, such as ``".mp3"``.

        Raises:
            NotReadyError: The disk is full.
        """
        name = hashlib.sha256(data).hexdigest()
        target = self.folder / name[:2] / f"{name}{suffix}"
        if self.write and not (target.is_file() and target.stat().st_size == len(data)):
            files.write_atomic(target, data)
        return target

    def release(self) -> None:
        """Frees the memory of the recording that was read last."""
        self._decoded = None

    def _target(self, kind: str, paths: Sequence[Path], how: list[Any]) -> Path:
        stamps = [_stamp(path) for path in paths]
        name = files.digest([_VERSION, kind, stamps, how], _NAME_LENGTH)
        target = self.folder / name[:2] / f"{name}.flac"
        if any(size < 0 for _, size, _ in stamps):
            self.absent.add(str(target))
        return target

    def _intact(self, target: Path) -> dict[str, Any] | None:
        """What is recorded of a file; None unless the file is as it was written."""
        known = state.read(target.with_suffix(".json"))
        if known is None or not target.is_file():
            return None
        same = _stamp(target)[1:] == known["stamp"]  # else it was copied, or changed
        return known if same or files.file_sha256(target) == known["sha256"] else None

    def _save(self, target: Path, content: audio.Audio, more: dict[str, Any]) -> None:
        with files.atomic_file(target) as file:
            audio.write_flac(content, file)
        known = {"stamp": _stamp(target)[1:], "sha256": files.file_sha256(target), **more}
        state.write(target.with_suffix(".json"), known)

    def _read(self, path: Path) -> audio.Audio:
        """A recording, decoded once for consecutive uses."""
        stamp = _stamp(path)
        if self._decoded is None or self._decoded[0] != stamp:
            self.release()
            try:
                self._decoded = (stamp, audio.read(path)[0])
            except AudioError as error:
                self._decoded = (stamp, error)
        found = self._decoded[1]
        if isinstance(found, AudioError):
            raise found
        return found

    @contextmanager
    def _reporting(self, target: Path) -> Iterator[None]:
        """Records an :class:`AudioError` as the problem of a file that cannot be made."""
        self.problems.pop(str(target), None)
        try:
            yield
        except AudioError as error:
            self.problems[str(target)] = error.message


def _concatenated(pieces: Sequence[audio.Audio], gap: float) -> tuple[audio.Audio, dict[str, Any]]:
    rate = pieces[0].rate
    blocks: list[np.ndarray] = []
    spans: list[list[float]] = []
    at = 0
    for piece in pieces:
        if blocks:
            blocks.append(np.zeros(round(gap * rate), np.float32))
            at += len(blocks[-1])
        blocks.append(np.asarray(audio.resample(piece, rate).samples))
        spans.append([at / rate, (at + len(blocks[-1])) / rate])
        at += len(blocks[-1])
    return audio.Audio(np.concatenate(blocks), rate), {"spans": spans}


def _stamp(path: Path) -> list[Any]:
    try:
        status = os.stat(path)
    except OSError:
        return [os.path.abspath(path), -1, -1]
    return [os.path.abspath(path), status.st_size, status.st_mtime_ns]
