"""Clips longer than the limit: stages that work in windows or blocks find what they find in the whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from paqa_builder.audio import Audio, LongAudio, encode_flac, read, spool, write_flac
from paqa_builder.perception import _long_speech, _windows
from paqa_builder.perception._long_speech import between_pauses, join
from paqa_builder.perception.backends import fake
from paqa_builder.perception.backends.base import AudioInput, RejectedWords, Span, Speech
from paqa_builder.perception.diarize import Diarize
from paqa_builder.perception.measure import Measure
from paqa_builder.perception.read import Read
from paqa_builder.perception.separate import Separate
from paqa_builder.perception.stage import ClipContext, Stage
from paqa_builder.perception.tag import TagEvents
from paqa_builder.perception.transcribe import Transcribe
from paqa_builder.records import Clip, Origin, Turn, Word
from paqa_builder.testing import tone_scene

RATE = 16_000
TONES = (
    ("low", 0.5, 6.0), ("middle", 7.0, 9.5), ("high", 11.0, 19.0), ("low", 20.5, 29.0),
    ("middle", 25.0, 27.0), ("Bell", 1.0, 4.0), ("Siren", 12.0, 22.0), ("Whistle", 28.0, 29.5),
)  # fmt: skip
CHAIN: tuple[tuple[type[Stage], type], ...] = (
    (Separate, fake.FakeSeparator), (Diarize, fake.FakeDiarizer), (TagEvents, fake.FakeTagger),
    (Transcribe, fake.FakeTranscriber), (Measure, fake.FakeMeasurer),
)  # fmt: skip


@pytest.fixture
def low_limit(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Sets a limit of 5 s, and blocks and windows to match."""

    def lower() -> None:
        monkeypatch.setattr(spool, "LONG_SECONDS", 5.0)
        monkeypatch.setattr(spool, "BLOCK", 50_000)
        monkeypatch.setattr(_windows, "WINDOW", 8)
        monkeypatch.setattr(_long_speech, "SHORTEST", 4.0)
        monkeypatch.setattr(_long_speech, "LONGEST", 10.0)

    return lower


