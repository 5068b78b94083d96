"""Containers through PyAV, which also makes them here."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from paqa_builder.audio import read
from paqa_builder.audio.containers import sniff
from paqa_builder.audio.decode import _with_pydub
from paqa_builder.errors import AudioError

RATE = 48_000
CODECS = {
    "m4a": ("ipod", "aac", False),
    "mp4": ("mp4", "aac", True),
    "webm": ("webm", "libopus", False),
    "mka": ("matroska", "pcm_s16le", False),
    "mkv": ("matroska", "libopus", True),
    "aac": ("adts", "aac", False),
    "mov": ("mov", "pcm_s24le", False),
    "wma": ("asf", "wmav2", False),
    "avi": ("avi", "pcm_s16le", False),
}
"""Container -> PyAV's format and codec, and whether there are 5 s of video beside the sound."""
Make = Callable[..., Path]


def tone(seconds: float = 3.0) -> np.ndarray:
    """440 Hz on the left, 880 Hz on the right, a click at 1 s on both, ``[n, 2]``."""
    time = np.arange(round(seconds * RATE)) / RATE
    samples = 0.2 * np.sin(2 * np.pi * np.outer(time, [440.0, 880.0]))
    samples[RATE : RATE + 48] += 0.5
    return samples


def write_sound(output: Any, codec: str) -> None:
    stream = output.add_stream(codec, rate=RATE, layout="stereo", bit_rate=128_000)
    samples = (tone() * 32767).astype(np.int16)
    stream.codec_context.open()
    size = stream.codec_context.frame_size or 1024
    resampler = av.AudioResampler(stream.codec_context.format, "stereo", RATE, frame_size=size)
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="stereo")
    frame.rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
    for converted in [*resampler.resample(frame), *resampler.resample(None)]:
        output.mux(stream.encode(converted))
    output.mux(stream.encode(None))


def add_video(output: Any) -> Any:
    """Adds a video stream; all streams must be there before the first packet is written."""
    stream = output.add_stream("mpeg4", rate=25)
    stream.width = stream.height = 32
    stream.pix_fmt = "yuv420p"
    return stream


def write_video(output: Any, stream: Any, seconds: int) -> None:
    for number in range(25 * seconds):
        frame = av.VideoFrame.from_ndarray(np.zeros((48, 32), np.uint8), format="yuv420p")
        frame.pts = number
        output.mux(stream.encode(frame))
    output.mux(stream.encode(None))


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Writes the tone into a container."""

    def write(kind: str, name: str | None = None) -> Path:
        path = tmp_path / (name or f"clip.{kind}")
        container, codec, video = CODECS[kind]
        with av.open(str(path), "w", format=container) as output:
            stream = add_video(output) if video else None
            write_sound(output, codec)
            if video:
                write_video(output, stream, 5)
        return path

    return write


@pytest.mark.parametrize("kind", CODECS)
def test_the_sound_comes_out_where_it_was(make: Make, kind: str) -> None:
    audio, info = read(make(kind))
    assert (info.rate, info.channels) == (RATE, 2)
    # A codec pads up to a frame or two (an ADTS stream cannot even say so), but must not shift by more.
    assert abs(audio.duration - 3.0) < 0.12
    expected = np.interp(np.arange(len(audio.samples)), np.arange(3 * RATE), tone().mean(axis=1), right=0.0)
    middle = slice(RATE // 2, 5 * RATE // 2)
    lags = range(-2400, 2401, 4)
    likeness = [np.corrcoef(np.roll(expected, lag)[middle], audio.samples[middle])[0, 1] for lag in lags]
    best = int(np.argmax(likeness))
    assert likeness[best] > 0.95
    assert abs(lags[best]) <= (2400 if kind in ("aac", "wma") else 48)
    assert 0.05 < audio.rms < 0.2


def test_same_bytes_each_time_and_names_that_mean_something_to_ffmpeg(make: Make, tmp_path: Path) -> None:
    path = make("m4a")
    odd = tmp_path / "-y concat:a|b.mp3 ünï.m4a"
    odd.write_bytes(path.read_bytes())
    assert np.array_equal(read(path)[0].samples, read(odd)[0].samples)
    # The content decides, not the name.
    named = tmp_path / "clip.wav"
    named.write_bytes(path.read_bytes())
    assert np.array_equal(read(named)[0].samples, read(path)[0].samples)


@pytest.mark.parametrize("kind", ["mka", "webm", "mov"])
def test_a_cut_file_is_an_error_that_names_it(make: Make, kind: str) -> None:
    path = make(kind, f"cut.{kind}")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(AudioError, match=rf"^cut\.{kind}: "):
        read(path)


def test_a_video_without_sound_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "mute.mp4"
    with av.open(str(path), "w") as output:
        write_video(output, add_video(output), 1)
    with pytest.raises(AudioError, match="no audio stream"):
        read(path)


def test_garbage_that_begins_like_a_container(tmp_path: Path) -> None:
    path = tmp_path / "bad.webm"
    path.write_bytes(b"\x1a\x45\xdf\xa3" + bytes(range(256)) * 20)
    with pytest.raises(AudioError, match=r"^bad\.webm: "):
        read(path)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_a_codec_that_pyav_lacks_is_decoded_by_pydub(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make("mka")
    expected, _ = read(path)

    def refuse(*args: object, **options: object) -> None:
        raise av.error.DecoderNotFoundError(1, "no such decoder")

    monkeypatch.setattr(av, "open", refuse)
    audio, info = read(path)
    assert (info.rate, info.channels) == (RATE, 2)
    assert np.abs(audio.samples - expected.samples[: len(audio.samples)]).max() < 1e-3
    assert abs(audio.duration - expected.duration) < 0.01


@pytest.mark.parametrize(
    "text", [b"ffconcat version 1.0\nfile other.wav\n", b"v=0\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n"]
)
def test_pydub_does_not_guess_a_format_that_opens_files(tmp_path: Path, text: bytes) -> None:
    with pytest.raises(AudioError, match="ffmpeg cannot decode it"):
        _with_pydub(text, "matroska", "a.mka")


def test_a_codec_that_pyav_lacks_needs_ffmpeg(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make("mka")

    def refuse(*args: object, **options: object) -> None:
        raise av.error.DecoderNotFoundError(1, "no such decoder")

    monkeypatch.setattr(av, "open", refuse)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AudioError, match="PyAV lacks the codec") as error:
        read(path)
    assert "install ffmpeg" in str(error.value.fix)


@pytest.mark.parametrize(
    ("data", "kind"),
    [(b"RIFF\0\0\0\0WAVEfmt ", "wav"), (b"feel free to", None), (b"\xff\xfb\x90\x64" + bytes(413), "mp3"),
     (b"\xff\xf1\x50\x40", "aac"), (b"RIFF\0\0\0\0AVI LIST", "avi"), (b"ffconcat version 1.0", None)],
)  # fmt: skip
def test_containers_are_known_by_their_first_bytes(data: bytes, kind: str | None) -> None:
    assert sniff(data) == kind
