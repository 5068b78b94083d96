"""Decoding of recordings, with a cache: a scene is rendered from the files that its design has just read.

The cache is bounded by bytes, because recordings may last a second or an hour.
"""

from __future__ import annotations

from pathlib import Path

from cachetools import LRUCache, cached
from cachetools.keys import hashkey

from paqa_builder import audio
from paqa_builder.audio import Audio

Decoded = tuple[Audio, str]
"""A recording's audio, and the SHA-256 of its file."""

CACHE_BYTES = 256 << 20

_cache: LRUCache[object, Decoded] = LRUCache(CACHE_BYTES, getsizeof=lambda decoded: decoded[0].samples.nbytes)


@cached(_cache)
def read(path: Path) -> Decoded:
    """A recording at its own sample rate. Its samples are shared and read-only.

    Raises:
        AudioError: As :func:`paqa_builder.audio.read`.
    """
    return _read(path)


@cached(_cache)
def read_at(path: Path, rate: int) -> Decoded:
    """A recording resampled to ``rate`` Hz. Its samples are shared and read-only."""
    # A file that is not in the cache is added at this rate only.
    original, sha256 = _cache.get(hashkey(path)) or _read(path)
    return _read_only(audio.resample(original, rate)), sha256


def _read(path: Path) -> Decoded:
    decoded, info = audio.read(path)
    return _read_only(decoded), info.sha256


def _read_only(decoded: Audio) -> Audio:
    decoded.samples.flags.writeable = False
    return decoded


def clear() -> None:
    """Empties the cache."""
    _cache.clear()