def run(path: Path, work: Path) -> dict[str, Any]:
    """Runs all stages with the fake backends."""
    work.mkdir()

    def save(name: str, audio: Audio) -> str:
        with (work / f"{name}.flac").open("wb") as file:
            write_flac(audio, file)
        return f"{name}.flac"

    clip = Clip("c", "test", "train", str(path))
    results: dict[str, Any] = {}
    (info,) = Read().run([ClipContext(clip, work)])[0]
    known: dict[str, Any] = {"known_info": info}
    for stage, backend in CHAIN:
        (records,) = stage(backend()).run([ClipContext(clip, work, save_stem=save, **known)])
        known[stage.layer] = results[stage.layer] = records
    return results


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_windows_give_the_results_of_the_whole(
    tmp_path: Path, rate: int, low_limit: Callable[[], None]
) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, tone_scene(30.0, TONES, rate=rate).samples, rate)
    whole = run(path, tmp_path / "whole")
    low_limit()
    long = run(path, tmp_path / "long")
    assert long["turns"] == whole["turns"]
    assert long["tags"] == whole["tags"]
    # The fake's words are on a grid of 0.1 s, which begins with the window.
    pairs = list(zip(long["utterances"], whole["utterances"], strict=True))
    assert [(a.speaker, a.language) for a, _ in pairs] == [(b.speaker, b.language) for _, b in pairs]
    assert all(abs(a.start - b.start) < 0.11 and abs(a.end - b.end) < 0.11 for a, b in pairs)
    (a,), (b,) = long["measures"], whole["measures"]
    assert a.loudness == pytest.approx(b.loudness, abs=0.01)
    assert a.snr == pytest.approx(b.snr, abs=0.5)
    assert [v.speaker for v in a.voices] == [v.speaker for v in b.voices]
    assert [v.pitch for v in a.voices] == [v.pitch for v in b.voices]
    for name in ("speech", "background"):
        stems = [soundfile.read(tmp_path / f / f"{name}.flac")[0] for f in ("whole", "long")]
        assert len(stems[0]) == len(stems[1])
        # The fake's filter joins the ends of a signal.
        difference = (stems[0] - stems[1])[rate // 2 : -rate // 2]
        assert np.abs(difference).max() < 0.02
        assert np.sqrt(np.mean(difference**2)) < 1e-3
    assert sorted(p.name for p in (tmp_path / "long").iterdir()) == ["background.flac", "speech.flac"]


def test_read_keeps_no_audio(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone_scene(1.0, TONES).samples, RATE)
    context = ClipContext(Clip("c", "test", "train", str(tmp_path / "a.wav")), tmp_path)
    Read().run([context])
    assert "_decoded" not in vars(context)
    assert context.info.duration == 1.0


def turns(*spans: tuple[float, float]) -> list[Turn]:
    return [Turn(start, end, "S1", 1.0, Origin("diarize", "x", "")) for start, end in spans]


def test_cuts_are_in_the_longest_pauses(low_limit: Callable[[], None]) -> None:
    low_limit()
    audio = Audio(np.ones(30 * RATE, np.float32), RATE)
    spoken = turns((0, 5), (5.4, 8), (9, 14), (14.5, 21), (28, 29))
    assert between_pauses(audio, spoken) == [(0.0, 8.5), (8.5, 14.25), (14.25, 22.625), (22.625, 30.0)]
    assert between_pauses(audio, turns((0, 2))) == [(0.0, 7.0)]
    audio.samples[int(6.9 * RATE) : int(7.1 * RATE)] = 0
    for unbroken in (turns((0, 30)), None):
        assert between_pauses(audio, unbroken)[0] == pytest.approx((0.0, 7.0))


def test_words_of_windows_are_joined() -> None:
    windows = [(0.0, 10.0), (10.0, 20.0), (20.0, 25.0)]
    speeches = [
        Speech((Word(1, 2, "a", 0.9), Word(2, 3, "b", 0.9)), "en", 0.8),
        Speech((Word(1, 2, "c", 0.9),), "de", 0.9, (RejectedWords(4, 5, "repetition", "c", 0.5),)),
        Speech((), None, 0.0),
    ]
    speech = join(windows, speeches)
    assert [(w.start, w.end, w.text) for w in speech.words] == [(1, 2, "a"), (2, 3, "b"), (11, 12, "c")]
    assert (speech.language, speech.language_confidence) == ("en", pytest.approx(1.6 / 3))
    assert [(d.start, d.end) for d in speech.dropped] == [(14, 15)]


@pytest.fixture
def talk(testdata: Path) -> Path:
    """22 s with voices and sounds."""
    return testdata / "scenes" / "audio" / "dev_001.flac"


@pytest.mark.models
@pytest.mark.parametrize(
    ("kind", "name"), [("tag", "yamnet"), ("diarize", "segmentation_campplus"), ("measure", "signal")]
)
def test_models_find_the_same_in_blocks(
    talk: Path, tmp_path: Path, kind: str, name: str, low_limit: Callable[[], None]
) -> None:
    from paqa_builder import registry

    backend = registry.get(kind, name)()
    backend.load()
    whole, _ = read(talk)
    whole = _at(whole, backend.sample_rate)
    low_limit()
    long, _ = read(talk, tmp_path)
    long = _at(long, backend.sample_rate)
    assert isinstance(long, LongAudio)
    if backend.sample_rate == RATE:
        assert np.array_equal(whole.samples, long.samples)
    (expected,) = backend.run([AudioInput(whole, whole, whole, whole)])
    (found,) = backend.run([AudioInput(long, long, long, long)])
    if name == "signal":
        assert found.loudness == pytest.approx(expected.loudness, abs=1e-4)
        assert np.mean(np.isclose(found.pitch, expected.pitch, rtol=1e-3)) > 0.99
        return
    assert [_rounded(span) for span in found] == [_rounded(span) for span in expected]


@pytest.mark.models
def test_a_long_clip_is_enhanced_as_a_whole(
    talk: Path, tmp_path: Path, low_limit: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from paqa_builder import registry

    stage = Separate(registry.get("separate", "deepfilternet3")())
    stage.backend.load()
    stems: dict[str, list[np.ndarray]] = {"speech": [], "background": []}

    def save(name: str, audio: Audio) -> str:
        path = tmp_path / "a.flac"
        path.write_bytes(encode_flac(audio))
        stems[name].append(soundfile.read(path)[0])
        return "a.flac"

    def run() -> None:
        stage.run([ClipContext(Clip("c", "test", "train", str(talk)), tmp_path, save_stem=save)])

    run()
    low_limit()
    monkeypatch.setattr(_windows, "CONTEXT", 2)
    run()
    mixture = sum(whole for whole, _ in stems.values())
    errors = {
        name: 10 * np.log10(np.sum((whole - long) ** 2) / np.sum(mixture**2) + 1e-12)
        for name, (whole, long) in stems.items()
    }
    assert errors["background"] < -60
    assert errors["speech"] < -20  # what is restored depends on the window's balance of speech and noise


def _at(audio: Audio, rate: int) -> Audio:
    from paqa_builder.audio import resample

    return resample(audio, rate)


def _rounded(span: Span) -> tuple[float, float, str, float]:
    return round(span.start, 3), round(span.end, 3), span.name, round(span.score, 3)
