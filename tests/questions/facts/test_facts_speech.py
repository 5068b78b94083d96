"""Margins and abstentions of facts about voices, turns, words and languages."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import pytest
from helpers.scenes_made import foreign, kitchen, many

from paqa_builder.questions import Corpus, QaOptions, generate, load_templates, verify
from paqa_builder.questions.examples import scene_of
from paqa_builder.questions.facts import kind
from paqa_builder.questions.facts.language import languages
from paqa_builder.questions.keywords import alike, keywords
from paqa_builder.questions.reading.interpretation import Interpretation, UnknownLayerError
from paqa_builder.questions.reading.speech import pool_of
from paqa_builder.questions.templates import MiniLayers, MiniMeasures, MiniScene, MiniVoice
from paqa_builder.records import Scene

TEMPLATES = load_templates()
TWO = [(0.5, 3.0, "S1"), (4.0, 7.0, "S2")]
SAID = [(0.6, 2.9, "S1", "Have you seen my keys?"), (4.1, 6.9, "S2", "They are on the table.")]


def reading(**layers: Any) -> Interpretation:
    return Interpretation(scene_of(MiniScene(**{"duration": 16.0, **layers})))


def voices(**by_name: dict[str, Any]) -> MiniMeasures:
    return MiniMeasures(voices={name: MiniVoice(**values) for name, values in by_name.items()})


def found(name: str, on: Interpretation, start: str = "") -> dict[str, str | None]:
    return {f.key: f.answer for f in kind(name).facts(on) if f.key.startswith(start)}


def answers(name: str, on: Interpretation, start: str = "") -> set[str | None]:
    return set(found(name, on, start).values())


def ask(scene: Scene, template: str, corpus: Corpus) -> list:
    options = QaOptions(include=(template,), per_template=20, per_clip=20, balance=False, unanswerable=0.0)
    asked = generate(scene, corpus, TEMPLATES, options)
    assert [verify(q, scene, options, TEMPLATES) for q in asked] == [[]] * len(asked)
    return asked


def test_measures_are_a_layer_like_any_other() -> None:
    blind, seeing = reading(turns=TWO), reading(turns=TWO, measures=voices(S1={"pitch": 120.0}))
    assert not blind.knows("measures")
    with pytest.raises(UnknownLayerError):
        _ = blind.measures
    voice = seeing.measures.voice("S1")
    assert voice is not None
    assert seeing.measures.cite_voice(voice, "pitch").value == "S1 pitch 120 Hz"
    assert seeing.measures.voice("S2") is None
    with pytest.raises(ValueError, match="not measured"):
        seeing.measures.cite_voice(voice, "rate")


def test_every_measure_has_its_own_evidence() -> None:
    for scene in many(10):
        measured = Interpretation(scene).maybe_measures
        assert measured is not None
        cited = list(measured.citable())
        assert len(set(cited)) == len(cited)
        assert {e.record for e in cited} == {"measure"}


@pytest.mark.parametrize(
    ("one", "other", "which", "answer"),
    [
        ({"pitch": 110.0}, {"pitch": 140.0}, "highest", "The second speaker"),  # 4.2 semitones
        ({"pitch": 110.0}, {"pitch": 137.0}, "highest", None),  # 3.8
        ({"pitch": 110.0}, {"pitch": 140.0}, "lowest", "The first speaker"),
        ({"pitch": 110.0}, {"pitch": None}, "highest", None),
        ({"pitch": 110.0}, {"pitch": 200.0, "seconds": 1.0}, "highest", None),
        ({"rate": 4.0}, {"rate": 3.0}, "fastest", "The first speaker"),
        ({"rate": 4.0}, {"rate": 3.3}, "fastest", None),
        ({"rate": 4.0}, {"rate": 3.0}, "slowest", "The second speaker"),
        ({"level": -30.0}, {"level": -25.0}, "loudest", "The second speaker"),
        ({"level": -28.0}, {"level": -25.0}, "loudest", None),
        ({"level": -30.0}, {"level": -25.0}, "softest", "The first speaker"),
    ],
)
def test_voices_are_compared_by_clear_margins(
    one: dict[str, Any], other: dict[str, Any], which: str, answer: str | None
) -> None:
    on = reading(turns=TWO, measures=voices(S1=one, S2=other))
    assert answers("voice_extreme", on, f"{which}|") == ({answer} if answer else set())
    what = {"highest": "pitch", "fastest": "rate", "loudest": "level"}.get(which)
    if what:
        yes_no = found("voice_compared", on, which)
        assert len(yes_no) == (2 if answer else 0)
        assert set(yes_no.values()) == ({"Yes", "No"} if answer else set())


def test_the_highest_of_three_is_higher_than_both() -> None:
    turns = [*TWO, (8.0, 11.0, "S3")]
    near = voices(S1={"pitch": 100.0}, S2={"pitch": 190.0}, S3={"pitch": 200.0})
    assert answers("voice_extreme", reading(turns=turns, measures=near), "highest|") == set()
    assert answers("voice_extreme", reading(turns=turns, measures=near), "lowest|") == {"The first speaker"}


@pytest.mark.parametrize(
    ("first", "second", "who", "does"),
    [
        ([], [1.2], "The second speaker", {"1": "No", "2": "Yes"}),
        ([0.4], [0.5], None, {}),
        ([1.0], [1.2], None, {"1": "Yes", "2": "Yes"}),
    ],
)
def test_pauses_are_long_or_absent(first: list, second: list, who: str | None, does: dict) -> None:
    on = reading(turns=TWO, measures=voices(S1={"pauses": first}, S2={"pauses": second}))
    assert answers("longest_pause", on) == ({who} if who else set())
    assert found("speaker_pauses", on) == does


FOUR = [(0.5, 3.0, "S1"), (3.5, 6.0, "S2"), (6.5, 9.0, "S1"), (9.5, 12.0, "S3")]


def test_the_speaker_before_and_after_another() -> None:
    on = reading(turns=FOUR)
    assert found("speaker_beside", on) == {
        "after 1|3": "The third speaker",
        "after 2|1": "The first speaker",
        "before 3|1": "The first speaker",
    }
    fact = next(f for f in kind("speaker_beside").facts(on) if f.key == "after 2|1")
    assert fact.own == ("The third speaker",)  # no speaker takes two turns in a row
    assert answers("speaker_beside", reading(turns=TWO)) == set()


@pytest.mark.parametrize(
    "turns",
    [
        [*FOUR[:3], (9.5, 10.3, "S3")],  # a short turn is ambiguous
        [*FOUR[:3], (7.0, 8.5, "S3")],  # within another's turn
    ],
)
def test_unclear_turns_have_no_facts(turns: list) -> None:
    on = reading(truth=MiniLayers(turns=turns))
    for name in ("speaker_beside", "turn_order", "floor_count", "most_turns"):
        assert answers(name, on) == set()


def test_all_choices_are_possible_orders_of_turns() -> None:
    (fact,) = kind("turn_order").facts(reading(turns=FOUR))
    assert fact.answer == "First, second, first, third"
    assert set(fact.own) == {"First, second, third, first", "First, second, third, second"}
    (sixth,) = kind("turn_order").facts(reading(turns=[*FOUR, (12.5, 14.0, "S1")]))
    for order in sixth.own:
        turns = order.lower().split(", ")
        assert turns[0] == "first"
        assert len(turns) == 5
        assert turns.index("second") < turns.index("third")
        assert all(a != b for a, b in itertools.pairwise(turns))


def test_turns_are_counted() -> None:
    on = reading(turns=FOUR)
    assert found("floor_count", on) == {"1": "Two", "2": "One", "3": "One"}
    assert answers("most_turns", on) == {"The first speaker"}
    assert answers("most_turns", reading(turns=FOUR[:2] + FOUR[3:])) == set()


@pytest.mark.parametrize(
    ("start", "answer"),
    [(4.0, {"The second speaker"}), (4.8, set()), (0.9, set()), (5.3, set()), (6.0, set())],
)
def test_the_interrupting_speaker(start: float, answer: set) -> None:
    on = reading(turns=[(0.5, 5.0, "S1"), (start, 9.0, "S2")])
    assert answers("interrupter", on) == answer


def test_the_interrupted_speaker() -> None:
    on = reading(turns=[(0.5, 3.0, "S1"), (3.5, 6.0, "S2"), (5.2, 9.0, "S3")])
    assert found("interrupted", on) == {"3|2": "The second speaker"}
    assert answers("overlap_pair", on) == {"The second and the third speaker"}
    assert set(found("pair_overlaps", on).values()) == {"Yes", "No"}


@pytest.mark.parametrize(
    ("turns", "number"),
    [
        ([(0.5, 5.0, "S1"), (4.0, 8.0, "S2"), (7.2, 12.0, "S1")], {"Two"}),
        ([(0.5, 5.0, "S1"), (4.0, 8.0, "S2"), (7.8, 12.0, "S1")], set()),  # 0.2 s: one or two?
        ([(0.5, 5.0, "S1"), (4.0, 8.0, "S2"), (5.4, 12.0, "S1")], set()),  # one overlap, or two?
        (TWO, set()),
    ],
)
def test_overlaps_are_counted_if_they_are_clear(turns: list, number: set) -> None:
    assert answers("overlap_count", reading(turns=turns)) == number


def test_shortest_time_and_longest_stretch() -> None:
    turns = [(0.5, 3.0, "S1"), (3.5, 9.0, "S2"), (9.5, 12.0, "S1"), (12.5, 15.5, "S1")]
    on = reading(turns=turns)
    # The speaker with the least speech may have the longest stretch.
    assert answers("speaker_shortest", on) == {"The second speaker"}
    assert answers("longest_stretch", on) == {"The second speaker"}
    assert answers("longest_stretch", reading(turns=TWO)) == set()
    assert answers("speaker_shortest", reading(turns=[(0.5, 3.0, "S1"), (3.5, 9.0, "S2")])) == {
        "The first speaker"
    }


def test_the_speaker_at_a_given_time() -> None:
    on = reading(duration=10.0, turns=[(0.2, 4.0, "S1"), (4.2, 9.8, "S2")])
    times = found("speaker_at_time", on, "time")
    assert set(times.values()) == {"The first speaker", "The second speaker"}
    for key, answer in times.items():
        second = float(key.split()[1].split("|")[0])
        assert (second < 4) == (answer == "The first speaker")
    assert answers("speaker_at_time", on, "half") == {"The second speaker"}
    # In the pause between two speakers there is no answer.
    even = reading(duration=8.2, turns=[(0.2, 4.0, "S1"), (4.3, 8.0, "S2")])
    assert answers("speaker_at_time", even, "half") == set()


def test_lengths_of_time() -> None:
    on = reading(turns=[(2.0, 6.1, "S1"), (8.0, 16.0, "S2")])
    assert answers("speech_onset", on) == {"About two seconds"}
    assert found("speaking_seconds", on) == {"1|About four seconds": "About four seconds",
                                             "2|About eight seconds": "About eight seconds"}  # fmt: skip
    assert answers("speaker_gap", on) == {"About two seconds"}
    # A word that the diarizer missed shortens the pause.
    said = [(6.5, 7.5, "S1", "have you seen my keys")]
    heard = reading(turns=[(2.0, 6.1, "S1"), (8.0, 16.0, "S2")], utterances=said)
    assert answers("speaker_gap", heard) == set()


def test_first_and_last_words() -> None:
    on = reading(turns=[*TWO, (8.0, 11.0, "S1")],
                 utterances=[*SAID, (8.1, 10.9, "S1", "Thank you very much indeed.")])  # fmt: skip
    assert answers("last_words", on) == {"thank you very much indeed"}
    assert answers("speaker_words", on, "first 1") == {"have you seen my keys"}
    assert answers("speaker_words", on, "last 1") == {"thank you very much indeed"}
    assert answers("said_previous", on) == {"have you seen my keys", "they are on the table"}
    # The transcript lacks the last words of the first speaker.
    deaf = reading(turns=[*TWO, (8.0, 11.0, "S1")], utterances=SAID)
    assert answers("last_words", deaf) == set()
    assert answers("speaker_words", deaf, "last 1") == set()


LONG = "I looked for them in the kitchen this morning, but nobody had put them on the shelf."


def test_the_continuation_of_a_sentence() -> None:
    on = reading(turns=[(0.5, 6.0, "S1"), (7.0, 10.0, "S2")], utterances=[(0.6, 5.9, "S1", LONG)])
    assert answers("completion", on) == {"but nobody had put them on the shelf"}
    words = on.speech.utterances[0].words
    doubtful = tuple(dataclasses.replace(w, confidence=0.2 if w.text == "but" else 0.95) for w in words)
    scene = dataclasses.replace(
        on.scene, utterances=(dataclasses.replace(on.speech.utterances[0], words=doubtful),)
    )
    assert answers("completion", Interpretation(scene)) == set()


def test_pairs_of_phrases() -> None:
    on = Interpretation(kitchen())
    same = kind("same_speaker").facts(on)
    order = kind("quote_order").facts(on)
    assert same
    assert order
    places = {p.text: p for p in on.speech.phrases}
    for fact in same:
        one, other = places[fact.about.one], places[fact.about.other]
        assert fact.answer == ("Yes" if one.speaker == other.speaker else "No")
    for fact in order:
        assert fact.answer == (
            "Yes" if places[fact.about.one].start < places[fact.about.other].start else "No"
        )
    # Phrases of the same utterance are not compared.
    single = reading(turns=[(0.5, 6.0, "S1")], utterances=[(0.6, 5.9, "S1", LONG)])
    assert answers("quote_order", single) == set()


def test_words_of_a_speaker_who_must_be_found_first() -> None:
    pitched = voices(S1={"pitch": 110.0}, S2={"pitch": 200.0})
    on = reading(turns=TWO, utterances=SAID, measures=pitched)
    (fact,) = [f for f in kind("role_words").facts(on) if f.slots["role"] == "highest"]
    assert fact.answer == "they are on the table"
    assert "200 Hz" in " ".join(fact.steps)
    assert "110 Hz" in " ".join(fact.steps)
    assert {e.record for e in fact.evidence} >= {"measure", "turn"}
    judge = kind("role_words").judge
    assert judge(on, fact.about, "have you seen my keys").true is False
    assert answers("role_words", reading(turns=TWO, utterances=SAID)) == set()


HARBOUR = [
    (0.6, 2.9, "S1", "Nobody reached the harbour yesterday."),
    (4.1, 6.9, "S2", "The harbour lamps were broken."),
]


def test_single_words() -> None:
    on = reading(turns=TWO, utterances=HARBOUR)
    said = answers("word_said", on)
    assert said == {"nobody", "reached", "harbour", "yesterday", "lamps", "broken"}
    judge = kind("word_said").judge
    assert [judge(on, None, w).true for w in ("umbrella", "lamps", "lamp", "harbours")] == [
        False, True, None, None,
    ]  # fmt: skip
    assert kind("word_not_said").judge(on, None, "umbrella").true is True
    mentions = found("word_mentions", on)
    assert mentions["harbour"] == "Two"
    assert sorted(mentions.values(), key=str) == ["One", "Two"]  # one of those that are said once
    who = {key.split("|")[0]: answer for key, answer in found("who_mentions", on).items()}
    assert who["lamps"] == "The second speaker"
    assert who["nobody"] == "The first speaker"
    assert "harbour" not in who  # both say it


def test_an_unclear_word_is_not_counted() -> None:
    scene = reading(turns=TWO, utterances=HARBOUR).scene
    unclear = tuple(
        dataclasses.replace(
            u,
            words=tuple(
                dataclasses.replace(w, confidence=0.3 if n == 1 and u.start > 4 else 0.95)
                for n, w in enumerate(u.words)
            ),
        )
        for u in scene.utterances or ()
    )
    assert "harbour" not in found(
        "word_mentions", Interpretation(dataclasses.replace(scene, utterances=unclear))
    )


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("table", "tables", True),
        ("walk", "walking", True),
        ("hats", "hits", True),
        ("harbour", "arbour", True),
        ("harbour", "umbrella", False),
        ("table", "a", False),
        ("light", "night", True),
        ("door", "window", False),
    ],
)
def test_confusable_words(one: str, other: str, same: bool) -> None:
    assert alike(one, other) == alike(other, one) == same


def test_keywords_are_neither_short_nor_common() -> None:
    assert keywords("I really think that the harbour was about 40 miles from the harbour") == (
        "harbour", "miles",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("language", "text", "answer"),
    [
        ("de", "Der Hund bellt im Garten", {"German"}),
        (None, "Der Hund bellt im Garten", set()),
        ("xx", "Der Hund bellt im Garten", set()),
        ("de", "Der Hund", set()),
    ],
)
def test_an_uncertain_language_has_no_fact(language: str | None, text: str, answer: set) -> None:
    on = reading(turns=TWO[:1], utterances=[(0.6, 2.9, "S1", text)], language=language)
    assert answers("spoken_language", on) == answer


def test_similar_languages_are_not_wrong_choices_for_a_model() -> None:
    heard: dict[str, Any] = {"turns": TWO[:1], "utterances": [(0.6, 2.9, "S1", "Der Hund bellt im Garten")],
                             "language": "de"}  # fmt: skip
    judge = kind("spoken_language").judge
    assert judge(reading(**heard), None, "Dutch").true is None
    assert judge(reading(**heard), None, "French").true is False
    assert judge(reading(truth=MiniLayers(**heard)), None, "Dutch").true is False


def test_a_large_corpus_offers_only_languages_that_it_holds() -> None:
    scenes = many(80)
    corpus = Corpus.of(scenes)
    own = set(corpus.answers["spoken_language"])
    assert own == {"English", "German", "French"}
    offered = {c for s in scenes for q in ask(s, "spoken_language", corpus) for c in q.choices}
    assert offered <= own
    small = {c for q in ask(foreign(), "spoken_language", Corpus()) for c in q.choices}
    assert "German" in small
    assert len(small) == 4
    assert small <= set(languages().values())


def test_translations_come_from_the_corpus_alone() -> None:
    (question,) = ask(foreign(), "translation", Corpus.of(many(20)))
    assert question.answer == "The inn by the harbour was closed last night"
    assert question.question.count("English") == 1
    pool = Corpus.of(many(20)).translations["train:en"]
    assert set(question.choices) - {question.answer} <= {text for texts in pool.values() for text in texts}
    on = Interpretation(foreign())
    (fact,) = kind("translation").facts(on)
    assert (
        kind("translation").judge(on, fact.about, "The inn by the harbour was open last night").true is None
    )
    # The transcript of a model has no translation.
    heard = reading(turns=TWO, utterances=SAID, translations=["x", "y"], language="de")
    assert answers("translation", heard) == set()


def test_wrong_quotes_begin_or_end_an_utterance_as_the_answer_does() -> None:
    scenes = many(120)
    corpus = Corpus.of(scenes)
    edges: dict[str, set[str]] = {}
    for scene in scenes:
        for phrase in Interpretation(scene).speech.phrases:
            edges.setdefault(phrase.text, set()).add(pool_of(phrase, edges=True))
    asked = [q for s in scenes for q in ask(s, "said_first", corpus)]
    alike_ = [all(edges[q.answer] & edges.get(c, set()) for c in q.choices) for q in asked]
    assert len(asked) > 30
    # Pools of a small corpus may run dry.
    assert sum(alike_) > 0.8 * len(alike_)
