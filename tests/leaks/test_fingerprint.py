"""Fingerprints: copies in other codecs, rates, levels and excerpts match; other recordings do not."""

from __future__ import annotations

import io
from fractions import Fraction

import av
import numpy as np
import pytest

from paqa_builder.audio import Audio, resample
from paqa_builder.audio.decode import decode
from paqa_builder.leaks.alignment import error_rate
from paqa_builder.leaks.fingerprint import AcousticFingerprint, StoredFingerprint, fingerprint
from paqa_builder.leaks.matching import components, matches

RATE = 16_000


def sound(seed: int, seconds: float = 6.0) -> Audio:
    """Coloured noise whose bands change their levels a few times a second, as sounds do."""
    rng = np.random.default_rng(seed)
    count = round(seconds * RATE)
    times, knots = np.arange(count) / RATE, np.arange(0, seconds + 1, 0.12)
    total = np.zeros(count)
    for low in np.geomspace(120, 3600, 24):
        spectrum = np.fft.rfft(rng.standard_normal(count))
        frequencies = np.fft.rfftfreq(count, 1 / RATE)
        spectrum[(frequencies < low) | (frequencies > 1.2 * low)] = 0
        total += np.fft.irfft(spectrum, count) * np.interp(times, knots, rng.uniform(0, 1, len(knots)) ** 3)
    return Audio((0.3 * total / np.abs(total).max()).astype(np.float32), RATE)


def coded(audio: Audio, codec: str, container: str, rate: int, bits: int) -> Audio:
    """The audio through a lossy codec."""
    samples = resample(audio, rate).samples
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as file:
        stream = file.add_stream(codec, rate=rate, layout="mono")
        stream.bit_rate = bits
        frame = av.AudioFrame.from_ndarray(np.round(samples * 32767).astype("<i2")[None], "s16", "mono")
        frame.rate, frame.time_base = rate, Fraction(1, rate)
        for packet in (*stream.encode(frame), *stream.encode(None)):
            file.mux(packet)
    decoded = decode(buffer.getvalue(), "copy")
    return Audio(decoded.samples[:, 0], decoded.rate)


COPIES = {
    "mp3": lambda a: coded(a, "mp3", "mp3", 44_100, 64_000),
    "opus": lambda a: coded(a, "libopus", "ogg", 48_000, 24_000),
    "rate": lambda a: resample(a, 11_025),
    "gain": lambda a: Audio(0.05 * a.samples, a.rate),
    "excerpt": lambda a: Audio(a.samples[round(1.234 * RATE) : round(4.9 * RATE)], a.rate),
    "excerpt and opus": lambda a: coded(COPIES["excerpt"](a), "libopus", "ogg", 48_000, 24_000),
    "delayed": lambda a: Audio(np.concatenate([np.zeros(9_999, np.float32), a.samples]), a.rate),
}


@pytest.mark.parametrize("change", COPIES)
def test_a_copy_matches_and_other_sounds_do_not(change: str) -> None:
    clips = [fingerprint(sound(seed)) for seed in range(4)]
    copy = fingerprint(COPIES[change](sound(2)))
    (match,) = matches([copy], clips)
    assert match.second == 2
    assert match.error < 0.2
    offset = {"excerpt": -1.234, "excerpt and opus": -1.234, "delayed": 0.625}.get(change, 0.0)
    assert match.offset == pytest.approx(offset, abs=0.05)
    (match,) = matches([*clips, copy])
    assert (match.first, match.second) == (2, 4)


def test_different_sounds_differ_in_nearly_half_of_the_bits() -> None:
    rated = error_rate(fingerprint(sound(0)), fingerprint(sound(1)), 0)
    assert rated is not None
    assert 0.4 < rated[0] < 0.6


def test_silence_and_very_short_clips_match_nothing() -> None:
    silence = Audio(np.zeros(5 * RATE, np.float32), RATE)
    short = sound(1, 0.3)
    prints = [fingerprint(audio) for audio in (silence, silence, short, Audio(short.samples[:0], RATE))]
    assert not any(item.active.any() for item in prints)
    assert matches(prints) == []


def test_a_short_lossless_copy_matches_by_its_samples() -> None:
    (match,) = matches([fingerprint(sound(1, 0.3)), fingerprint(sound(1, 0.3))])
    assert match.error == 0.0
    assert matches([fingerprint(sound(1, 0.3))], [fingerprint(sound(1, 0.3))])


def test_a_short_sound_matches_a_copy_of_its_whole_length_only() -> None:
    short = sound(3, 1.0)
    assert matches([fingerprint(short)], [fingerprint(COPIES["mp3"](short))])
    assert not matches([fingerprint(short)], [fingerprint(sound(3, 6.0))])


def test_constant_tones_and_many_copies_take_bounded_time() -> None:
    time = np.arange(2 * RATE) / RATE
    tone = Audio((0.3 * np.sin(2 * np.pi * 440 * time)).astype(np.float32), RATE)
    prints = [fingerprint(tone)] + [fingerprint(sound(0, 3.0))] * 40
    pairs = [(match.first, match.second) for match in matches(prints)]
    assert components(len(prints), pairs) == [list(range(1, 41))]
    assert len(pairs) < 400


def test_a_fingerprint_survives_storage() -> None:
    made = fingerprint(sound(5))
    again = AcousticFingerprint.of(made.stored())
    assert np.array_equal(again.bits, made.bits)
    assert np.array_equal(again.active, made.active)
    assert again.pcm == made.pcm
    for bits, active in (("!", ""), (made.stored().bits, ""), ("AAA=", "")):
        with pytest.raises(ValueError, match=r"fingerprint|multiple"):
            AcousticFingerprint.of(StoredFingerprint(bits, active, ""))


def test_blocks_do_not_change_a_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fingerprint(sound(6))
    monkeypatch.setattr("paqa_builder.leaks.fingerprint._BLOCK", 7)
    parts = fingerprint(sound(6))
    assert np.array_equal(whole.bits, parts.bits)
    assert np.array_equal(whole.active, parts.active)


def test_passes_do_not_change_the_matches(monkeypatch: pytest.MonkeyPatch) -> None:
    clips = [fingerprint(sound(seed)) for seed in (0, 1, 0, 2, 1)]
    whole = matches(clips)
    monkeypatch.setattr("paqa_builder.leaks.matching._PASS", 300)
    assert matches(clips) == whole
    assert {(m.first, m.second) for m in whole} == {(0, 2), (1, 4)}


def test_no_clips() -> None:
    assert matches([]) == []
    assert matches([], []) == []
    assert components(3, []) == []
