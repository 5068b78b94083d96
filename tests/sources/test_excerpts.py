"""Excerpts: where recordings are cut, and what remains of their ground truth."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from paqa_builder.records import TRUTH, Origin, Speaker, Tag, Truth, Turn, Utterance, Word
from paqa_builder.sources.excerpts import between, cuts, shifted

ORIGIN = Origin(TRUTH, "x", "1")


def said(start: float, end: float, *words: tuple[float, float, str], speaker: str = "a") -> Utterance:
    text = " ".join(word[2] for word in words) or "some words"
    return Utterance(start, end, speaker, text, tuple(Word(*w, 1.0) for w in words), "en", 1.0, ORIGIN)


def test_cuts_are_in_the_longest_pause_near_the_wanted_length() -> None:
    assert cuts(20.0, 30.0) == [(0.0, 20.0)]
    assert cuts(50.0, 30.0) == [(0.0, 50.0)]
    assert cuts(90.0, 30.0, [(0.0, 22.0), (24.0, 30.0), (30.5, 90.0)])[0] == (0.0, 23.0)
    assert cuts(90.0, 30.0, [(0.0, 90.0)]) == [(0.0, 30.0), (30.0, 60.0), (60.0, 90.0)]


# A process that has loaded a model may flush subnormal numbers to zero.
spans = st.tuples(st.floats(0, 500, allow_subnormal=False), st.floats(0, 20, allow_subnormal=False))


@given(
    st.floats(1.0, 500.0),
    st.floats(5.0, 60.0),
    st.lists(spans.map(lambda x: (x[0], x[0] + x[1])), max_size=40),
)
def test_cuts_cover_the_recording(duration: float, seconds: float, speech: list[tuple[float, float]]) -> None:
    parts = cuts(duration, seconds, speech)
    assert parts[0][0] == 0.0
    assert parts[-1][1] == duration
    assert all(a[1] == b[0] for a, b in itertools.pairwise(parts))
    assert all(end - start <= 1.71 * seconds for start, end in parts)
    assert all(end - start >= 0.69 * seconds for start, end in parts[:-1])


def test_records_are_cut_and_shifted() -> None:
    truth = Truth(
        turns=(Turn(0.0, 4.0, "a", 1.0, ORIGIN), Turn(3.0, 9.0, "b", 1.0, ORIGIN)),
        tags=(Tag(1.0, 12.0, "Rain", 1.0, "clip", True, ORIGIN),),
        utterances=(
            said(0.0, 4.0, (0.0, 1.0, "no"), (3.5, 4.0, "way")),
            said(5.0, 6.0, (5.0, 6.0, "yes"), speaker="b"),
        ),
        captions=("A talk.",),
        speakers=(Speaker("a", "female"), Speaker("b"), Speaker("c")),
    )
    part = between(truth, 2.0, 10.0)
    assert [(t.start, t.end, t.speaker) for t in part.turns or ()] == [(0.0, 2.0, "a"), (1.0, 7.0, "b")]
    assert [(t.start, t.end) for t in part.tags or ()] == [(0.0, 8.0)]
    assert [(u.text, u.start, u.end) for u in part.utterances or ()] == [("way", 1.5, 2.0), ("yes", 3.0, 4.0)]
    assert (part.utterances or ())[0].words == (Word(1.5, 2.0, "way", 1.0),)
    assert [s.name for s in part.speakers or ()] == ["a", "b"]
    assert part.captions == ("A talk.",)
    assert [s.name for s in between(truth, 6.0, 10.0).speakers or ()] == ["b"]


def test_a_cut_utterance_without_times_of_words_makes_the_words_unknown() -> None:
    truth = Truth(utterances=(said(0.0, 4.0), said(5.0, 6.0)))
    assert between(truth, 2.0, 10.0).utterances is None
    assert [u.start for u in between(truth, 4.5, 10.0).utterances or ()] == [0.5]
    assert between(truth, 20.0, 30.0).utterances == ()
    assert between(Truth(), 0.0, 1.0) == Truth()


def test_a_file_in_a_longer_one_is_shifted() -> None:
    truth = Truth(utterances=(said(0.0, 4.0, (0.5, 1.0, "yes")),), turns=(Turn(0.0, 4.0, "a", 1.0, ORIGIN),))
    moved = shifted(truth, 7.0)
    assert [(u.start, u.end) for u in moved.utterances or ()] == [(7.0, 11.0)]
    assert (moved.utterances or ())[0].words[0].start == 7.5
    assert [(t.start, t.end) for t in moved.turns or ()] == [(7.0, 11.0)]
