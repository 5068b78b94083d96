"""Fitting a corpus's annotation to the length of its clip."""

from __future__ import annotations

from paqa_builder.records import Origin, Tag, Truth, Turn, Utterance, Word
from paqa_builder.sources import settle_truth

CORPUS = Origin("truth", "corpus", "1")


def test_clip_level_tags_span_the_clip_and_timed_ones_are_cut() -> None:
    tags = (
        Tag(2.0, 9.0, "Dog", 1.0, "clip", localized=True, origin=CORPUS),
        Tag(0.0, 0.0, "Rain", 1.0, "clip", localized=False, origin=CORPUS),
        Tag(6.0, 7.0, "Bell", 1.0, "clip", localized=True, origin=CORPUS),
    )
    settled = settle_truth(Truth(tags=tags, tags_complete=True), 5.0)
    assert [(t.label, t.start, t.end) for t in settled.tags or ()] == [("Rain", 0.0, 5.0), ("Dog", 2.0, 5.0)]
    assert settled.tags_complete


def test_turns_and_words_beyond_the_end_go() -> None:
    words = (Word(4.0, 4.6, "so", 1.0), Word(4.9, 5.2, "long", 1.0), Word(5.2, 5.5, "now", 1.0))
    truth = Truth(
        turns=(Turn(4.0, 6.0, "B", 1.0, CORPUS), Turn(-0.1, 1.0, "A", 1.0, CORPUS)),
        utterances=(Utterance(4.0, 5.5, "B", "so long now", words, "en", 1.0, CORPUS),),
    )
    settled = settle_truth(truth, 5.0)
    assert [(t.speaker, t.start, t.end) for t in settled.turns or ()] == [("A", 0.0, 1.0), ("B", 4.0, 5.0)]
    (utterance,) = settled.utterances or ()
    assert utterance.end == 5.0
    assert [(w.text, w.end) for w in utterance.words] == [("so", 4.6), ("long", 5.0)]


def test_words_that_nobody_timed_span_the_clip() -> None:
    said = Utterance(0.0, 0.0, None, "so long", (), "en", 1.0, CORPUS)
    (utterance,) = settle_truth(Truth(utterances=(said,)), 5.0).utterances or ()
    assert (utterance.start, utterance.end) == (0.0, 5.0)


def test_layers_that_nobody_annotated_stay_unknown() -> None:
    assert settle_truth(Truth(), 5.0) == Truth()
    assert settle_truth(Truth(turns=()), 5.0).turns == ()


def test_words_before_the_beginning_go() -> None:
    said = Utterance(-3.0, -1.0, None, "so long", (), "en", 1.0, CORPUS)
    assert settle_truth(Truth(utterances=(said,)), 5.0).utterances == ()
