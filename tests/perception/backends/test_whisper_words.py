"""Rejection of Whisper's hallucinations, and correction of word times."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from paqa_builder.audio import Audio
from paqa_builder.errors import NotReadyError
from paqa_builder.perception.backends.transcribe._whisper import (
    Decoded,
    Segment,
    invented,
    sift,
    tidy,
    without_loops,
)
from paqa_builder.perception.backends.transcribe.faster_whisper import FasterWhisper, FasterWhisperOptions
from paqa_builder.records import Word

TWO_SECONDS = Audio(np.zeros(32_000, np.float32), 16_000)


def words(text: str) -> list[Word]:
    return [Word(n / 10, (n + 1) / 10, word, 0.9) for n, word in enumerate(text.split())]


def texts(found: list[Word]) -> str:
    return " ".join(word.text for word in found)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("no no no", "no no no"),
        ("no no no no no", "no"),
        ("so Thank you. thank you, Thank you. thank you bye", "so Thank you. bye"),
        ("a b c d a b c d a b c d", "a b c d a b c d a b c d"),
        ("a b c d a b c d a b c d a b c d", "a b c d"),
        ("one two three", "one two three"),
        ("", ""),
    ],
)
def test_loops_are_removed_and_emphasis_is_kept(said: str, kept: str) -> None:
    found, loops = without_loops(words(said), max_phrase=4, max_repeats=3)
    assert texts(found) == kept
    assert len(found) + sum(map(len, loops)) == len(said.split())


def raw(text: str, start: float, end: float, probability: float = 0.5) -> dict[str, Any]:
    return {"word": text, "start": start, "end": end, "probability": probability}


def test_words_are_inside_the_clip_sorted_and_not_blank() -> None:
    found = tidy(
        [raw(" b", 1.0, 1.5), raw("  ", 0, 1), raw(" a", -0.1, 0.3), raw(" c", 2.4, 2.4)], TWO_SECONDS
    )
    assert [(w.text, round(w.start, 2), w.end) for w in found] == [
        ("a", 0.0, 0.3),
        ("b", 1.0, 1.5),
        ("c", 1.98, 2.0),
    ]


def test_a_word_without_length_gets_one_tick() -> None:
    (word,) = tidy([raw("a", 1.0, 1.0)], TWO_SECONDS)
    assert word.end - word.start == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("no_speech", "log_probability", "compression", "reason"),
    [
        (0.9, -0.3, 1.2, None),
        (0.1, -1.5, 1.2, None),
        (0.9, -1.5, 1.2, "no_speech"),
        (0.0, -0.1, 3.0, "compression"),
    ],
)
def test_hallucinated_segments_are_rejected(
    no_speech: float, log_probability: float, compression: float, reason: str | None
) -> None:
    decoded = Decoded([], log_probability, no_speech, compression)
    assert invented(decoded, FasterWhisperOptions()) == reason


def test_rejected_words_have_a_reason() -> None:
    """Every word is accepted or in an abstention."""
    segments = [
        Segment(0.0, 0.5, "", [raw(" hello", 0.0, 0.3), raw(" hello", 0.3, 0.5)], None, -0.2),
        Segment(0.5, 1.0, "Thanks for watching", [], "no_speech", -1.4),
        Segment(1.0, 1.6, "", [raw(" no", 1.0 + n / 10, 1.1 + n / 10) for n in range(6)], None, -0.3),
        Segment(1.7, 9.0, "la", [], "compression", -0.3),
        Segment(1.9, 1.9, "", [], None, -3.0),
    ]
    kept, dropped = sift(segments, TWO_SECONDS, FasterWhisperOptions())
    assert texts(kept) == "hello hello no"
    assert [(d.reason, d.text) for d in dropped] == [
        ("no_speech", "Thanks for watching"),
        ("repetition", "no no no no no"),
        ("compression", "la"),
    ]
    assert (dropped[0].start, dropped[0].end) == (0.5, 1.0)
    assert dropped[0].confidence == pytest.approx(0.25, abs=0.01)
    assert dropped[2].end == TWO_SECONDS.duration


def test_a_folder_without_a_model_is_named() -> None:
    with pytest.raises(NotReadyError, match="no CTranslate2 Whisper model"):
        FasterWhisper(FasterWhisperOptions(model="/no/such/folder")).load()


def test_the_model_changes_the_revision() -> None:
    own = FasterWhisper(FasterWhisperOptions(model="/models/whisper-large"))
    assert own.revision.startswith("whisper-large-0")
    assert own.revision != FasterWhisper().revision == FasterWhisper.revision
