"""Decoded recordings, those of late kept: a scene is rendered from what was just designed with.

Bounded by bytes, not by files: a pool may hold recordings of a second or of an hour.
"""

from __future__ import annotations

from pathlib import Path

from cachetools import LRUCache, cached
from cachetools.keys import hashkey

from paqa_builder import audio
from paqa_builder.audio import Audio

AudioInput = tuple[Audio, str]
"""A recording's samples, and the SHA-256 of its file's bytes."""

HELD = 256 << 20
"""Bytes that a process keeps."""

_recent: LRUCache[object, AudioInput] = LRUCache(HELD, getsizeof=lambda heard: heard[0].samples.nbytes)


@cached(_recent)
def heard(path: Path) -> AudioInput:
    """A recording at its own rate. Its samples are shared: nobody may write into them.

    Raises:
        AudioError: As :func:`paqa_builder.audio.read`.
    """
    return _read(path)


@cached(_recent)
def heard_at(path: Path, rate: int) -> AudioInput:
    """The same at ``rate`` Hz."""
    # One that was not designed with just now is not kept at its own rate too.
    found, sha256 = _recent.get(hashkey(path)) or _read(path)
    return _shared(audio.resample(found, rate)), sha256


def _read(path: Path) -> AudioInput:
    found, info = audio.read(path)
    return _shared(found), info.sha256


def _shared(found: Audio) -> Audio:
    found.samples.flags.writeable = False
    return found


def forget() -> None:
    """Reads all files again."""
    _recent.clear()
