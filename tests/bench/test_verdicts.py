"""Verdicts on questions by ground truth."""

from __future__ import annotations

from dataclasses import replace

import pytest
from helpers.bench_scenes import made, truth_of

from paqa_builder.bench import verdicts
from paqa_builder.bench.interpretation import align, locate, mentioned, speakers_in
from paqa_builder.bench.reference import Reference
from paqa_builder.bench.verdicts import Judged
from paqa_builder.questions import Corpus, QaOptions, generate, load_templates
from paqa_builder.questions.examples import scene_of
from paqa_builder.questions.facts import kind
from paqa_builder.questions.question import Question
from paqa_builder.questions.templates import MiniLayers, MiniScene
from paqa_builder.records import Scene

pytest.importorskip("whisper_normalizer", reason="needs the eval extra")

OPTIONS = QaOptions(per_clip=200, per_template=3, balance=False)
TEMPLATES = load_templates()
SCENES = [made(n) for n in range(40)]
TALK = MiniScene(
    duration=14.0,
    turns=[(1.0, 4.0, "S1"), (5.0, 8.0, "S2"), (9.5, 13.0, "S1")],
    tags=[(4.1, 4.9, "Dog", 0.95), (9.0, 13.0, "Rain", 0.95)],
    utterances=[
        (1.0, 4.0, "S1", "have you seen my copper kettle anywhere"),
        (5.0, 8.0, "S2", "it fell off the bridge yesterday morning"),
        (9.5, 13.0, "S1", "nothing ever stays where silver captains put it"),
    ],
)  # fmt: skip


def asked(scenes: list[Scene]) -> list[Question]:
    corpus = Corpus.of(SCENES, OPTIONS)
    return [question for scene in scenes for question in generate(scene, corpus, TEMPLATES, OPTIONS)]


QUESTIONS = asked(SCENES)


def judged(questions: list[Question], scenes: list[Scene], truths: list[Reference]) -> list[Judged]:
    pairs = {scene.clip.id: (scene, truth) for scene, truth in zip(scenes, truths, strict=True)}
    return verdicts.judge_all(questions, pairs, TEMPLATES)


def against(scene: Scene, truth: MiniScene) -> dict[str, list[Judged]]:
    """Questions on a scene by template, judged by another scene's records."""
    reference = truth_of(scene_of(truth, scene.clip.id))
    found: dict[str, list[Judged]] = {}
    for item in judged(asked([scene]), [scene], [reference]):
        found.setdefault(item.question.template, []).append(item)
    return found


def test_questions_on_perfect_records_are_right() -> None:
    found = judged(QUESTIONS, SCENES, [truth_of(scene) for scene in SCENES])
    assert len(found) == len(QUESTIONS) > 300
    # Of most templates, whatever layers they need; many others wait for clearer scenes than these.
    answered = {item.question.template for item in found if item.verdict == "right"}
    able = {t.name for t in TEMPLATES if "measures" not in kind(t.fact).needs}
    assert len(answered & able) > 0.7 * len(able)
    assert [(item.question.question, item.reason) for item in found if item.verdict == "wrong"] == []
    measures = verdicts.score(found)
    assert measures["question_precision"].value == 1
    # Where truth cannot decide, the question was close to what it would not have asked about, or it
    # asks about what is measured, which an annotation does not say.
    assert measures["question_decided"].value > 0.9


def test_a_wrong_answer_is_never_right() -> None:
    forged = [
        replace(question, answer=choice, answer_index=n)
        for question in QUESTIONS
        for n, choice in enumerate(question.choices)
        if n != question.answer_index
    ]
    found = judged(forged, SCENES, [truth_of(scene) for scene in SCENES])
    assert [(item.question.question, item.question.answer) for item in found if item.verdict == "right"] == []
    wrong = sum(item.verdict == "wrong" for item in found)
    assert wrong / len(found) > 0.95


def test_a_speaker_too_many_is_a_false_premise() -> None:
    scene = scene_of(TALK, "talk")
    one = TALK.model_copy(
        update={
            "turns": [(a, b, "S1") for a, b, _ in TALK.turns or ()],
            "utterances": [(a, b, "S1", text) for a, b, _, text in TALK.utterances or ()],
        }
    )
    found = against(scene, one)
    assert {item.verdict for item in found["speaker_count"]} == {"wrong"}
    for name in ("said_by_speaker", "who_says", "speaker_longest"):
        for item in found[name]:
            if "second" in item.question.question + item.question.answer:
                assert (item.verdict, item.reason) == ("wrong", "there is only one speaker")
    assert {item.verdict for item in found["voices_overlap"]} == {"right"}  # nobody overlaps


def test_an_absent_sound_is_a_false_premise() -> None:
    scene = scene_of(TALK, "talk")
    found = against(scene, TALK.model_copy(update={"tags": [(9.0, 13.0, "Rain", 1.0)]}))
    about_dogs = [
        item
        for group in found.values()
        for item in group
        if "a dog" in item.question.question or item.question.answer == "Dog"
    ]
    assert about_dogs
    assert {(item.verdict, item.reason) for item in about_dogs} == {("wrong", "there is no dog")}


def test_a_sound_under_another_right_name_is_right() -> None:
    scene = scene_of(TALK, "talk")
    for name in ("dog", "Bark"):
        tags = [(4.1, 4.9, name, 1.0), (9.0, 13.0, "rain", 1.0)]
        found = against(scene, TALK.model_copy(update={"tags": tags}))
        (present,) = (item for item in found["event_present"] if item.question.answer == "Dog")
        assert present.verdict == "right"
        assert {item.verdict for group in found.values() for item in group} == {"right"}, name


