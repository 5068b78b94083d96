"""Measures of voices and events, on signals with known levels, pitch and pauses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from paqa_builder.audio import encode_flac
from paqa_builder.intervals import Spans
from paqa_builder.perception._tracks import pitch_of, silences
from paqa_builder.perception.backends.fake import FakeMeasurer
from paqa_builder.perception.measure import Measure, MeasureOptions
from paqa_builder.perception.stage import ClipContext
from paqa_builder.records import (
    Clip,
    Measures,
    Origin,
    Stem,
    Tag,
    Truth,
    Turn,
    Utterance,
    Word,
    from_json,
    to_json,
)
from paqa_builder.testing import tone_scene

MODEL, TRUTH = Origin("diarize", "test", "1"), Origin("truth", "test", "1")
VOICE = 20 * np.log10(0.1 / np.sqrt(2))
"""RMS in dBFS of a tone of amplitude 0.1."""


def turn(start: float, end: float, speaker: str, origin: Origin = MODEL) -> Turn:
    return Turn(start, end, speaker, 0.9, origin)


def tag(start: float, end: float, label: str, score: float = 0.9, localized: bool = True) -> Tag:
    return Tag(start, end, label, score, "background", localized, MODEL)


def view(
    folder: Path,
    tones: list[tuple[str, float, float]],
    *,
    events: list[tuple[str, float, float]] | None = None,
    truth: Truth | None = None,
    loud: float = 0.1,
    **layers: object,
) -> ClipContext:
    """A clip of 10 s; with ``events`` its stems are there, too: ``tones`` are the speech."""
    speech, background = tone_scene(10.0, tones), tone_scene(10.0, events or (), amplitude=loud)
    soundfile.write(folder / "mix.wav", speech.samples + background.samples, speech.rate, subtype="PCM_16")
    stems = None
    if events is not None:
        stems = []
        for name, stem in (("speech", speech), ("background", background)):
            (folder / f"{name}.flac").write_bytes(encode_flac(stem))
            stems.append(Stem(name, f"{name}.flac", stem.rate, stem.rms, MODEL))
        stems = tuple(stems)
    clip = Clip("a", "test", "train", str(folder / "mix.wav"), truth=truth or Truth())
    return ClipContext(clip, folder, stems=stems, **layers)  # type: ignore[arg-type]


def measure(one: ClipContext, **options: float) -> Measures:
    stage = Measure(FakeMeasurer(), MeasureOptions(**options), backend_name="fake")
    ((found,),) = stage.run([one])
    assert to_json(from_json(Measures, to_json(found))) == to_json(found)
    return found


def test_voices_are_measured_in_solo_speech(tmp_path: Path) -> None:
    tones = [("low", 1.0, 5.0), ("high", 4.0, 8.0)]
    turns = (turn(1, 5, "S1"), turn(4, 8, "S2"))
    found = measure(view(tmp_path, tones, events=[], turns=turns))
    assert [v.speaker for v in found.voices] == ["S1", "S2"]
    for voice, hertz in zip(found.voices, (200.0, 600.0), strict=True):
        assert voice.pitch == hertz
        assert voice.spread == 0
        assert voice.seconds == pytest.approx(2.9, abs=0.05)  # 3 s less the guard
        assert voice.level == pytest.approx(VOICE, abs=0.2)
        assert voice.pauses == ()
        assert voice.rate is None
    assert found.overlap == pytest.approx(1 / 7)


def test_snr_and_event_levels_are_those_of_the_stems(tmp_path: Path) -> None:
    one = view(
        tmp_path, [("low", 0.0, 5.0)], events=[("Bell", 1.0, 9.0)], loud=0.05,
        turns=(turn(0, 5, "S1"),), tags=(tag(1, 9, "Bell"), tag(6, 8, "Bell"), tag(2, 4, "Speech")),
    )  # fmt: skip
    found = measure(one)
    # The bell is 6 dB below the voice, and sounds during 4 of the 5 s in which somebody speaks.
    assert found.snr == pytest.approx(6.02 + 10 * np.log10(5 / 4), abs=0.1)
    assert [(e.label, e.start) for e in found.events] == [("Bell", 1), ("Bell", 6)]
    assert [e.level for e in found.events] == pytest.approx([VOICE - 6.02] * 2, abs=0.2)
    assert found.events[0].over_speech == pytest.approx(-6.02, abs=0.1)
    assert found.events[1].over_speech is None


def test_without_stems_only_events_outside_speech_have_a_level(tmp_path: Path) -> None:
    tones = [("low", 0.0, 5.0), ("Bell", 1.0, 4.0), ("Siren", 4.0, 9.0)]
    tags = (tag(1, 4, "Bell"), tag(4, 9, "Siren"), tag(6, 7, "Siren", score=0.1))
    found = measure(view(tmp_path, tones, turns=(turn(0, 5, "S1"),), tags=tags))
    assert found.snr is None
    assert [(e.label, e.over_speech) for e in found.events] == [("Siren", None)]
    assert found.events[0].level == pytest.approx(VOICE, abs=0.2)


def test_pauses_are_found_within_speech_and_taken_from_its_rate(tmp_path: Path) -> None:
    tones = [("low", 1.0, 2.0), ("low", 2.5, 3.5), ("low", 3.65, 5.0)]
    words = tuple(Word(1 + n / 2, 1.4 + n / 2, "word", 0.9) for n in range(8))
    said = (Utterance(1, 5, "S1", "word " * 8, words, "en", 0.9, MODEL),)
    one = view(tmp_path, tones, events=[], turns=(turn(0.8, 5.2, "S1"),), utterances=said)
    (voice,) = measure(one).voices
    assert voice.pauses == pytest.approx((0.5,), abs=0.05)  # 0.15 s is none, nor is silence at the ends
    assert voice.rate == pytest.approx(8 / voice.seconds)
    assert voice.seconds == pytest.approx(4.4 - voice.pauses[0], abs=0.05)


def test_annotations_replace_the_output_of_models(tmp_path: Path) -> None:
    said = Utterance(1, 5, "Ann", "one two three four", (), "en", 1.0, TRUTH)
    truth = Truth((turn(1, 5, "Ann", TRUTH),), (replace(tag(6, 9, "Bell"), origin=TRUTH),), (said,))
    one = view(
        tmp_path, [("low", 1.0, 5.0)], events=[("Bell", 6.0, 9.0)], truth=truth,
        turns=(turn(0, 2, "S1"), turn(2, 9, "S2")), tags=(tag(0, 9, "Siren"),), utterances=(),
    )  # fmt: skip
    found = measure(one)
    assert [(v.speaker, v.pitch) for v in found.voices] == [("Ann", 200.0)]
    assert found.voices[0].rate == pytest.approx(1.0, abs=0.02)
    assert [e.label for e in found.events] == ["Bell"]


def test_truth_alone_is_enough(tmp_path: Path) -> None:
    truth = Truth(turns=(turn(0, 4, "A", TRUTH), turn(4, 9, "B", TRUTH)))
    found = measure(view(tmp_path, [("high", 0.0, 4.0), ("low", 4.0, 9.0)], truth=truth))
    assert [(v.speaker, v.pitch) for v in found.voices] == [("A", 600.0), ("B", 200.0)]
    assert (found.snr, found.events, found.overlap) == (None, (), 0.0)


def test_without_diarization_or_speech_there_are_no_voices(tmp_path: Path) -> None:
    unknown = measure(view(tmp_path, [("Bell", 1.0, 3.0)]))
    silent = measure(view(tmp_path, [], turns=(), tags=(), utterances=()))
    assert unknown.loudness is not None
    assert silent.loudness is None
    for found in (unknown, silent):
        assert (found.snr, found.overlap, found.voices, found.events) == (None, None, (), ())


def test_a_voice_that_is_never_alone_is_not_measured(tmp_path: Path) -> None:
    turns = (turn(0, 9, "S1"), turn(3, 6, "S2"))
    found = measure(view(tmp_path, [("low", 0, 9), ("high", 3, 6)], events=[], turns=turns))
    assert [v.speaker for v in found.voices] == ["S1"]


def test_clip_labels_that_span_the_clip_have_no_level(tmp_path: Path) -> None:
    assert measure(view(tmp_path, [("Bell", 0, 9)], tags=(tag(0, 10, "Bell", localized=False),))).events == ()


def spans_of(chosen: np.ndarray) -> Spans:
    edges = np.flatnonzero(np.diff(np.r_[0, chosen.astype(int), 0]))
    return tuple(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def test_a_click_does_not_end_a_silence() -> None:
    frames = np.full(100, 1e-2)
    frames[20:60] = 1e-7
    frames[40:42] = 1e-2
    assert spans_of(silences(frames, np.ones(100, bool), 30.0)) == ((20, 60),)


def test_octave_errors_do_not_move_pitch() -> None:
    generator = np.random.default_rng(0)
    true = 120 * 2 ** (generator.normal(0, 1.5, 200) / 12)
    doubled = np.r_[true, 2 * true[:25], true[:25] / 2, np.zeros(300)]
    pitch, spread = pitch_of(doubled, 30)
    assert pitch == pytest.approx(float(np.median(true)), rel=0.02)
    assert spread == pytest.approx(2.0, abs=0.5)
    assert pitch_of(true[:20], 30) == (None, None)


def test_unstable_pitch_is_none(tmp_path: Path) -> None:
    tones = [("low", n, n + 1.0) for n in (0, 2, 4, 6)] + [("high", n, n + 1.0) for n in (1, 3, 5, 7)]
    one = view(tmp_path, tones, events=[], turns=(turn(0, 8, "S1"),))
    (voice,) = measure(one).voices
    assert voice.pitch is None
    assert voice.spread is not None
    assert voice.spread > 7
    assert measure(one, max_spread=48).voices[0].pitch is not None
