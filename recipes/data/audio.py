"""Audio loading and mel features, both with a cache."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from cachetools import LRUCache, cached

from paqa_builder.audio import Audio, resample
from paqa_builder.audio.decode import decode as decode_bytes
from paqa_builder.audio.mixdown import mix_down
from paqa_builder.errors import AudioError
from recipes.data.rows import AudioRef, Row

# Most recently decoded clips of shards, bounded by bytes.
_decoded: LRUCache[Any, Any] = LRUCache(768 << 20, getsizeof=lambda samples: samples.nbytes)


def samples(row: Row, rate: int, max_seconds: float = 30.0) -> np.ndarray:
    """A row's audio as float32 mono samples.

    Args:
        rate: Target sampling rate in Hz.
        max_seconds: Longer audio is cut.

    Raises:
        AudioError: The audio is missing, empty or cannot be decoded; names the question and the clip.
    """
    where = f"question {row.id}, clip {row.clip_id}"
    try:
        samples = _samples(row, rate, max_seconds)
    except AudioError as error:
        raise AudioError(f"{where}: its audio cannot be read: {error.message}", fix=error.fix) from error
    if not samples.size:
        raise AudioError(f"{where}: its audio has no samples")
    return np.ascontiguousarray(samples[: round(max_seconds * rate)], dtype=np.float32)


def _samples(row: Row, rate: int, max_seconds: float) -> np.ndarray:
    audio = row.audio
    if isinstance(audio, np.ndarray):
        return audio
    if isinstance(audio, AudioRef):
        return _of_shard(audio, rate, max_seconds, row.clip_id)
    if isinstance(audio, str):
        return decode(read_file(audio), rate, max_seconds, Path(audio).name)
    return decode(audio, rate, max_seconds, row.clip_id)


@cached(_decoded, key=lambda audio, rate, max_seconds, name: (audio, rate, max_seconds))
def _of_shard(audio: AudioRef, rate: int, max_seconds: float, name: str) -> np.ndarray:
    decoded = decode(audio.read(), rate, max_seconds, name)
    decoded.setflags(write=False)  # the cache returns the same array again
    return decoded


def read_file(path: str) -> bytes:
    """The bytes of a local file. A URL or a device is none.

    Raises:
        AudioError: There is no such file, or it cannot be read.
    """
    try:
        if Path(path).is_file():
            return Path(path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a name with a null character
        raise AudioError(f"{path}: cannot be read ({error})") from error
    raise AudioError(f"{path}: no such file")


def decode(data: bytes, rate: int, max_seconds: float = 30.0, name: str = "audio") -> np.ndarray:
    """Decodes an audio file by the rules of a build (:mod:`paqa_builder.audio.decode`, ``mixdown``).

    Args:
        name: Name of the clip, for messages.

    Returns:
        float32, mono, at ``rate``.

    Raises:
        AudioError: The bytes are in no listed container, damaged or truncated, or cannot be mixed down.
    """
    decoded = decode_bytes(data, name, seconds=max_seconds)
    mixed = mix_down(decoded.samples, decoded.rate, name)
    return resample(Audio(mixed.samples, decoded.rate), rate).samples


def cache_features(extractor: Any, limit: int) -> Any:
    """Adds a cache of features to a feature extractor; its results stay the same.

    Every epoch, and every row of a GRPO group, uses the same clips. Clips are looked up one by one if the
    call pads them to a fixed length, as encoders with a fixed window need it; other calls are not cached.

    Args:
        extractor: A feature extractor of transformers; changed in place.
        limit: Size of the cache in bytes; 0 switches it off.

    Returns:
        The cached function for the features of one clip; ``cache_info`` has its hits and misses.
    """
    plain = type(extractor)

    def key(clip: np.ndarray, options: dict[str, Any]) -> tuple[bytes, str]:
        return hashlib.blake2b(clip.tobytes(), digest_size=16).digest(), repr(sorted(options.items()))

    def size(fields: dict[str, np.ndarray]) -> int:
        return sum(value.nbytes for value in fields.values())

    @cached(LRUCache(limit, getsizeof=size), key=key, info=True)
    def features(clip: np.ndarray, options: dict[str, Any]) -> dict[str, np.ndarray]:
        out = plain.__call__(extractor, [clip], **options, return_tensors="np")
        return {name: np.asarray(value)[0] for name, value in out.items()}

    def call(self: Any, raw_speech: Any, **options: Any) -> Any:
        from transformers import BatchFeature

        if limit <= 0 or options.get("padding") != "max_length" or not isinstance(raw_speech, list | tuple):
            return plain.__call__(self, raw_speech, **options)
        tensors = options.pop("return_tensors", None)
        clips = [features(np.ascontiguousarray(clip, dtype=np.float32), options) for clip in raw_speech]
        return BatchFeature(
            {name: np.stack([fields[name] for fields in clips]) for name in clips[0]}, tensor_type=tensors
        )

    # A subclass under the same name: saving writes the class's name, and loading looks it up.
    extractor.__class__ = type(plain.__name__, (plain,), {"__call__": call, "__module__": plain.__module__})
    return features
