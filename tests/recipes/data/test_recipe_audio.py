"""Decoding of audio, and the cache of features."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from helpers.audio_hostile import external_track, playlists, wav

from paqa_builder.audio import read
from paqa_builder.audio.containers import sniff
from paqa_builder.errors import AudioError
from recipes.data import audio
from recipes.data.rows import AudioRef, Row
from recipes.families import family


def tone(rate: int, seconds: float = 1.0, channels: int = 1) -> np.ndarray:
    time = np.arange(round(rate * seconds)) / rate
    wave = 0.5 * np.sin(2 * np.pi * 440 * time)
    return np.stack([wave * (1 - n) for n in range(channels)], axis=1).astype(np.float32)


def file_of(samples: np.ndarray, rate: int, kind: str = "WAV") -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=kind)
    return buffer.getvalue()


def row(sound: object) -> Row:
    return Row("q", "clip7", sound, "?", ("a", "b"), "a")  # type: ignore[arg-type]


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG"])
def test_any_rate_and_format_becomes_mono_at_the_rate_asked_for(rate: int, kind: str) -> None:
    heard = audio.decode(file_of(tone(rate, channels=2), rate, kind), 16_000)
    assert heard.dtype == np.float32
    assert abs(len(heard) - 16_000) < 50
    spectrum = np.abs(np.fft.rfft(heard[:16_000]))
    assert abs(int(spectrum.argmax()) * 16_000 / min(len(heard), 16_000) - 440) < 3
    assert np.abs(heard[1000:-1000]).max() == pytest.approx(0.5, abs=0.02)  # the empty channel is left out


def test_what_libsndfile_does_not_know_is_left_to_pyav(tmp_path: Path) -> None:
    (tmp_path / "a.mov").write_bytes(external_track(tmp_path / "b")[1])
    heard = audio.samples(row(str(tmp_path / "a.mov")), 16_000)
    assert len(heard) == 16_000
    assert np.abs(heard).max() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("name", sorted(playlists(Path("/x"))))
def test_playlists_are_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (tmp_path / "secret.wav").write_bytes(wav())
    data = playlists(tmp_path / "secret.wav")[name]
    monkeypatch.setattr("av.open", lambda *args, **options: pytest.fail("guesses the format"), raising=True)
    if sniff(data) is not None:
        monkeypatch.undo()
    (tmp_path / "a.wav").write_bytes(data)
    for sound in (data, str(tmp_path / "a.wav")):
        with pytest.raises(AudioError, match="question q, clip clip7"):
            audio.samples(row(sound), 16_000)


@pytest.mark.parametrize(
    "path",
    ["concat:{0}|{0}", "file:{0}", "rtsp://127.0.0.1/a", "http://127.0.0.1/a.wav", "/dev/zero", "a\0b"],
)
def test_the_path_of_a_row_is_a_file_and_no_url(tmp_path: Path, path: str) -> None:
    (tmp_path / "secret.wav").write_bytes(wav())
    with pytest.raises(AudioError, match="question q, clip clip7"):
        audio.samples(row(path.format(tmp_path / "secret.wav")), 16_000)


def test_training_gets_the_mixdown_of_the_build(tmp_path: Path) -> None:
    left = tone(16_000)[:, 0]
    file = tmp_path / "a.wav"
    for channels in ([left, -left], [left, 0 * left, 0 * left], [8 * left]):
        soundfile.write(file, np.stack(channels, axis=1), 16_000, subtype="FLOAT")
        assert np.array_equal(audio.samples(row(str(file)), 16_000), read(file)[0].samples)
        assert np.abs(audio.samples(row(str(file)), 16_000)).max() >= 0.4


def test_long_audio_is_cut_and_broken_audio_named(tmp_path: Path) -> None:
    data = file_of(tone(16_000, 3.0), 16_000)
    assert len(audio.samples(row(data), 16_000, max_seconds=1.5)) == 24_000
    assert len(audio.samples(row(np.zeros(48_000)), 16_000, max_seconds=1.0)) == 16_000
    for broken in (b"not audio", b"", str(tmp_path / "none.wav"), np.zeros(0)):
        with pytest.raises(AudioError, match="clip7"):
            audio.samples(row(broken), 16_000)


def test_a_clip_of_a_shard_is_decoded_once(tmp_path: Path) -> None:
    shard = tmp_path / "a.parquet"
    files = [{"bytes": file_of(tone(16_000, seconds), 16_000, "FLAC")} for seconds in (0.5, 1.0)]
    pq.write_table(pa.table({"audio": files}), shard)
    refs = [AudioRef(str(shard), 0, place) for place in (0, 1)]
    first, second = (audio.samples(row(ref), 16_000) for ref in refs)
    assert (len(first), len(second)) == (8_000, 16_000)
    again = audio.samples(row(AudioRef(str(shard), 0, 1)), 16_000)
    assert np.shares_memory(again, second)
    assert len(audio.samples(row(refs[1]), 8_000)) == 8_000
    assert len(audio.samples(row(refs[1]), 16_000, max_seconds=0.25)) == 4_000
    with pytest.raises(ValueError, match="read-only"):
        second[0] = 1.0


@pytest.mark.parametrize("name", ["qwen2_audio", "audio_flamingo3", "qwen2_5_omni", "voxtral"])
def test_remembered_features_are_those_that_would_have_been_made(name: str, tmp_path: Path) -> None:
    kind = family(name)
    _, plain = kind.tiny()
    _, caching = kind.tiny()
    kept = audio.cache_features(caching.feature_extractor, 10 << 20)
    clips = [tone(16_000, seconds)[:, 0] for seconds in (0.5, 1.0, 1.7)]
    texts = [kind.text(plain, "What?") for _ in clips]
    for order in ([0, 1, 2], [2, 0, 2]):
        batch = [clips[n] for n in order]
        one, other = kind.process(plain, texts, batch), kind.process(caching, texts, batch)
        for key in kind.audio_keys:
            assert one[key].dtype == other[key].dtype
            assert (one[key] == other[key]).all()
    assert kept.cache_info()[:2] == (3, 3)
    caching.save_pretrained(tmp_path)
    loaded = kind.load_processor(str(tmp_path))
    assert type(loaded.feature_extractor).__name__ == type(plain.feature_extractor).__name__


def test_no_memory_means_no_cache() -> None:
    kind = family("qwen2_audio")
    _, processor = kind.tiny()
    kept = audio.cache_features(processor.feature_extractor, 0)
    kind.process(processor, [kind.text(processor, "What?")], [tone(16_000)[:, 0]])
    assert kept.cache_info()[:2] == (0, 0)
