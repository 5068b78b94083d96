"""Decoding: what is fine is heard, what is not says why."""

from __future__ import annotations

import errno
import io
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from paqa_builder.audio import Audio, blend, encode_flac, fit, read, read_stem, resample, write_flac
from paqa_builder.errors import AudioError


def tone(seconds: float = 1.0, rate: int = 16_000, channels: int = 1, hertz: float = 440.0) -> np.ndarray:
    wave = 0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)
    return np.repeat(wave[:, None], channels, axis=1)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3", "a.opus", "a.aiff"])
def test_every_container_is_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    kind = {"opus": {"format": "OGG", "subtype": "OPUS"}}.get(path.suffix[1:], {})
    soundfile.write(path, tone(rate=48_000), 48_000, **kind)
    audio, info = read(path)
    assert info.duration == pytest.approx(1.0, abs=0.06)  # MP3 pads
    assert (audio.rate, info.channels) == (48_000, 1)
    assert audio.rms == pytest.approx(0.3 / 2**0.5, rel=0.1)


@pytest.mark.parametrize("rate", [8_000, 22_050, 96_000])
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_rates_and_channels(tmp_path: Path, rate: int, channels: int) -> None:
    soundfile.write(tmp_path / "a.wav", tone(rate=rate, channels=channels), rate)
    audio, info = read(tmp_path / "a.wav")
    assert audio.samples.ndim == 1
    assert (audio.rate, info.channels) == (rate, channels)


def test_a_dc_offset_is_removed(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone() + 0.4, 16_000)
    audio, _ = read(tmp_path / "a.wav")
    assert abs(float(audio.samples.mean())) < 1e-6


def broken(folder: Path) -> dict[str, Path]:
    """One file for each way to be unusable."""
    files = {
        name: folder / name
        for name in ("empty.wav", "text.wav", "nan.wav", "cut.flac", "none.wav", "gone.wav")
    }
    files["empty.wav"].write_bytes(b"")
    files["text.wav"].write_text("this is not audio")
    bad = tone().astype(np.float32)
    bad[100] = np.nan
    soundfile.write(files["nan.wav"], bad, 16_000, subtype="FLOAT")
    soundfile.write(files["cut.flac"], np.random.default_rng(0).uniform(-0.5, 0.5, 48_000), 16_000)
    data = files["cut.flac"].read_bytes()
    files["cut.flac"].write_bytes(data[: len(data) // 2])
    soundfile.write(files["none.wav"], np.zeros((0, 1)), 16_000)
    return files


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("empty.wav", "empty"), ("text.wav", "not a readable"), ("nan.wav", "NaN"),
        ("cut.flac", "lost sync|truncated"),
        ("none.wav", "no samples"), ("gone.wav", "cannot be read"),
    ],
)  # fmt: skip
def test_unusable_files_say_why(tmp_path: Path, name: str, says: str) -> None:
    with pytest.raises(AudioError, match=says) as caught:
        read(broken(tmp_path)[name])
    assert name in str(caught.value)


@pytest.mark.parametrize("name", ["a.wav", "a.aiff", "a.mp3"])
def test_a_truncated_file_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    soundfile.write(path, tone(20.0), 16_000)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(AudioError, match="truncated"):
        read(path)


def test_a_wav_from_a_pipe_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(), 16_000)
    data = bytearray(path.read_bytes())
    data[40:44] = b"\xff" * 4  # ffmpeg cannot go back and write the length
    path.write_bytes(data)
    assert read(path)[1].duration == 1.0


def test_bytes_that_were_decoded_before_are_not_compared_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "clip.wav"
    soundfile.write(path, tone(), 16_000)
    first, info = read(path)
    decoder = sys.modules["paqa_builder.audio.decode"]
    monkeypatch.setattr(decoder, "_seconds_by_av", lambda *_: pytest.fail("decoded by PyAV"))
    again, found = read(path, known=info)
    assert found == info
    np.testing.assert_array_equal(again.samples, first.samples)
    with pytest.raises(pytest.fail.Exception):
        read(path, known=replace(info, sha256="0" * 64))


def test_resampling_keeps_duration_and_pitch() -> None:
    audio = Audio(tone(1.0, 16_000)[:, 0].astype(np.float32), 16_000)
    up = resample(audio, 44_100)
    assert len(up.samples) == 44_100
    spectrum = np.abs(np.fft.rfft(up.samples))
    assert np.fft.rfftfreq(44_100, 1 / 44_100)[spectrum.argmax()] == pytest.approx(440, abs=2)
    assert resample(audio, 16_000) is audio


def test_fit_and_blend() -> None:
    assert fit(np.ones(3), 5).tolist() == [1, 1, 1, 0, 0]
    assert fit(np.ones(3), 2).tolist() == [1, 1]
    one, other = (Audio(np.full(4, v, np.float32), 8_000) for v in (1.0, 0.0))
    assert blend(one, other, 0.7).samples == pytest.approx(0.7)


def test_stems_survive_and_are_the_same_bytes_each_time(tmp_path: Path) -> None:
    audio = Audio(tone()[:, 0].astype(np.float32), 16_000)
    assert encode_flac(audio) == encode_flac(audio)
    (tmp_path / "s.flac").write_bytes(encode_flac(audio))
    assert np.abs(read_stem(tmp_path / "s.flac").samples - audio.samples).max() < 1e-4


def test_a_damaged_stem_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "s.flac").write_bytes(b"fLaC")
    with pytest.raises(AudioError, match="--retry-failed"):
        read_stem(tmp_path / "s.flac")


def test_silence_is_silent_and_quiet_speech_is_not() -> None:
    assert Audio(np.zeros(100, np.float32), 8_000).silent
    assert not Audio((0.001 * tone()[:, 0]).astype(np.float32) * 3, 16_000).silent


@pytest.mark.parametrize("room", [0, 100, 20_000, 90_000])
def test_a_disk_that_is_full_is_an_error_and_prints_nothing(room: int, capfd: pytest.CaptureFixture) -> None:
    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            if self.tell() + len(data) > room:
                raise OSError(errno.ENOSPC, "full")
            return super().write(data)

    noise = np.random.default_rng(0).uniform(-1, 1, 60_000).astype(np.float32)
    assert len(encode_flac(Audio(noise, 16_000))) > 100_000
    with pytest.raises(OSError, match="full"):
        write_flac(Audio(noise, 16_000), Full())
    assert not any(capfd.readouterr())
