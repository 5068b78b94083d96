"""Questions on random and synthetic scenes: proved, well formed, balanced and stable."""

from __future__ import annotations

import dataclasses
from collections import Counter

import pytest
from helpers.scenes_any import scenes
from helpers.scenes_made import annotated, farm, foreign, kitchen, many
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paqa_builder.errors import ConfigError
from paqa_builder.questions import Corpus, QaOptions, Question, Thresholds, generate, load_templates, verify
from paqa_builder.questions.choices.none_of_these import NOTHING
from paqa_builder.questions.examples import scene_of
from paqa_builder.questions.facts import AnswerType, kind, kinds
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.templates import MiniScene
from paqa_builder.questions.traces.grammar import parse
from paqa_builder.questions.wording import tokens
from paqa_builder.records import Scene, Truth, to_json

TEMPLATES = load_templates()
ALL = QaOptions(per_clip=100, per_template=3, balance=False)
MANY = many(60)
CORPUS = Corpus.of(MANY)


def ask(scene: Scene, options: QaOptions = ALL, corpus: Corpus = CORPUS, seed: int = 0) -> list[Question]:
    return generate(scene, corpus, TEMPLATES, options, seed)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scenes(), st.integers(0, 3))
def test_every_question_on_any_scene_is_proved(scene: Scene, seed: int) -> None:
    for question in ask(scene, seed=seed):
        assert verify(question, scene, ALL, TEMPLATES) == []
        assert question.choices[question.answer_index] == question.answer
        assert 2 <= len(question.choices) <= ALL.choices
        assert len({tokens(choice) for choice in question.choices}) == len(question.choices)
        assert parse(question.trace).answer == question.answer
        assert question.evidence
        assert Question.from_json(to_json(question)).choices == question.choices


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scenes())
def test_unknown_layers_are_never_asked_about(scene: Scene) -> None:
    for layer, dropped in (("tags", "tag"), ("turns", "turn"), ("utterances", "utterance")):
        truth = dataclasses.replace(scene.clip.truth, **{layer: None})
        blind = dataclasses.replace(
            scene, clip=dataclasses.replace(scene.clip, truth=truth), **{layer: None}
        )  # fmt: skip
        for question in ask(blind):
            of = kind(next(t.fact for t in TEMPLATES if t.name == question.template))
            assert layer not in of.needs
            assert all(e.record != dropped and e.value != layer for e in question.evidence)


def test_failed_stages_are_not_taken_for_silence() -> None:
    scene = dataclasses.replace(kitchen(), turns=None, tags=None, utterances=None)
    assert ask(scene) == []
    empty = dataclasses.replace(kitchen(), turns=(), tags=(), utterances=())
    assert ask(empty) == []
    assert ask(dataclasses.replace(kitchen(), audio=None)) == []


def test_the_trace_tells_unknown_from_empty() -> None:
    failed = dataclasses.replace(kitchen(), utterances=None, turns=None)
    traces = [parse(q.trace) for q in ask(failed)]
    assert traces
    assert {(t.speaker, t.asr) for t in traces} == {
        ("Who speaks when is not known.", "What is said was not analysed.")
    }
    silent = dataclasses.replace(kitchen(), utterances=(), turns=())
    assert {(parse(q.trace).speaker, parse(q.trace).asr) for q in ask(silent)} == {
        ("Nobody speaks.", "Nothing is said.")
    }


def brought_along() -> Scene:
    """A scene whose corpus asks a question of its own."""
    asked = ("What is the sound in the video?", ["dogs barking", "a piano", "train", "church bells"], 0)
    return scene_of(MiniScene(tags=[(1.0, 3.0, "Bark", 0.9)], turns=[], questions=[asked]))


def test_questions_of_the_corpus_keep_their_words() -> None:
    scene = brought_along()
    (good,) = (q for q in ask(scene) if q.template == "avqa")
    assert verify(good, scene) == []
    assert (good.question, good.answer) == ("What is the sound in the video?", "dogs barking")
    assert set(good.choices) == {"dogs barking", "a piano", "train", "church bells"}
    assert "dogs barking" in good.trace
    other = dataclasses.replace(scene, clip=dataclasses.replace(scene.clip, questions=()))
    assert verify(good, other)


def test_every_kind_of_fact_is_found_somewhere() -> None:
    asked = {q.template for scene in (*MANY, kitchen(), annotated(), foreign()) for q in ask(scene)}
    # Answers that are always the same in the synthetic corpus are not asked for.
    asked |= {q.template for q in ask(farm(), corpus=Corpus())}
    asked |= {q.template for q in ask(brought_along())}
    assert asked == {template.name for template in TEMPLATES}


