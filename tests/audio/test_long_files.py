"""Files longer than the limit: decoded in blocks, with the results of a decoding as a whole."""

from __future__ import annotations

import errno
import io
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from paqa_builder import audio
from paqa_builder.audio import LongAudio, combine, encode_flac, read, read_stem, resample, spool
from paqa_builder.errors import AudioError, NotReadyError

RATE = 16_000


@pytest.fixture
def signal() -> np.ndarray:
    noise = np.random.default_rng(0).standard_normal((20 * RATE, 2)).astype(np.float32)
    return 0.1 * noise + 0.05


@pytest.fixture
def low_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit of 5 s, and blocks, mapped files and releases of a size to match."""
    monkeypatch.setattr(spool, "LONG_SECONDS", 5.0)
    monkeypatch.setattr(spool, "BLOCK", 10_000)
    decoding = sys.modules["paqa_builder.audio.decode"]
    monkeypatch.setattr(decoding, "_BLOCK", 30_000)
    monkeypatch.setattr(decoding, "_RELEASED", 50_000)
    monkeypatch.setattr(audio, "_MAPPED_BYTES", 100_000)


def write(path: Path, samples: np.ndarray, subtype: str | None = None) -> Path:
    soundfile.write(path, samples, RATE, subtype=subtype)
    return path


CASES = {
    "mean": lambda x: x,
    "one channel": lambda x: x[:, :1],
    "antiphase": lambda x: np.stack([x[:, 0], -x[:, 0]], axis=1),
    "an empty channel": lambda x: np.stack([x[:, 0], 0 * x[:, 0]], axis=1),
    "loud": lambda x: 8 * x,
}


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize("case", CASES)
def test_the_same_samples_as_in_memory(
    tmp_path: Path, signal: np.ndarray, case: str, ending: str, request: pytest.FixtureRequest
) -> None:
    if case == "loud" and ending != "wav":
        pytest.skip("only float formats hold it")
    path = write(tmp_path / f"a.{ending}", CASES[case](signal), "FLOAT" if ending == "wav" else None)
    whole, info = read(path)
    request.getfixturevalue("low_limit")
    long, long_info = read(path, tmp_path / "work")
    assert not isinstance(whole, LongAudio)
    assert isinstance(long, LongAudio)
    assert long_info == info
    assert np.allclose(long.samples, whole.samples, rtol=0, atol=1e-7)
    assert long.rms == pytest.approx(whole.rms)
    assert encode_flac(long) == encode_flac(whole) or np.abs(long.samples - whole.samples).max() > 0
    assert list((tmp_path / "work").iterdir()) == []


@pytest.mark.usefixtures("low_limit")
@pytest.mark.parametrize("rate", [8_000, 44_100])
def test_resampling_and_sums_in_blocks(tmp_path: Path, signal: np.ndarray, rate: int) -> None:
    path = write(tmp_path / "a.wav", signal[:, 0])
    long, _ = read(path, tmp_path)
    whole = audio.Audio(np.array(long.samples), RATE)
    again = resample(long, rate)
    assert isinstance(again, LongAudio)
    assert len(again.samples) == len(resample(whole, rate).samples)
    assert np.allclose(again.samples, resample(whole, rate).samples, atol=1e-5)
    shorter = audio.Audio(whole.samples[: 7 * RATE], RATE)
    assert np.array_equal(
        combine(np.subtract, long, shorter).samples, combine(np.subtract, whole, shorter).samples
    )


@pytest.mark.usefixtures("low_limit")
def test_a_stem_is_read_back_in_blocks(tmp_path: Path, signal: np.ndarray) -> None:
    path = tmp_path / "a.flac"
    path.write_bytes(encode_flac(audio.Audio(signal[:, 0], RATE)))
    long = read_stem(path, tmp_path)
    assert isinstance(long, LongAudio)
    assert np.array_equal(long.samples, soundfile.read(path, dtype="float32")[0])


@pytest.mark.usefixtures("low_limit")
def test_faults_late_in_a_long_file(tmp_path: Path, signal: np.ndarray) -> None:
    bad = signal.copy()
    bad[18 * RATE, 1] = np.nan
    with pytest.raises(AudioError, match=r"first at 18\.000 s"):
        read(write(tmp_path / "nan.wav", bad, "FLOAT"))
    cut = write(tmp_path / "cut.wav", signal).read_bytes()[:-50_000]
    (tmp_path / "cut.wav").write_bytes(cut)
    with pytest.raises(AudioError, match="truncated"):
        read(tmp_path / "cut.wav")
    (tmp_path / "cut.mp3").write_bytes(write(tmp_path / "whole.mp3", signal).read_bytes()[:-5000])
    with pytest.raises(AudioError, match="truncated"):
        read(tmp_path / "cut.mp3")


@pytest.mark.usefixtures("low_limit")
def test_a_full_disk_says_what_to_do(
    tmp_path: Path, signal: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(io.BytesIO):
        def write(self, data: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    path = write(tmp_path / "a.wav", signal)
    monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: Full())
    with pytest.raises(NotReadyError, match="no space left") as error:
        read(path, tmp_path)
    assert "--work" in str(error.value.fix)
