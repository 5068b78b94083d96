"""From a row's audio to samples, and from samples to mel features; each is made once a clip."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
from cachetools import LRUCache, cached

from paqa_builder.errors import AudioError
from recipes.data.rows import AudioRef, Row

# Clips of shards that were decoded last, bounded by bytes.
_decoded: LRUCache[Any, Any] = LRUCache(768 << 20, getsizeof=lambda samples: samples.nbytes)


def samples(row: Row, rate: int, max_seconds: float = 30.0) -> np.ndarray:
    """A row's audio as float32 mono samples.

    Args:
        rate: Samples a second that the model wants.
        max_seconds: What is longer is cut.

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
    found = decode(audio.read(), rate, max_seconds)
    found.setflags(write=False)  # it will be given out again
    return found


def decode(data: bytes, rate: int, max_seconds: float = 30.0) -> np.ndarray:
    """Decodes an audio file of any format that libsndfile or PyAV reads.

    Returns:
        float32, mono (the mean of all channels), at ``rate``.

    Raises:
        ValueError: Neither reads it.
    """
    import soundfile
    import soxr

    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            own, found = file.samplerate, file.read(round(max_seconds * file.samplerate), "float32", True)
    except soundfile.LibsndfileError:
        return _decode_with_av(data, rate)
    mono = found[:, 0] if found.shape[1] == 1 else found.mean(axis=1, dtype=np.float32)
    return mono if own == rate else soxr.resample(mono, own, rate).astype(np.float32)


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
    """Makes a feature extractor remember what it made of the same samples.

    Every epoch, and every row of a group in GRPO, hears the same clips again. The extractor works
    as before for every caller; a batch's clips are looked up one by one where they are padded to one
    length, as encoders with a fixed window want it. Other calls go through.

    Args:
        extractor: A feature extractor of transformers; changed in place.
        limit: Bytes to hold.

    Returns:
        What makes one clip's features; its ``cache_info`` tells how often it had them.
    """
    plain = type(extractor)

    def key(one: np.ndarray, options: dict[str, Any]) -> tuple[bytes, str]:
        return hashlib.blake2b(one.tobytes(), digest_size=16).digest(), repr(sorted(options.items()))

    def size(fields: dict[str, np.ndarray]) -> int:
        return sum(value.nbytes for value in fields.values())

    @cached(LRUCache(limit, getsizeof=size), key=key, info=True)
    def made(one: np.ndarray, options: dict[str, Any]) -> dict[str, np.ndarray]:
        out = plain.__call__(extractor, [one], **options, return_tensors="np")
        return {name: np.asarray(value)[0] for name, value in out.items()}

    def call(self: Any, raw_speech: Any, **options: Any) -> Any:
        from transformers import BatchFeature

        if limit <= 0 or options.get("padding") != "max_length" or not isinstance(raw_speech, list | tuple):
            return plain.__call__(self, raw_speech, **options)
        tensors = options.pop("return_tensors", None)
        found = [made(np.ascontiguousarray(one, dtype=np.float32), options) for one in raw_speech]
        return BatchFeature(
            {name: np.stack([f[name] for f in found]) for name in found[0]}, tensor_type=tensors
        )

    # A subclass under the same name: saving writes the class's name, and loading looks it up.
    extractor.__class__ = type(plain.__name__, (plain,), {"__call__": call, "__module__": plain.__module__})
    return made
