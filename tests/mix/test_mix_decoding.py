"""The cache of decoded recordings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from paqa_builder import audio
from paqa_builder.errors import AudioError
from paqa_builder.mix import decoding


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    names: list[str] = []
    plain = audio.read

    def read(path: Path) -> object:
        names.append(Path(path).name)
        return plain(path)

    monkeypatch.setattr(audio, "read", read)
    decoding.clear()
    yield names
    decoding.clear()


def recording(path: Path, seconds: float = 0.5) -> Path:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, round(seconds * 32_000))
    soundfile.write(path, noise.astype(np.float32), 32_000, subtype="FLOAT")
    return path


def test_a_cached_recording_is_decoded_once(tmp_path: Path, reads: list[str]) -> None:
    path = recording(tmp_path / "a.wav")
    own, sha256 = decoding.read(path)
    at, same = decoding.read_at(path, 16_000)
    assert (own.rate, at.rate, same) == (32_000, 16_000, sha256)
    assert np.array_equal(at.samples, audio.resample(own, 16_000).samples)
    assert decoding.read_at(path, 16_000)[0] is at
    assert np.array_equal(decoding.read_at(path, 32_000)[0].samples, own.samples)
    assert reads == ["a.wav"]
    decoding.clear()
    decoding.read_at(path, 16_000)
    assert reads == ["a.wav", "a.wav"]


def test_the_cache_is_bounded_by_bytes(
    tmp_path: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    short = [recording(tmp_path / f"{n}.wav", 1.0) for n in range(4)]
    long = recording(tmp_path / "long.wav", 5.0)
    monkeypatch.setattr(decoding._cache, "_Cache__maxsize", 2 * 4 * 32_000)
    for path in short:
        decoding.read(path)
    assert len(decoding._cache) == 2
    assert len(decoding.read(long)[0].samples) == 5 * 32_000, "read, but too large for the cache"
    decoding.read(short[-1])
    assert reads == ["0.wav", "1.wav", "2.wav", "3.wav", "long.wav"]


def test_cached_samples_are_read_only(tmp_path: Path, reads: list[str]) -> None:
    for decoded, _ in (decoding.read(path := recording(tmp_path / "a.wav")), decoding.read_at(path, 16_000)):
        with pytest.raises(ValueError, match="read-only"):
            decoded.samples[0] = 1.0


def test_errors_are_not_cached(tmp_path: Path, reads: list[str]) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"")
    with pytest.raises(AudioError, match="empty"):
        decoding.read(path)
    recording(path)
    assert decoding.read(path)[0].rate == 32_000
