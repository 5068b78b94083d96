"""Input signals of *tag*, and merging of their events."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile

from paqa_builder.audio import Audio, encode_flac
from paqa_builder.perception.backends.base import AudioInput, Span, Tagger
from paqa_builder.perception.backends.fake import FakeTagger
from paqa_builder.perception.stage import ClipContext
from paqa_builder.perception.tag import TagEvents, TagOptions, merge
from paqa_builder.records import Clip, Origin, Stem, Tag
from paqa_builder.testing import tone_scene

ORIGIN = Origin("tag", "test", "1")


def view_of(folder: Path, mix: Audio, **stems: Audio) -> ClipContext:
    soundfile.write(folder / "mix.wav", mix.samples, mix.rate)
    records = []
    for name, audio in stems.items():
        (folder / f"{name}.flac").write_bytes(encode_flac(audio))
        records.append(Stem(name, f"{name}.flac", audio.rate, audio.rms, ORIGIN))
    clip = Clip("c", "test", "train", str(folder / "mix.wav"))
    return ClipContext(clip, folder, stems=tuple(records) if stems else None)


def tag(start: float, end: float, label: str, score: float, stem: str) -> Tag:
    return Tag(start, end, label, score, stem, True, ORIGIN)


def test_an_event_in_both_signals_is_one_of_the_background() -> None:
    tags = [tag(1, 3, "Dog", 0.4, "mix"), tag(2, 4, "Dog", 0.9, "background"), tag(0, 1, "Cat", 0.5, "mix")]
    assert merge(tags) == (tag(0, 1, "Cat", 0.5, "mix"), tag(1, 4, "Dog", 0.9, "background"))


def test_a_long_event_merges_two_short_ones() -> None:
    tags = [
        tag(0, 1, "Dog", 0.4, "background"),
        tag(2, 3, "Dog", 0.6, "background"),
        tag(0.5, 2.5, "Dog", 0.5, "mix"),
    ]
    assert merge(tags) == (tag(0, 3, "Dog", 0.6, "background"),)


def test_touching_events_stay_apart() -> None:
    tags = [tag(0, 1, "Dog", 0.4, "mix"), tag(1, 2, "Dog", 0.6, "mix")]
    assert merge(tags) == tuple(tags)


def test_merging_does_not_depend_on_order() -> None:
    tags = [tag(0, 2, "Dog", 0.4, "mix"), tag(1, 3, "Dog", 0.4, "background"), tag(1, 2, "Cat", 0.1, "mix")]
    assert merge(tags) == merge(tags[::-1])


def test_background_and_mix_are_both_tagged(tmp_path: Path) -> None:
    mix = tone_scene(4.0, (("Bell", 0.5, 1.5), ("Siren", 2.0, 3.0)))
    background = tone_scene(4.0, (("Bell", 0.5, 1.5),))
    found = TagEvents(FakeTagger()).run([view_of(tmp_path, mix, speech=mix, background=background)])[0]
    assert [(t.label, t.stem) for t in found] == [("Bell", "background"), ("Siren", "mix")]
    assert found[0].start == pytest.approx(0.5, abs=0.1)


def test_without_separation_the_mix_is_tagged_with_any_options(tmp_path: Path) -> None:
    view = view_of(tmp_path, tone_scene(2.0, (("Bell", 0.5, 1.5),)))
    found = TagEvents(FakeTagger(), TagOptions(mix=False)).run([view])[0]
    assert [(t.label, t.stem) for t in found] == [("Bell", "mix")]


def test_an_empty_background_is_not_tagged(tmp_path: Path) -> None:
    mix = tone_scene(2.0, (("Bell", 0.5, 1.5),))
    empty = Audio(0 * mix.samples, mix.rate)
    found = TagEvents(FakeTagger()).run([view_of(tmp_path, mix, background=empty)])[0]
    assert [t.stem for t in found] == ["mix"]


class Talkative(Tagger):
    """Tags every clip as Speech and Laughter."""

    def tag(self, heard: AudioInput) -> list[Span]:
        return [Span(0.0, 1.0, "Laughter", 0.5), Span(0.0, 9.0, "Speech", 0.9)]


def test_speech_is_kept_in_the_mix_and_dropped_in_the_background(tmp_path: Path) -> None:
    mix = tone_scene(2.0, (("Bell", 0.5, 1.5),))
    found = TagEvents(Talkative()).run([view_of(tmp_path, mix, background=mix)])[0]
    assert [(t.label, t.stem, t.end) for t in found] == [
        ("Laughter", "background", 1.0),
        ("Speech", "mix", 2.0),
    ]
    alone = TagEvents(Talkative(), TagOptions(mix=False)).run([view_of(tmp_path, mix, background=mix)])[0]
    assert [t.label for t in alone] == ["Laughter"]


def test_clips_of_a_batch_keep_their_own_tags(tmp_path: Path) -> None:
    views = []
    for name in ("Bell", "Siren"):
        folder = tmp_path / name
        folder.mkdir()
        audio = tone_scene(2.0, ((name, 0.5, 1.5),))
        views.append(view_of(folder, audio, background=audio))
    found = TagEvents(FakeTagger()).run(views)
    assert [[t.label for t in tags] for tags in found] == [["Bell"], ["Siren"]]
