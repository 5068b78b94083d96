"""Containers through pydub and ffmpeg; made here with ffmpeg itself."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from helpers.production import needs

from paqa_builder import containers
from paqa_builder.audio import read
from paqa_builder.errors import AudioError, NotReadyError

ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
RATE = 48_000
CODECS = {
    "m4a": ("-c:a", "aac"),
    "mp4": ("-f", "lavfi", "-i", "color=black:s=32x32:d=5", "-shortest", "-c:a", "aac", "-c:v", "mpeg4"),
    "webm": ("-c:a", "libopus", "-ar", "48000"),
    "mka": ("-c:a", "pcm_s16le"),
    "mkv": ("-f", "lavfi", "-i", "color=black:s=32x32:d=5", "-c:a", "libvorbis", "-c:v", "mpeg4"),
    "aac": ("-c:a", "aac"),
    "mov": ("-c:a", "pcm_s24le"),
    "wma": ("-c:a", "wmav2"),
    "avi": ("-c:a", "pcm_s16le"),
}
Make = Callable[..., Path]


def tone(seconds: float = 3.0) -> np.ndarray:
    """440 Hz on the left, 880 Hz on the right, a click at 1 s on both, ``[n, 2]``."""
    time = np.arange(round(seconds * RATE)) / RATE
    samples = 0.2 * np.sin(2 * np.pi * np.outer(time, [440.0, 880.0]))
    samples[RATE : RATE + 48] += 0.5
    return samples


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Writes the tone into a container."""

    def write(kind: str, name: str | None = None) -> Path:
        wav, path = tmp_path / "tone.wav", tmp_path / (name or f"clip.{kind}")
        soundfile.write(wav, tone(), RATE, subtype="PCM_16")
        inputs = [
            option for option in CODECS[kind] if option in ("-f", "lavfi", "-i") or option.startswith("color")
        ]
        outputs = [option for option in CODECS[kind] if option not in inputs]
        subprocess.run(
            ["ffmpeg", "-v", "error", "-y", "-i", wav, *inputs, *outputs, path.absolute()], check=True
        )
        return path

    return write


@ffmpeg
@needs("pydub", extra="containers")
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


@ffmpeg
@needs("pydub", extra="containers")
def test_same_bytes_each_time_and_names_that_mean_something_to_ffmpeg(make: Make, tmp_path: Path) -> None:
    path = make("m4a")
    odd = tmp_path / "-y concat:a|b.mp3 ünï.m4a"
    odd.write_bytes(path.read_bytes())
    assert np.array_equal(read(path)[0].samples, read(odd)[0].samples)
    # The content decides, not the name.
    named = tmp_path / "clip.wav"
    named.write_bytes(path.read_bytes())
    assert np.array_equal(read(named)[0].samples, read(path)[0].samples)


@ffmpeg
@needs("pydub", extra="containers")
@pytest.mark.parametrize("kind", ["mka", "webm", "mov"])
def test_a_cut_file_is_an_error_that_names_it(make: Make, kind: str) -> None:
    path = make(kind, f"cut.{kind}")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(AudioError, match=rf"^cut\.{kind}: "):
        read(path)


@ffmpeg
@needs("pydub", extra="containers")
def test_a_video_without_sound_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "mute.mp4"
    source = ["-f", "lavfi", "-i", "color=black:s=32x32:d=1", "-c:v", "mpeg4"]
    subprocess.run(["ffmpeg", "-v", "error", *source, path], check=True)
    with pytest.raises(AudioError, match="no audio stream"):
        read(path)


@ffmpeg
@needs("pydub", extra="containers")
def test_garbage_that_begins_like_a_container(tmp_path: Path) -> None:
    path = tmp_path / "bad.webm"
    path.write_bytes(b"\x1a\x45\xdf\xa3" + bytes(range(256)) * 20)
    with pytest.raises(AudioError, match=r"^bad\.webm: "):
        read(path)


def test_without_ffmpeg_the_command_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"\0\0\0\x20ftypisom" + bytes(100))
    with pytest.raises(NotReadyError, match="ffmpeg and ffprobe") as error:
        read(path)
    assert "install ffmpeg" in str(error.value.fix)


def test_only_containers_go_to_ffmpeg(tmp_path: Path) -> None:
    for name, data in (
        ("RIFF", b"RIFF\0\0\0\0WAVEfmt "),
        ("mp3", b"\xff\xfb\x90\x64"),
        ("text", b"feel free to"),
    ):
        assert not containers.is_container(data), name
    for suffix in (".wav", ".flac", ".ogg", ".aiff"):
        path = tmp_path / f"tone{suffix}"
        soundfile.write(path, tone(0.1), RATE)
        assert not containers.is_container(path.read_bytes()[:64])
