"""Margins and abstentions of single fact kinds."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from helpers.scenes_made import annotated, kitchen

from paqa_builder.questions.examples import scene_of
from paqa_builder.questions.facts import kind
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.reading.speech import near
from paqa_builder.questions.templates import MiniLayers, MiniScene
from paqa_builder.records import Origin, Tag


def reading(**layers: Any) -> Interpretation:
    return Interpretation(scene_of(MiniScene(**layers)))


def answers(name: str, on: Interpretation) -> set[str | None]:
    return {fact.answer for fact in kind(name).facts(on)}


def judged(name: str, on: Interpretation, choice: str) -> bool | None:
    fact = kind(name).facts(on)[0]
    return kind(name).judge(on, fact.about, choice).true


def test_the_most_certain_label_of_a_sound_is_the_answer() -> None:
    on = reading(tags=[(1, 3, "Dog", 0.9), (1, 3, "Bark", 0.8), (1, 3, "Animal", 0.95), (5, 6, "Cat", 0.85)])
    assert answers("sound_present", on) == {"Dog"}
    assert judged("sound_present", on, "Dog bark") is None
    assert judged("sound_present", on, "Cat") is None
    assert judged("sound_present", on, "Sheep") is None  # an animal was heard
    assert judged("sound_present", on, "Church bell") is False


def test_a_sound_with_the_lowest_score_is_not_a_wrong_choice() -> None:
    on = reading(tags=[(1, 3, "Church bell", 0.9), (4, 5, "Rain", 0.02)])
    assert judged("sound_present", on, "Rain") is None
    assert judged("sound_present", on, "Flowing stream") is None
    assert judged("sound_present", on, "Dog") is False


def test_speech_and_vague_labels_do_not_count_as_sounds() -> None:
    on = reading(
        tags=[
            (1, 3, "Speech", 0.9),
            (1, 3, "Conversation", 0.9),
            (1, 3, "Noise", 0.9),
            (1, 3, "Clicking", 0.9),
        ]
    )
    assert answers("sound_present", on) == set()


def test_a_laugh_in_a_clip_with_speech_needs_a_higher_score() -> None:
    laugh = [(5.0, 6.0, "Laughter", 0.8)]
    assert answers("sound_present", reading(tags=laugh, turns=[])) == {"Laughter"}
    assert answers("sound_present", reading(tags=laugh, turns=[(1.0, 4.0, "S1")])) == set()
    dog = reading(tags=[(1, 2, "Church bell", 0.9)], turns=[(1.0, 4.0, "S1")])
    assert judged("sound_present", dog, "Cough") is None
    assert judged("sound_present", reading(tags=[(1, 2, "Church bell", 0.9)], turns=[]), "Cough") is False


def test_breathing_is_never_ruled_out_in_a_clip_with_speech() -> None:
    on = reading(truth=MiniLayers(tags=["Dog"], turns=[(1, 2, "a")]), tags_complete=True)
    assert judged("sound_present", on, "Breathing") is None
    assert judged("sound_present", on, "Snoring") is None
    assert judged("sound_present", on, "Rain") is False


def test_an_incomplete_annotation_alone_proves_no_absence() -> None:
    alone = reading(truth=MiniLayers(tags=["Dog"]))
    assert judged("sound_present", alone, "Piano") is None
    listened = reading(truth=MiniLayers(tags=["Dog"]), tags=[(1, 2, "Rain", 0.1)])
    assert judged("sound_present", listened, "Piano") is False
    assert judged("sound_present", listened, "Rain") is None


def test_a_model_gives_the_times_of_labels_without_times() -> None:
    on = reading(
        truth=MiniLayers(tags=["Dog", "Church bell"]),
        tags=[(1, 3, "Bark", 0.8), (5, 6, "Church bell", 0.8), (8, 9, "Siren", 0.9)],
    )
    assert answers("sound_order", on) == {"Dog", "Church bell"}
    evidence = kind("sound_order").facts(on)[0].evidence
    assert {item.stage for item in evidence} == {"truth", "tag"}
    family = reading(truth=MiniLayers(tags=["Dog", "Cat"]), tags=[(1, 3, "Animal", 0.8), (5, 6, "Cat", 0.8)])
    assert answers("sound_order", family) == set()


@pytest.mark.parametrize(
    ("turns", "answer"),
    [
        ([(0.5, 2.5, "S1"), (3.0, 9.0, "S2")], {"The second speaker"}),
        ([(0.5, 4.5, "S1"), (5.0, 9.9, "S2")], set()),  # 0.9 s: not a second
        ([(0.0, 4.0, "S1"), (4.5, 9.5, "S2")], {"The second speaker"}),  # a second and a quarter
        ([(0.0, 5.0, "S1"), (5.5, 11.6, "S2")], set()),  # over a second, less than a quarter
        ([(0.5, 1.5, "S1"), (3.0, 9.0, "S2")], set()),  # the first may be a phantom
        ([(0.5, 4.0, "S1"), (0.7, 9.9, "S2")], set()),  # who is first?
    ],
)
def test_longest_needs_a_clear_margin(turns: list, answer: set) -> None:
    assert answers("speaker_longest", reading(duration=12.0, turns=turns)) == answer


@pytest.mark.parametrize(
    ("turns", "answer"),
    [
        ([(0.5, 4.0, "S1"), (3.5, 8.0, "S2")], {"Yes"}),
        ([(0.5, 4.0, "S1"), (3.7, 8.0, "S2")], set()),
        ([(0.5, 4.0, "S1"), (4.2, 8.0, "S2")], set()),
        ([(0.5, 4.0, "S1"), (4.5, 8.0, "S2")], {"No"}),
        ([(0.5, 8.0, "S1")], set()),
    ],
)
def test_unclear_overlap_has_no_fact(turns: list, answer: set) -> None:
    assert answers("voices_overlap", reading(turns=turns)) == answer


def test_a_voice_that_may_be_split_in_two_is_not_counted() -> None:
    turns = [(0.5, 4.0, "S1"), (4.05, 8.0, "S2")]
    assert answers("speaker_count", reading(turns=turns)) == set()
    assert answers("speaker_count", reading(truth=MiniLayers(turns=turns))) == {"Two"}


def test_one_uncertain_turn_makes_the_speaker_count_uncertain() -> None:
    scene = kitchen()
    unsure = tuple(dataclasses.replace(t, confidence=0.5 if t.start > 9 else 0.9) for t in scene.turns or ())
    assert answers("speaker_count", Interpretation(scene)) == {"Two"}
    assert answers("speaker_count", Interpretation(dataclasses.replace(scene, turns=unsure))) == set()


def test_speech_missed_by_the_diarizer_still_counts_as_speech() -> None:
    layers: dict[str, Any] = {"turns": [(0.5, 4.0, "S1")], "tags": [(6.0, 9.0, "Church bell", 0.9)]}
    assert answers("sound_without_speech", reading(**layers)) == {"Church bell"}
    assert answers("speech_over_sound", reading(**layers)) == {"No"}
    said = [(6.0, 9.0, "S1", "have you seen my keys anywhere")]
    tagged = [*layers["tags"], (6.0, 9.0, "Speech", 0.5)]
    for more in ({"utterances": said}, {"tags": tagged}):
        assert answers("sound_without_speech", reading(**{**layers, **more})) == set()
        assert answers("speech_over_sound", reading(**{**layers, **more})) == set()


def test_a_speech_label_without_times_leaves_no_pause() -> None:
    layers: dict[str, Any] = {
        "turns": [(0.5, 4.0, "S1")],
        "tags": [(0.5, 4.0, "Speech", 0.9), (6.0, 9.0, "Church bell", 0.9)],
    }
    spoken = reading(**layers, truth=MiniLayers(tags=["Church bell", "Speech", "Human voice"]))
    assert answers("sound_without_speech", spoken) == set()
    # A laugh implies a human voice, which is no speech.
    laugh = reading(**layers, truth=MiniLayers(tags=["Church bell", "Laughter", "Human voice"]))
    assert answers("sound_without_speech", laugh) == {"Church bell"}


def test_a_complete_annotation_does_not_rule_out_a_tagged_sound() -> None:
    on = reading(truth=MiniLayers(tags=["Dog"]), tags_complete=True, tags=[(1, 2, "Theremin", 0.6)])
    assert judged("sound_present", on, "Theremin") is None
    assert judged("sound_present", on, "Piano") is False


def test_tag_edges_of_a_model_are_imprecise_and_those_of_a_corpus_exact() -> None:
    tags = [(1.0, 3.0, "Church bell", 1.0), (1.8, 4.0, "Rain", 1.0)]
    assert answers("sound_order", reading(tags=tags)) == set()
    truth = reading(truth=MiniLayers(tags=tags), tags_complete=True)
    assert answers("sound_order", truth) == {"Church bell", "Rain"}


def test_short_speakers_count_if_the_corpus_names_them() -> None:
    turns = [(0.5, 4.0, "x"), (4.5, 5.0, "y")]
    assert answers("speaker_count", reading(turns=turns)) == set()
    assert answers("speaker_count", reading(truth=MiniLayers(turns=turns))) == {"Two"}


def test_words_of_low_confidence_are_not_quoted() -> None:
    scene = kitchen()
    assert any("table" in (a or "") for a in answers("said_by", Interpretation(scene)))
    doubtful = tuple(
        dataclasses.replace(
            u,
            words=tuple(
                dataclasses.replace(w, confidence=0.3 if w.text == "table." else 0.9) for w in u.words
            ),
        )
        for u in scene.utterances or ()
    )
    found = answers("said_by", Interpretation(dataclasses.replace(scene, utterances=doubtful)))
    assert found
    assert not any("table" in (a or "") for a in found)


def test_words_in_overlapping_speech_are_not_quoted() -> None:
    said = [(0.6, 3.9, "S1", "have you seen my keys anywhere")]
    clean = reading(turns=[(0.5, 4.0, "S1"), (5.0, 9.0, "S2")], utterances=said)
    assert answers("who_says", clean) == {"The first speaker"}
    mixed = reading(turns=[(0.5, 4.0, "S1"), (2.0, 9.0, "S2")], utterances=said)
    assert answers("who_says", mixed) == set()


def test_the_record_and_the_turns_must_agree_on_the_speaker() -> None:
    on = reading(
        turns=[(0.5, 4.0, "S1"), (5.0, 9.0, "S2")],
        utterances=[(0.6, 3.9, "S2", "have you seen my keys anywhere")],
    )
    assert answers("who_says", on) == set()


def test_a_corpus_transcript_is_matched_to_a_models_turns_by_time() -> None:
    on = reading(
        turns=[(0.5, 4.0, "S1"), (5.0, 9.0, "S2")],
        truth=MiniLayers(utterances=[(5.1, 8.9, "Phoebe", "have you seen my keys anywhere")]),
    )
    assert answers("who_says", on) == {"The second speaker"}


def test_a_similar_quote_is_undecidable() -> None:
    on = Interpretation(kitchen())
    assert judged("said_by", on, "they were still on the table") is None
    assert judged("said_by", on, "turn left after the bridge") is False


@pytest.mark.parametrize(
    ("wanted", "stream", "expected"),
    [
        ("a b c", "x a b c y", True),
        ("a b c", "c b a", True),
        ("a b c", "a x x b x x c", True),  # two of three within five words
        ("a a a", "a x x x a", True),
        ("a b c", "", False),
        ("", "a b c", False),
        ("a b c d", "a x x x x x b", False),
        ("a b c d e", "a b x x c", True),  # three of five
        ("a b c d e f", "a b x x c", False),  # three of six
        ("a b c", "a x x x x b", False),
    ],
)
def test_near(wanted: str, stream: str, expected: bool) -> None:
    assert near(tuple(wanted.split()), stream.split()) is expected


def test_the_numbers_of_speakers_follow_time_not_names() -> None:
    on = Interpretation(annotated())
    assert [(s.number, s.name) for s in on.voices.speakers] == [(1, "anna"), (2, "ben"), (3, "carl")]
    fact = next(f for f in kind("who_says").facts(on) if "boats" in f.key)
    assert fact.answer == "The second speaker"


def test_a_tag_on_two_stems_is_one_sound() -> None:
    scene = kitchen()
    made = Origin("tag", "example", "1")
    mix = tuple(
        Tag(t.start + 0.1, t.end + 0.1, t.label, t.score, "mix", True, made) for t in scene.tags or ()
    )
    on = Interpretation(dataclasses.replace(scene, tags=(*(scene.tags or ()), *mix)))
    assert answers("sound_present", on) == {"Dog", "Church bell"}
    assert [round(edge, 3) for span in on.sounds.heard[0].spans for edge in span] == [0.2, 1.1, 4.1, 5.2]


def test_no_other_choice_of_a_fact_is_true() -> None:
    for scene in (kitchen(), annotated()):
        on = Interpretation(scene)
        for name in ("first_words", "said_next", "speaker_changes", "speaker_last"):
            for fact in kind(name).facts(on):
                right = [c for c in (fact.answer, *fact.own) if kind(name).judge(on, fact.about, c).true]
                assert right == [fact.answer]


VOICE = [(1.0, 5.0, "S1")]


@pytest.mark.parametrize(
    ("layers", "known"),
    [
        ({}, True),
        ({"utterances": [(1.0, 5.0, "S1", "is anybody there at all")]}, True),
        ({"utterances": []}, False),  # the transcriber found no word
        ({"truth": MiniLayers(tags=["Guitar"])}, False),  # a corpus that labels no speech
        ({"truth": MiniLayers(tags=["Speech", "Guitar"])}, True),
        ({"truth": MiniLayers(tags=["Guitar"]), "tags": [(1, 5, "Speech", 0.9)]}, True),
        (
            {"truth": MiniLayers(tags=["Guitar"]), "tags": [(1, 5, "Speech", 0.9)], "tags_complete": True},
            False,
        ),
    ],
)
def test_voices_that_other_layers_contradict_have_no_facts(layers: dict[str, Any], known: bool) -> None:
    """The diarizer may mistake a guitar for a voice."""
    on = reading(turns=VOICE, **layers)
    assert on.knows("turns") == known
    assert bool(kind("speaker_count").facts(on)) == known
