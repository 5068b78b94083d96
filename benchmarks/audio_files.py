"""Audio files in many containers, and what the world does to their headers."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import av
import numpy as np
import soundfile

RATE = 44_100


def sound(seconds: float, seed: int = 0, rate: int = RATE) -> np.ndarray:
    """A trembling tone with noise, ``float32 [n, 1]``."""
    random, time = np.random.default_rng(seed), np.arange(round(seconds * rate)) / rate
    tone = 0.15 * np.sin(2 * np.pi * 440 * time) * (1 + np.sin(2 * np.pi * 3 * time))
    return (tone + 0.02 * random.standard_normal(len(time))).astype(np.float32)[:, None]


def with_libsndfile(samples: np.ndarray, rate: int = RATE, **options: object) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, **options)
    return buffer.getvalue()


def with_av(
    samples: np.ndarray, container: str, codec: str, rate: int = RATE, bit_rate: int = 96_000
) -> bytes:
    buffer = io.BytesIO()
    layout = "mono" if samples.shape[1] == 1 else "stereo"
    with av.open(buffer, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate, layout=layout, bit_rate=bit_rate)
        stream.codec_context.open()
        size = stream.codec_context.frame_size or 1024
        resampler = av.AudioResampler(stream.codec_context.format, layout, rate, frame_size=size)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T), format="fltp", layout=layout)
        frame.rate, frame.pts = rate, 0
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            output.mux(stream.encode(piece))
        output.mux(stream.encode(None))
    return buffer.getvalue()


def patched(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def xing_frames(data: bytes, factor: float) -> bytes:
    """An MP3 whose Xing or Info tag states ``factor`` times its frames."""
    at = max(data.find(b"Xing"), data.find(b"Info")) + 8
    return patched(data, at, struct.pack(">I", int(struct.unpack_from(">I", data, at)[0] * factor)))


def flac_total(data: bytes, factor: float) -> bytes:
    """A FLAC file whose STREAMINFO states ``factor`` times its samples."""
    bits = int.from_bytes(data[21:26], "big")
    total = bits & (1 << 36) - 1
    return patched(data, 21, (bits - total + int(total * factor)).to_bytes(5, "big"))


def without_first_frame(data: bytes) -> bytes:
    from paqa_builder.audio.containers import mpeg_frames

    frames = mpeg_frames(data)
    next(frames)
    return data[next(frames).start :]


def id3(size: int = 256) -> bytes:
    """An ID3v2.4 tag of one frame."""
    body = b"TIT2" + struct.pack(">IH", size - 10, 0) + bytes(size - 10)
    return b"ID3\x04\0\0" + bytes((size >> 21 & 127, size >> 14 & 127, size >> 7 & 127, size & 127)) + body


FIRST, SECOND = sound(6.0), sound(2.0, seed=1)
VBR = {"format": "MP3", "bitrate_mode": "VARIABLE", "compression_level": 0.5}


def cbr(samples: np.ndarray) -> bytes:
    return with_av(samples, "mp3", "libmp3lame", bit_rate=128_000)


def flac(samples: np.ndarray) -> bytes:
    return with_libsndfile(samples, format="FLAC")


def vorbis(samples: np.ndarray) -> bytes:
    return with_libsndfile(samples, format="OGG")


def opus(seconds: float) -> bytes:
    return with_libsndfile(sound(seconds, rate=48_000), 48_000, format="OGG", subtype="OPUS")


def streamed_wav(size: int) -> bytes:
    return patched(with_libsndfile(FIRST, format="WAV"), 40, struct.pack("<I", size))


TRICKS: dict[str, tuple[Callable[[], bytes], float]] = {
    "mp3 vbr": (lambda: with_libsndfile(FIRST, **VBR), 6.0),
    "mp3 vbr, tag renamed": (lambda: with_libsndfile(FIRST, **VBR).replace(b"Xing", b"Xyng"), 6.0),
    "mp3 cbr, tag renamed": (lambda: cbr(FIRST).replace(b"Info", b"Inxo"), 6.0),
    "mp3, frames halved": (lambda: xing_frames(with_libsndfile(FIRST, **VBR), 0.5), 6.0),
    "mp3, frames doubled": (lambda: xing_frames(with_libsndfile(FIRST, **VBR), 2.0), 6.0),
    "mp3, frames zero": (lambda: xing_frames(with_libsndfile(FIRST, **VBR), 0.0), 6.0),
    "mp3 joined": (lambda: with_libsndfile(FIRST, **VBR) + with_libsndfile(SECOND, format="MP3"), 8.0),
    "mp3 cbr joined": (lambda: cbr(FIRST) + cbr(SECOND), 8.0),
    "mp3 cbr without its first frame": (lambda: without_first_frame(cbr(FIRST)), 6.0),
    "mp3 behind junk": (lambda: bytes(range(1, 200)) + without_first_frame(cbr(FIRST)), 6.0),
    "mp3 with a tag at its end": (lambda: cbr(FIRST) + b"TAG" + bytes(125), 6.0),
    "mp2": (lambda: with_av(FIRST, "mp2", "mp2", bit_rate=192_000), 6.0),
    "flac, total 0": (lambda: flac_total(flac(FIRST), 0.0), 6.0),
    "flac, total halved": (lambda: flac_total(flac(FIRST), 0.5), 6.0),
    "flac, total doubled": (lambda: flac_total(flac(FIRST), 2.0), 6.0),
    "flac 24 bits, total doubled": (
        lambda: flac_total(with_libsndfile(FIRST, format="FLAC", subtype="PCM_24"), 2.0), 6.0,
    ),
    "flac joined": (lambda: flac(FIRST) + flac(SECOND), 8.0),
    "flac behind id3": (lambda: id3() + flac(FIRST), 6.0),
    "vorbis chained": (lambda: vorbis(FIRST) + vorbis(SECOND), 8.0),
    "opus chained": (
        lambda: opus(6.0) + opus(2.0), 8.0,
    ),
    "flac in ogg": (lambda: with_av(FIRST, "ogg", "flac"), 6.0),
    "wav, data size 0": (lambda: streamed_wav(0), 6.0),
    "wav, data size unknown": (lambda: streamed_wav(0xFFFFFFFF), 6.0),
    "wav behind id3": (lambda: id3() + with_libsndfile(FIRST, format="WAV"), 6.0),
    "wav behind two id3": (lambda: id3() + id3(400) + with_libsndfile(FIRST, format="WAV"), 6.0),
    "wav gsm 6.10": (lambda: with_libsndfile(FIRST, format="WAV", subtype="GSM610"), 6.0),
    "wav ima adpcm": (lambda: with_libsndfile(FIRST, format="WAV", subtype="IMA_ADPCM"), 6.0),
    "rf64": (lambda: with_libsndfile(FIRST, format="RF64"), 6.0),
    "w64": (lambda: with_libsndfile(FIRST, format="W64", subtype="PCM_16"), 6.0),
    "au g.721": (lambda: with_libsndfile(FIRST, format="AU", subtype="G721_32"), 6.0),
    "au": (lambda: with_libsndfile(FIRST, format="AU", subtype="PCM_16"), 6.0),
    "caf": (lambda: with_libsndfile(FIRST, format="CAF", subtype="PCM_16"), 6.0),
    "caf alac": (lambda: with_libsndfile(FIRST, format="CAF", subtype="ALAC_16"), 6.0),
    "aiff": (lambda: with_libsndfile(FIRST, format="AIFF"), 6.0),
    "aac": (lambda: with_av(FIRST, "adts", "aac"), 6.0),
    "aac joined": (lambda: with_av(FIRST, "adts", "aac") + with_av(SECOND, "adts", "aac"), 8.0),
    "m4a": (lambda: with_av(FIRST, "ipod", "aac"), 6.0),
    "wma": (lambda: with_av(FIRST, "asf", "wmav2", bit_rate=128_000), 6.0),
    "wavpack": (lambda: with_av(FIRST, "wv", "wavpack"), 6.0),
    "ac3": (lambda: with_av(FIRST, "ac3", "ac3", bit_rate=192_000), 6.0),
}  # fmt: skip
"""Whole files: what makes them, and the seconds that they hold."""

CUT = (
    "mp3 vbr", "mp3 cbr, tag renamed", "mp3 cbr joined", "flac, total 0", "flac behind id3", "vorbis chained",
    "opus chained", "rf64", "w64", "au", "caf", "aiff", "aac", "m4a", "wma",
)  # fmt: skip
"""Tricks that are refused when their last third is missing. A file whose header cannot say how long it is
(flac, total 0) is refused where the cut goes through a frame."""
