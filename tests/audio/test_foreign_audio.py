"""Bytes from others: only listed containers are opened, and nothing but the bytes is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import pytest
from helpers.audio_hostile import external_track, playlists, wav

from paqa_builder.audio.containers import sniff
from paqa_builder.audio.decode import decode
from paqa_builder.errors import AudioError

NAMES = sorted(playlists(Path("/x")))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The options of every call of PyAV's demuxers."""
    calls: list[dict[str, Any]] = []
    plain = av.open

    def spy(file: Any, *args: Any, **options: Any) -> Any:
        calls.append({**options, "file": file})
        return plain(file, *args, **options)

    monkeypatch.setattr(av, "open", spy)
    return calls


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seconds", [None, 30.0])
def test_playlists_and_session_descriptions_are_not_audio(
    tmp_path: Path, opened: list[dict[str, Any]], name: str, seconds: float | None
) -> None:
    secret = tmp_path / "secret.wav"
    secret.write_bytes(wav())
    data = playlists(secret)[name]
    with pytest.raises(AudioError, match=r"clip\.wav"):
        decode(data, "clip.wav", seconds=seconds)
    for call in opened:  # a listed container, without protocols, from memory
        assert call["format"] == sniff(data) is not None
        assert call["options"]["protocol_whitelist"] == ""
        assert not isinstance(call["file"], str | Path)


def test_a_track_in_another_file_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # FFmpeg looks for the file's name here, too
    data, whole = external_track(tmp_path / "secret.mov")
    (tmp_path / "secret.mov").write_bytes(whole)
    assert len(decode(whole, "secret.mov").samples) == 16_000
    for seconds in (None, 30.0):
        with pytest.raises(AudioError, match=r"clip\.mov: holds no samples"):
            decode(data, "clip.mov", seconds=seconds)


def test_the_first_seconds_of_a_file_that_is_cut_short() -> None:
    data = wav(3.0)
    assert len(decode(data, "a.wav", seconds=2.0).samples) == 32_000
    assert len(decode(data, "a.wav", seconds=30.0).samples) == 48_000
    cut = data[: len(data) // 2]
    assert len(decode(cut, "a.wav", seconds=1.0).samples) == 16_000
    with pytest.raises(AudioError, match=r"truncated after 1\.50 s"):
        decode(cut, "a.wav", seconds=30.0)