@pytest.mark.parametrize("scene", [kitchen(), annotated(), *MANY[:10]], ids=lambda s: s.clip.id)
def test_any_change_to_a_question_is_reported(scene: Scene) -> None:
    for good in ask(scene):
        other = (good.answer_index + 1) % len(good.choices)
        wrongs = [
            dataclasses.replace(good, answer=good.choices[other], answer_index=other),
            dataclasses.replace(good, answer=good.choices[other]),
            dataclasses.replace(good, answer_index=len(good.choices)),
            dataclasses.replace(good, choices=(*good.choices, good.answer.upper())),
            dataclasses.replace(
                good, choices=tuple("Kazoo" if c != good.answer else c for c in good.choices)
            ),
            dataclasses.replace(good, question="Which of these is true?"),
            dataclasses.replace(good, skill="magic"),
            dataclasses.replace(good, level="both" if good.level != "both" else "speaker_speaker"),
            dataclasses.replace(good, template="nonesuch"),
            dataclasses.replace(good, clip_id="elsewhere"),
            dataclasses.replace(good, evidence=()),
            dataclasses.replace(
                good, evidence=(dataclasses.replace(good.evidence[0], end=99.0), *good.evidence[1:])
            ),
            dataclasses.replace(good, provenance=("truth:me@1",)),
            dataclasses.replace(good, trace=good.trace.replace("</SUMMARY>", "")),
            dataclasses.replace(good, trace=good.trace.replace("<RESPONSE>", "<RESPONSE>B ")),
            dataclasses.replace(good, trace=good.trace.replace(" s", " s or so", 1)),
            dataclasses.replace(good, trace=good.trace.replace("</SUMMARY>", " It is option B.</SUMMARY>")),
        ]
        for wrong in wrongs:
            assert verify(wrong, scene, ALL, TEMPLATES), wrong


def test_a_wrong_choice_that_is_true_is_reported() -> None:
    scene = kitchen()
    (good,) = [q for q in ask(scene) if q.template == "event_present"]
    other = "Dog" if good.answer == "Church bell" else "Church bell"
    wrong = (good.answer_index + 1) % 4
    choices = tuple(other if n == wrong else choice for n, choice in enumerate(good.choices))
    problems = verify(dataclasses.replace(good, choices=choices), scene, ALL, TEMPLATES)
    assert f"choice {other!r} is true of the clip" in problems


def test_a_question_does_not_fit_another_scene() -> None:
    scene = kitchen()
    changed = dataclasses.replace(scene, turns=scene.turns[:2], tags=scene.tags[:1], utterances=())
    assert all(verify(question, changed, ALL, TEMPLATES) for question in ask(scene))


def test_positions_of_right_answers_are_uniform() -> None:
    places = Counter(
        q.answer_index for scene in many(60) for q in ask(scene) if len(q.choices) == 4
    )  # fmt: skip
    total = sum(places.values())
    assert total > 500
    # Four standard deviations of a fair draw.
    bound = 4 * (total * 0.25 * 0.75) ** 0.5
    assert all(abs(places[n] - total / 4) < bound for n in range(4)), places


@pytest.mark.parametrize("template", ["voices_overlap", "speech_over_event"])
def test_yes_is_not_a_better_guess_than_no(template: str) -> None:
    scenes_ = many(400)
    corpus = Corpus.of(scenes_)
    options = QaOptions(include=(template,))
    before = Counter(
        q.answer for s in scenes_ for q in ask(s, ALL.model_copy(update={"include": (template,)}))
    )
    after = Counter(q.answer for s in scenes_ for q in ask(s, options, corpus))
    assert min(after.values()) >= 10
    assert max(before.values()) > 1.5 * min(before.values())
    # Four standard deviations of a fair coin.
    assert abs(after["Yes"] / after.total() - 0.5) < 4 * (0.25 / after.total()) ** 0.5, (before, after)


def test_an_answer_that_never_changes_is_not_asked_for() -> None:
    talk = MiniScene(turns=[(0.5, 4.0, "S1"), (5.0, 9.0, "S2")], tags=[])
    scenes_ = [scene_of(talk, f"talk{n}") for n in range(30)]
    asked = {q.template for s in scenes_ for q in ask(s, QaOptions(), Corpus.of(scenes_))}
    assert "speaker_count" not in asked
    # Five clips do not prove that it never changes.
    few = Corpus.of(scenes_[:5])
    times = sum(q.template == "speaker_count" for s in scenes_[:5] for q in ask(s, QaOptions(), few))
    assert 0 < times < 5


def test_the_same_input_gives_the_same_questions_in_any_order_of_templates() -> None:
    options = QaOptions()
    for scene in MANY[:20]:
        forth = generate(scene, CORPUS, TEMPLATES, options, 7)
        assert generate(scene, CORPUS, TEMPLATES[::-1], options, 7) == forth
        assert len(forth) <= options.per_clip
    assert any(ask(s, options, seed=7) != ask(s, options, seed=8) for s in MANY[:20])


