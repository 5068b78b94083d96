"""Files whose headers state another length than they hold are read up to their end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from audio_files import CUT, FIRST, RATE, TRICKS, sound, with_av, with_libsndfile
from fault_trials.decoding import seconds_by_av

from paqa_builder.audio import read
from paqa_builder.audio.decode import decode
from paqa_builder.errors import AudioError


@pytest.mark.parametrize("trick", TRICKS)
def test_the_whole_stream_is_read(tmp_path: Path, trick: str) -> None:
    make, seconds = TRICKS[trick]
    path = tmp_path / "clip"
    path.write_bytes(make())
    audio, info = read(path)
    assert info.duration == pytest.approx(seconds, abs=0.15)
    assert audio.rms == pytest.approx(float(FIRST.std()), rel=0.15)
    assert info.duration >= seconds_by_av(path) - 0.1


@pytest.mark.parametrize("trick", CUT)
def test_a_file_without_its_last_third_is_refused(trick: str) -> None:
    data = TRICKS[trick][0]()
    with pytest.raises(AudioError, match=r"truncated|not a readable"):
        decode(data[: 2 * len(data) // 3 - 1], "clip")


def test_a_stream_may_change_its_rate_and_channels() -> None:
    both = with_av(FIRST, "mp3", "libmp3lame") + with_av(
        np.repeat(sound(2.0, rate=22_050), 2, axis=1), "mp3", "libmp3lame", rate=22_050
    )
    decoded = decode(both, "clip.mp3")
    assert (decoded.rate, decoded.samples.shape[1]) == (RATE, 2)
    assert decoded.duration == pytest.approx(8.0, abs=0.2)


def test_only_the_beginning_is_decoded_where_that_is_asked_for() -> None:
    data = with_libsndfile(FIRST, format="FLAC")
    assert decode(data, "clip", seconds=1.5).duration == pytest.approx(1.5)
    assert decode(data[: len(data) // 2], "clip", seconds=1.5).duration == pytest.approx(1.5)


def test_days_of_silence_in_a_small_file_are_refused() -> None:
    data = with_libsndfile(np.zeros((RATE * 30, 1), np.float32), format="FLAC")
    with pytest.raises(AudioError, match="longer than 10 s"):
        decode(data, "clip", max_seconds=10.0)


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile '/etc/hostname'\n",
        "#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
        "[playlist]\nFile1=/etc/hostname\n",
    ],
)
def test_bytes_that_make_ffmpeg_open_others_are_not_audio(text: str) -> None:
    with pytest.raises(AudioError, match="not a readable"):
        decode(text.encode(), "clip.wav")
