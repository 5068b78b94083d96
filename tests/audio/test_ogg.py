"""Opus files as ffmpeg writes them, which libsndfile refuses half-way."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from paqa_builder.audio import read
from paqa_builder.audio.containers import ogg_complete
from paqa_builder.audio.decode import decode
from paqa_builder.errors import AudioError


def pages(data: bytes) -> Iterator[bytes]:
    """The pages of an Ogg stream (RFC 3533)."""
    while data:
        segments = data[26]
        size = 27 + segments + sum(data[27 : 27 + segments])
        yield data[:size]
        data = data[size:]


def checksum(page: bytes) -> bytes:
    """Ogg's CRC-32: polynomial 0x04c11db7, nothing reflected, no final exclusive or."""
    crc = 0
    for byte in page:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1) ^ (0x04C11DB7 if crc & 0x80000000 else 0)
        crc &= 0xFFFFFFFF
    return crc.to_bytes(4, "little")


def shifted(page: bytes, samples: int) -> bytes:
    """The page with its granule position moved."""
    granule = int.from_bytes(page[6:14], "little") + samples
    page = page[:6] + granule.to_bytes(8, "little") + page[14:22] + bytes(4) + page[26:]
    return page[:22] + checksum(page) + page[26:]


@pytest.fixture
def opus(tmp_path: Path) -> Path:
    """Five seconds of a tone, one page a second, the third page's time off by 10 ms."""
    path = tmp_path / "a.opus"
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(5 * 48_000) / 48_000)
    soundfile.write(path, tone, 48_000, format="OGG", subtype="OPUS")
    found = list(pages(path.read_bytes()))
    found[4] = shifted(found[4], 488)
    path.write_bytes(b"".join(found))
    return path


def test_a_file_that_libsndfile_refuses_is_read(opus: Path) -> None:
    with pytest.raises(soundfile.SoundFileError):
        soundfile.read(io.BytesIO(opus.read_bytes()))
    audio, info = read(opus)
    assert info.duration == pytest.approx(5.0, abs=0.1)
    assert (info.rate, info.channels) == (48_000, 1)
    assert audio.rms == pytest.approx(0.3 / 2**0.5, rel=0.05)
    spectrum = np.abs(np.fft.rfft(audio.samples))
    assert spectrum.argmax() / audio.duration == pytest.approx(440, abs=1)


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.99])
def test_a_truncated_one_is_refused(opus: Path, kept: float) -> None:
    data = opus.read_bytes()
    opus.write_bytes(data[: int(kept * len(data))])
    with pytest.raises(AudioError, match="truncated"):
        read(opus)


def test_garbage_after_the_magic_is_refused(opus: Path) -> None:
    assert not ogg_complete(b"OggS" + bytes(10))
    first, *_ = pages(opus.read_bytes())
    with pytest.raises(AudioError, match=r"not a readable|truncated"):
        decode(first + bytes(100), "a.ogg")
