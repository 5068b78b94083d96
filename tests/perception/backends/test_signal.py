"""Loudness, pitch and speech quality of known signals and real voices."""

from __future__ import annotations

import csv
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from paqa_builder.audio import Audio, read, resample
from paqa_builder.errors import NotReadyError
from paqa_builder.perception._tracks import pitch_of
from paqa_builder.perception.backends.base import AudioInput
from paqa_builder.perception.backends.measure import signal
from paqa_builder.perception.backends.measure.signal import Signal, SignalOptions
from paqa_builder.testing import murmur
from paqa_builder.weights import store

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def backend() -> Signal:
    if "swift-f0" in store.missing():
        pytest.skip("models are not installed (paqa fetch embedded)")
    made = Signal()
    made.load()
    return made


def sine(hertz: float, amplitude: float = 1.0, seconds: float = 5.0, rate: int = 48_000) -> Audio:
    wave = amplitude * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)
    return Audio(wave.astype(np.float32), rate)


def test_a_full_scale_sine_has_the_loudness_that_the_standard_says(backend: Signal) -> None:
    """BS.1770-4, annex 1: 0 dBFS at 997 Hz in one channel is -3.01 LKFS."""
    assert backend.loudness(sine(997)) == pytest.approx(-3.01, abs=0.05)
    assert backend.loudness(sine(997, 0.1)) == pytest.approx(-23.01, abs=0.05)


def test_silence_does_not_lower_the_loudness(backend: Signal) -> None:
    loud = sine(997, 0.1)
    quiet = Audio(np.concatenate((loud.samples, np.zeros(15 * loud.rate, np.float32))), loud.rate)
    assert backend.loudness(quiet) == pytest.approx(-23.0, abs=0.3)
    assert backend.loudness(sine(997, seconds=0.2)) is None


@pytest.mark.parametrize("hertz", [90.0, 150.0, 300.0])
def test_pitch_is_that_of_the_pulses(backend: Signal, hertz: float) -> None:
    harmonics = [sine(n * hertz, 0.1 / n, seconds=2.0).samples for n in range(1, 12)]
    pitch, spread = pitch_of(backend.pitch(Audio(np.sum(harmonics, axis=0), 48_000)), 30)
    assert pitch == pytest.approx(hertz, rel=0.01)
    assert spread == pytest.approx(0, abs=0.2)


def test_noise_has_no_pitch(backend: Signal) -> None:
    hiss = 0.05 * np.random.default_rng(0).standard_normal(96_000).astype(np.float32)
    voiced = np.array(backend.pitch(Audio(hiss, 48_000))) > 0
    assert voiced.mean() < 0.05


@pytest.mark.testdata
def test_women_speak_higher_than_men(backend: Signal, testdata: Path) -> None:
    with (testdata / "clips/clips.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["kind"] == "speech"]
    pitches: dict[str, list[float]] = {"M": [], "F": []}
    for row in [row for sex in "MF" for row in [r for r in rows if r["sex"] == sex][:15]]:
        audio = resample(read(testdata / "clips" / row["filename"])[0], 48_000)
        pitch, _ = pitch_of(backend.pitch(audio), 30)
        assert pitch is not None, row["filename"]
        pitches[row["sex"]].append(pitch)
    assert 95 < np.median(pitches["M"]) < 135
    assert 170 < np.median(pitches["F"]) < 225
    right = np.mean([f > m for f in pitches["F"] for m in pitches["M"]])
    assert right > 0.9


def test_quality_equals_that_of_the_authors_code() -> None:
    if find_spec("speechmos") is None:
        pytest.skip("the extra dnsmos is not installed")
    backend = Signal(SignalOptions(dnsmos=True))
    backend.load()
    pytest.importorskip("librosa", reason="speechmos needs it to import")
    dnsmos = pytest.importorskip("speechmos.dnsmos")
    for seconds in (3.0, 10.3):
        heard = resample(murmur(seconds), backend.sample_rate)
        theirs = dnsmos.run(resample(heard, 16_000).samples, 16_000)["ovrl_mos"]
        assert backend.measure(AudioInput(heard, heard)).quality == pytest.approx(float(theirs), abs=1e-4)
    silence = Audio(np.zeros(48_000, np.float32), 48_000)
    assert backend.measure(AudioInput(silence, silence)).quality is None


@pytest.mark.testdata
def test_noise_lowers_the_quality_of_speech(testdata: Path) -> None:
    if find_spec("speechmos") is None:
        pytest.skip("the extra dnsmos is not installed")
    backend = Signal(SignalOptions(dnsmos=True))
    backend.load()
    with (testdata / "clips/clips.csv").open(encoding="utf-8") as file:
        name = next(row["filename"] for row in csv.DictReader(file) if row["kind"] == "utterance")
    clean = resample(read(testdata / "clips" / name)[0], 48_000)
    hiss = np.random.default_rng(0).standard_normal(len(clean.samples)).astype(np.float32)
    noisy = Audio(clean.samples + clean.rms * hiss, clean.rate)
    good, bad = backend.quality(clean), backend.quality(noisy)
    assert good is not None
    assert bad is not None
    assert good > bad + 0.5


def test_without_the_extra_the_option_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "_QUALITY_PACKAGE", ("no-such-package", "1"))
    with pytest.raises(NotReadyError) as caught:
        Signal(SignalOptions(dnsmos=True)).load()
    assert "paqa-builder[dnsmos]" in str(caught.value.fix)


def test_quality_changes_the_revision() -> None:
    assert Signal(SignalOptions(dnsmos=True)).revision != Signal().revision == Signal.revision
