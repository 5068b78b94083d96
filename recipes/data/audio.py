"""Audio loading and mel features, both with a cache."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
from cachetools import LRUCache, cached

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
        AudioError: The audio is missing, empty or cannot be decoded; names the clip.
    """
    audio = row.audio
    if not isinstance(audio, np.ndarray):
        try:
            if isinstance(audio, AudioRef):
                audio = _of_shard(audio, rate, max_seconds)
            else:
                data = Path(audio).read_bytes() if isinstance(audio, str) else audio
                audio = decode(data, rate, max_seconds)
        except (OSError, ValueError) as error:
            raise AudioError(f"clip {row.clip_id}: its audio cannot be read ({error})") from error
    if not audio.size:
        raise AudioError(f"clip {row.clip_id}: has no samples")
    return np.ascontiguousarray(audio[: round(max_seconds * rate)], dtype=np.float32)


@cached(_decoded)
def _of_shard(audio: AudioRef, rate: int, max_seconds: float) -> np.ndarray:
    decoded = decode(audio.read(), rate, max_seconds)
    decoded.setflags(write=False)  # the cache returns the same array again
    return decoded


def decode(data: bytes, rate: int, max_seconds: float = 30.0) -> np.ndarray:
    """Decodes an audio file of any format that libsndfile or PyAV reads.

    Returns:
        float32, mono (the mean of all channels), at ``rate``.

    Raises:
        ValueError: The format is unknown.
    """
    import soundfile
    import soxr

    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            file_rate = file.samplerate
            channels = file.read(round(max_seconds * file_rate), "float32", always_2d=True)
    except soundfile.LibsndfileError:
        return _decode_with_av(data, rate)
    mono = channels[:, 0] if channels.shape[1] == 1 else channels.mean(axis=1, dtype=np.float32)
    return mono if file_rate == rate else soxr.resample(mono, file_rate, rate).astype(np.float32)


def _decode_with_av(data: bytes, rate: int) -> np.ndarray:
    import av

    try:
        with av.open(io.BytesIO(data), "r") as container:
            resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
            frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
            frames += resampler.resample(None)
    except (av.FFmpegError, IndexError) as error:
        raise ValueError(f"unknown format: {error}") from error
    parts = [frame.to_ndarray().reshape(-1) for frame in frames]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


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
