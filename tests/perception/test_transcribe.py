"""Attribution of words to speakers, and boundaries of utterances."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import soundfile

from paqa_builder.perception.backends.base import AudioInput, RejectedWords, Speech
from paqa_builder.perception.backends.fake import FakeTranscriber
from paqa_builder.perception.stage import ClipContext
from paqa_builder.perception.transcribe import Transcribe, TranscribeOptions, attribute, into_turns
from paqa_builder.records import Clip, Origin, Turn, Utterance, Word
from paqa_builder.testing import tone_scene

ORIGIN = Origin("diarize", "test", "1")


def turn(start: float, end: float, speaker: str) -> Turn:
    return Turn(start, end, speaker, 1.0, ORIGIN)


def said(text: str, start: float = 0.0, step: float = 0.5) -> tuple[Word, ...]:
    """One word every ``step`` seconds."""
    return tuple(Word(start + n * step, start + (n + 1) * step, w, 0.8) for n, w in enumerate(text.split()))


def utterances(words: tuple[Word, ...], turns: list[Turn], **options: float) -> tuple[Utterance, ...]:
    stage = Transcribe(FakeTranscriber(), TranscribeOptions(**options))
    return stage.utterances(Speech(words, "en", 0.9), turns, 10.0)[0]


def test_words_follow_the_turns() -> None:
    found = utterances(said("a b c d"), [turn(0, 1, "S1"), turn(1, 2, "S2")])
    assert [(u.speaker, u.text, u.start, u.end) for u in found] == [
        ("S1", "a b", 0.0, 1.0),
        ("S2", "c d", 1.0, 2.0),
    ]
    assert all(u.language == "en" for u in found)


def test_in_overlap_words_stay_with_the_speaker_and_count_less() -> None:
    found = utterances(said("a b c d"), [turn(0, 2, "S2"), turn(1, 2, "S1")])
    assert [(u.speaker, u.text) for u in found] == [("S2", "a b c d")]
    assert [w.confidence for w in found[0].words] == pytest.approx([0.8, 0.8, 0.68, 0.68])
    assert found[0].confidence == pytest.approx(0.74)


def test_a_long_pause_starts_a_new_utterance() -> None:
    words = said("a b") + said("c", start=2.5)
    turns = [turn(0, 3, "S1")]
    assert [u.text for u in utterances(words, turns)] == ["a b", "c"]
    assert [u.text for u in utterances(words, turns, pause=2.0)] == ["a b c"]


def test_words_far_from_every_turn_have_no_speaker() -> None:
    words = said("a") + said("b", start=5.0)
    assert [(u.speaker, u.text) for u in utterances(words, [turn(0, 0.5, "S1")])] == [
        ("S1", "a"),
        (None, "b"),
    ]


def test_doubtful_words_far_from_every_turn_are_rejected() -> None:
    doubtful = tuple(replace(word, confidence=0.4) for word in said("thank you", start=5.0))
    speech = Speech(
        (*said("a b"), *doubtful), "en", 0.9, (RejectedWords(8.0, 12.0, "repetition", "x x x x", 0.3),)
    )
    stage = Transcribe(FakeTranscriber(), TranscribeOptions(), backend_name="fake")
    found, dropped = stage.utterances(speech, [turn(0, 1, "S1")], 10.0)
    assert [u.text for u in found] == ["a b"]
    assert [(a.reason, a.text, a.start, a.end) for a in dropped] == [
        ("outside_turns", "thank you", 5.0, 6.0),
        ("repetition", "x x x x", 8.0, 10.0),
    ]
    assert {(a.stage, str(a.origin)) for a in dropped} == {("transcribe", str(stage.origin))}
    assert dropped[0].confidence == pytest.approx(0.4)


def test_without_turns_no_word_is_outside() -> None:
    doubtful = tuple(replace(word, confidence=0.1) for word in said("a b"))
    assert [u.text for u in utterances(doubtful, [])] == ["a b"]


def test_a_word_just_outside_its_turn_still_belongs_to_it() -> None:
    assert attribute(said("a", start=1.0), [turn(0, 1, "S1"), turn(3, 4, "S2")], reach=0.5) == ["S1"]


def test_a_sentence_is_not_split_where_a_turn_ends_early() -> None:
    """The turn's border is a word early; without the full stop nothing says so."""
    turns = [turn(0, 1.5, "S1"), turn(1.5, 4, "S2")]
    assert attribute(said("I am at home. And you are not?"), turns, 0.5) == ["S1"] * 4 + ["S2"] * 4
    assert attribute(said("i am at home and you are not"), turns, 0.5) == ["S1"] * 3 + ["S2"] * 5


def test_a_short_answer_in_between_keeps_its_speaker() -> None:
    turns = [turn(0, 1, "S1"), turn(1, 1.5, "S2"), turn(1.5, 3, "S1")]
    assert attribute(said("are you? Yes. Good to know"), turns, 0.5) == ["S1", "S1", "S2", *["S1"] * 3]


def test_one_word_of_another_inside_a_sentence_stays_with_the_sentence() -> None:
    turns = [turn(0, 1, "S1"), turn(1, 1.4, "S2"), turn(1.4, 3, "S1")]
    assert attribute(said("we all know that it is"), turns, 0.5) == ["S1"] * 6


def test_a_word_that_starts_long_before_its_turn_is_trimmed() -> None:
    words = [Word(0.0, 2.3, "So", 0.9), Word(2.3, 2.6, "what", 0.9), Word(9.0, 9.5, "nobody", 0.9)]
    cut = into_turns(words, ["S1", "S1", None], [turn(2.0, 4.0, "S1"), turn(8.0, 10.0, "S2")])
    assert [(w.start, w.end) for w in cut] == [(1.8, 2.3), (2.3, 2.6), (9.0, 9.5)]


def test_without_turns_words_have_no_speaker() -> None:
    assert [u.speaker for u in utterances(said("a b"), [])] == [None]


def test_words_outside_the_clip_are_cut_or_dropped() -> None:
    found = utterances(said("a b", start=9.75), [turn(9, 10, "S1")])
    assert [(u.text, u.end) for u in found] == [("a", 10.0)]


def test_no_words_no_utterances() -> None:
    assert utterances((), [turn(0, 1, "S1")]) == ()


def test_a_doubtful_language_is_none() -> None:
    stage = Transcribe(FakeTranscriber())
    found, _ = stage.utterances(Speech(said("a"), "cy", 0.2), [turn(0, 1, "S1")], 10.0)
    assert found[0].language is None


def test_languages_without_spaces_are_joined_without_spaces() -> None:
    stage = Transcribe(FakeTranscriber())
    assert stage.utterances(Speech(said("你 好"), "zh", 0.9), [], 10.0)[0][0].text == "你好"


def test_clips_without_turns_are_not_transcribed(tmp_path: Path) -> None:
    """Except for clips that are not diarized."""
    heard = []

    class Counting(FakeTranscriber):
        def transcribe(self, heard_clip: AudioInput) -> Speech:
            heard.append(heard_clip)
            return super().transcribe(heard_clip)

    path = tmp_path / "a.wav"
    tone = tone_scene(2.0, [("low", 0.0, 2.0)])
    soundfile.write(path, tone.samples, tone.rate)
    views = [
        ClipContext(Clip("a", "folder", "train", str(path)), tmp_path, turns=turns)
        for turns in ((), (turn(0, 2, "S1"),), None)
    ]
    found = Transcribe(Counting()).run(views)
    assert len(heard) == 2
    assert [bool(utterances) for utterances in found] == [False, True, True]