def test_a_new_template_changes_no_other_question() -> None:
    for scene in MANY[:20]:
        with_all = {q.id: q for q in ask(scene)}
        for left_out in TEMPLATES[::18]:
            fewer = generate(scene, CORPUS, TEMPLATES, ALL.model_copy(update={"exclude": (left_out.name,)}))
            assert {q.id: q for q in fewer} == {
                name: q for name, q in with_all.items() if q.template != left_out.name
            }


def test_under_the_cap_a_new_template_only_replaces_questions() -> None:
    capped, fewer = QaOptions(), QaOptions(exclude=("who_says",))
    for scene in MANY[:20]:
        before = {q.id: q for q in ask(scene, fewer)}
        after = {q.id: q for q in ask(scene, capped)}
        newcomers = [q for q in after.values() if q.template == "who_says"]
        kept = {name for name in after if name in before}
        assert len(after) - len(newcomers) == len(kept)
        assert all(after[name] == before[name] for name in kept)
        assert len(before) - len(kept) <= len(newcomers)


def test_the_cap_leaves_variety() -> None:
    for scene in MANY[:30]:
        every = {q.skill for q in ask(scene, QaOptions(per_clip=100))}
        capped = [q.skill for q in ask(scene, QaOptions(per_clip=5))]
        assert len(set(capped)) == min(5, len(every), len(capped))


def test_options_select_and_subsample_templates() -> None:
    only = QaOptions(include=("event_present", "who_says"), per_clip=100)
    assert {q.template for s in MANY for q in ask(s, only)} == {"event_present", "who_says"}
    none = QaOptions(share={"event_present": 0.0}, per_clip=100)
    assert "event_present" not in {q.template for s in MANY for q in ask(s, none)}
    half = QaOptions(share={"event_present": 0.5}, include=("event_present",))
    whole = QaOptions(include=("event_present",))
    kept = sum(len(ask(s, half)) for s in MANY) / sum(len(ask(s, whole)) for s in MANY)
    assert 0.25 < kept < 0.75
    for wrong in ({"include": ("evnt",)}, {"share": {"evnt": 1.0}}, {"min_confidence": {"evnt": 0.5}}):
        with pytest.raises(ConfigError):
            ask(MANY[0], QaOptions(**wrong))


def test_thresholds_trade_coverage() -> None:
    def count(options: QaOptions) -> int:
        return sum(q.template == "event_present" for s in MANY for q in ask(s, options))

    alone = ALL.model_copy(update={"include": ("event_present",)})
    strict = alone.model_copy(update={"thresholds": Thresholds(event=0.9)})
    per_fact = alone.model_copy(update={"min_confidence": {"sound_present": 0.9}})
    assert 0 < count(strict) < count(alone)
    assert 0 < count(per_fact) < count(alone)


def test_ground_truth_takes_precedence_over_models() -> None:
    scene = kitchen()
    labels = annotated().clip.truth.tags
    assert labels
    speech = dataclasses.replace(labels[0], label="Speech", start=0.8, end=13.0)
    truth = Truth(tags=(*labels, speech), tags_complete=True)
    corrected = dataclasses.replace(scene, clip=dataclasses.replace(scene.clip, truth=truth))
    present = {
        q.answer for seed in range(20) for q in ask(corrected, seed=seed) if q.template == "event_present"
    }
    assert present - {NOTHING} == {"Siren", "Rain"}
    assert all(q.provenance == ("truth:example@1",) for q in ask(corrected) if q.template == "event_present")
    mixed = [q for q in ask(corrected) if q.template == "event_during_speaker"]
    assert mixed
    assert all(q.provenance == ("diarize:example@1", "truth:example@1") for q in mixed)


def test_numbers_offered_do_not_give_the_answer_away() -> None:
    offered = {}
    for scene in MANY:
        for question in ask(scene):
            if question.template == "speaker_count":
                offered.setdefault(question.answer, set()).add(frozenset(question.choices))
    assert len(offered) >= 3
    assert len(set().union(*offered.values())) == 1


def test_closed_kinds_have_choices_of_their_own() -> None:
    reading = Interpretation(kitchen())
    for of in kinds().values():
        for fact in of.facts(reading):
            if of.form.closed:
                verdicts = [of.judge(reading, fact.about, choice).true for choice in (fact.answer, *fact.own)]
                assert verdicts[0] is True
                # Of a list of families or places more than one may be true; they are not offered together.
                assert True not in verdicts[1:] or of.form is AnswerType.LISTED
                assert of.judge(reading, fact.about, "Kazoo").true is not True
            if of.form is AnswerType.YES_NO:
                assert {fact.answer, *fact.own} == {"Yes", "No"}
