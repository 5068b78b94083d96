"""Input signal of *diarize*, and names of speakers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from paqa_builder.audio import Audio, encode_flac, resample
from paqa_builder.perception.backends.base import AudioInput, Diarizer, Span
from paqa_builder.perception.backends.fake import FakeDiarizer
from paqa_builder.perception.diarize import Diarize
from paqa_builder.perception.stage import ClipContext
from paqa_builder.records import Clip, Origin, Stem
from paqa_builder.testing import tone_scene

ORIGIN = Origin("separate", "test", "1")


def view_of(folder: Path, mix: Audio, speech: Audio | None = None) -> ClipContext:
    soundfile.write(folder / "mix.wav", mix.samples, mix.rate)
    stems = None
    if speech is not None:
        (folder / "speech.flac").write_bytes(encode_flac(speech))
        stems = (Stem("speech", "speech.flac", speech.rate, speech.rms, ORIGIN),)
    return ClipContext(Clip("c", "test", "train", str(folder / "mix.wav")), folder, stems=stems)


def test_speakers_are_named_in_order_of_appearance(tmp_path: Path) -> None:
    scene = tone_scene(5.0, (("high", 0.5, 1.5), ("low", 1.0, 2.0), ("high", 3.0, 4.0)))
    turns = Diarize(FakeDiarizer()).run([view_of(tmp_path, scene)])[0]
    assert [t.speaker for t in turns] == ["S1", "S2", "S1"]
    assert [(t.start, t.end) for t in turns] == [
        pytest.approx(s, abs=0.11) for s in ((0.5, 1.5), (1, 2), (3, 4))
    ]


def test_the_input_is_a_blend_with_the_stem(tmp_path: Path) -> None:
    mix = tone_scene(2.0, (("low", 0, 2), ("Bell", 0, 2)))
    heard = Diarize(FakeDiarizer()).listen(view_of(tmp_path, mix, tone_scene(2.0, (("low", 0, 2),))))
    assert heard.speech is not None
    assert np.allclose(heard.main.samples, 0.7 * heard.speech.samples + 0.3 * heard.mix.samples, atol=1e-4)


def test_the_input_is_the_mix_where_the_separator_lost_the_speech(tmp_path: Path) -> None:
    mix = tone_scene(2.0, (("low", 0, 2),))
    heard = Diarize(FakeDiarizer()).listen(view_of(tmp_path, mix, Audio(0.1 * mix.samples, mix.rate)))
    assert heard.main is heard.mix
    assert heard.speech is not None


def test_speech_is_the_mixture_less_the_background_stem(tmp_path: Path) -> None:
    """The speech stem contains restored speech, which the diarizer does not get."""
    mix = tone_scene(2.0, (("low", 0, 2), ("Bell", 0, 2)))
    low = tone_scene(2.0, (("low", 0, 2),))
    view = view_of(tmp_path, mix, mix)
    (tmp_path / "background.flac").write_bytes(encode_flac(Audio(mix.samples - low.samples, mix.rate)))
    stem = Stem("background", "background.flac", mix.rate, 0.1, ORIGIN)
    view = replace(view, stems=(*(view.stems or ()), stem))
    heard = Diarize(FakeDiarizer()).listen(view)
    assert heard.speech is not None
    expected = resample(low, FakeDiarizer.sample_rate).samples
    assert np.allclose(heard.speech.samples, expected, atol=1e-3)
    assert np.allclose(heard.main.samples, 0.7 * expected + 0.3 * heard.mix.samples, atol=1e-3)


class Sloppy(Diarizer):
    """Reports turns outside the clip."""

    def diarize(self, heard: AudioInput) -> list[Span]:
        return [Span(-1.0, 0.5, "x", 0.5), Span(1.5, 99.0, "y", 0.5), Span(50.0, 60.0, "z", 0.5)]


def test_turns_are_kept_inside_the_clip(tmp_path: Path) -> None:
    turns = Diarize(Sloppy()).run([view_of(tmp_path, tone_scene(2.0))])[0]
    assert [(t.start, t.end, t.speaker) for t in turns] == [(0.0, 0.5, "S1"), (1.5, 2.0, "S2")]