def test_a_third_of_a_quote_may_be_misheard() -> None:
    scene = scene_of(TALK, "talk")

    def said(text: str) -> Judged:
        first, (a, b, who, _), last = TALK.utterances or ()
        found = against(scene, TALK.model_copy(update={"utterances": [first, (a, b, who, text), last]}))
        (item,) = (i for i in found["who_says"] if i.question.answer == "The second speaker")
        return item

    exact = said("it fell off the bridge yesterday morning")
    assert (exact.verdict, exact.inexact) == ("right", False)
    close = said("it fell of a bridge yesterday morning")
    assert (close.verdict, close.inexact) == ("right", True)
    half = said("it was under this bridge all morning")
    assert half.verdict in ("undecided", "wrong")
    invented = said("good evening ladies and gentlemen welcome")
    assert (invented.verdict, "is not said" in invented.reason) == ("wrong", True)


def test_a_single_word_is_searched_in_the_utterances() -> None:
    scene = scene_of(TALK, "talk")
    (item,) = against(scene, TALK)["word_said"]
    assert item.verdict == "right"
    utterances = [(a, b, who, "seven lamps were lit at noon") for a, b, who, _ in TALK.utterances or ()]
    (item,) = against(scene, TALK.model_copy(update={"utterances": utterances}))["word_said"]
    assert item.verdict == "wrong"


def test_words_of_another_speaker_are_wrong() -> None:
    swapped = {"S1": "S2", "S2": "S1"}
    utterances = [(a, b, swapped[who], text) for a, b, who, text in TALK.utterances or ()]
    found = against(scene_of(TALK, "talk"), TALK.model_copy(update={"utterances": utterances}))
    assert {item.verdict for item in found["who_says"] + found["said_by_speaker"]} == {"wrong"}


def test_a_distractor_that_is_true_makes_a_question_wrong() -> None:
    scene = scene_of(TALK, "talk")
    (present,) = (q for q in asked([scene]) if q.template == "event_present" and q.answer == "Dog")
    other = next(choice for choice in present.choices if choice != "Dog")
    tags = [*(TALK.tags or ()), (0.0, 3.0, other, 1.0)]
    truth = truth_of(scene_of(TALK.model_copy(update={"tags": tags}), "talk"))
    (item,) = judged([present], [scene], [truth])
    assert (item.verdict, item.reason) == ("wrong", f"{other!r} is true")


def test_without_ground_truth_a_question_is_undecided() -> None:
    scene = scene_of(TALK, "talk")
    found = against(scene, TALK.model_copy(update={"tags": None, "utterances": None}))
    for name, group in found.items():
        fact = next(template.fact for template in TEMPLATES if template.name == name)
        silent = bool({"tags", "utterances"} & set(kind(fact).needs))
        assert {item.verdict == "undecided" for item in group} == {silent}, name
    reference = truth_of(scene, complete=False)
    absent = [q for q in asked([scene]) if q.template == "event_absent"]
    assert absent
    assert {item.verdict for item in judged(absent, [scene], [reference])} == {"undecided"}


def test_questions_on_annotations_are_not_the_models() -> None:
    mini = MiniScene(
        duration=TALK.duration,
        truth=MiniLayers(turns=TALK.turns, tags=TALK.tags, utterances=TALK.utterances),
        tags_complete=True,
    )
    scene = scene_of(mini, "annotated")
    found = judged(asked([scene]), [scene], [truth_of(scene_of(TALK, "annotated"))])
    assert found
    assert {item.verdict for item in found} == {"annotated"}
    assert verdicts.score(found) == {}


def test_an_unknown_template_is_undecided() -> None:
    question = replace(QUESTIONS[0], template="no_such_template")
    (item,) = judged([question], SCENES, [truth_of(scene) for scene in SCENES])
    assert (item.verdict, "--templates" in item.reason) == ("undecided", True)


def test_confidence_bins_and_tallies() -> None:
    found = judged(QUESTIONS, SCENES, [truth_of(scene) for scene in SCENES])
    by_bin = verdicts.tally(found, lambda item: item.bin)
    assert set(by_bin) <= {"0.0-0.6", "0.6-0.7", "0.7-0.8", "0.8-0.9", "0.9-1.0"}
    assert sum(counts.total() for counts in by_bin.values()) == len(found)
    sure = replace(found[0], confidence=1.0)
    assert (sure.bin, replace(sure, confidence=0.0).bin) == ("0.9-1.0", "0.0-0.6")
    assert replace(sure, confidence=0.8).bin == "0.8-0.9"


def test_alignment_is_levenshtein_with_free_ends() -> None:
    words = ["the", "cat", "sat", "on", "the", "mat"]
    assert align(["cat", "sat"], words) == (0, 1, 3)
    assert align(["cat", "stood", "on"], words) == (1, 1, 4)
    assert align(["dog"], words)[0] == 1
    assert align(["the", "mat"], words) == (0, 4, 6)


def test_quotes_are_found_after_normalising() -> None:
    utterance = next(u for u in scene_of(TALK).utterances or ())
    (found,) = locate("have you seen my copper kettle", [utterance])
    assert (found.errors, found.first, found.last, found.length) == (0, 0, 6, 7)
    assert locate("anything", []) == []


def test_sounds_and_speakers_are_read_off_a_question() -> None:
    assert mentioned("Who talks when the sound of a church bell starts?") == ["Church bell"]
    assert mentioned("Who talks?") == []
    text = (
        "After the first speaker stops and before the third speaker starts, what does the next speaker say?"
    )
    assert speakers_in(text) == [1, 3]
