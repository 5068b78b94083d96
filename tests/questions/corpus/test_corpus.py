"""Statistics of a corpus: merging, bounds, and balanced answers."""

from __future__ import annotations

import itertools
import json
from collections import Counter

from helpers.scenes_made import kitchen, many

from paqa_builder.labels.audioset import confusable
from paqa_builder.questions import Corpus
from paqa_builder.questions.corpus.corpus import COMMON, ENOUGH
from paqa_builder.questions.corpus.samples import PHRASES_PER_LENGTH
from paqa_builder.questions.corpus.spread import levels_of
from paqa_builder.questions.examples import scene_of
from paqa_builder.questions.templates import MiniScene
from paqa_builder.questions.wording import tokens
from paqa_builder.seeded import below, pick

SCENES = many(60)
WHOLE = Corpus.of(SCENES)


def test_order_and_division_do_not_matter() -> None:
    assert Corpus.of(SCENES[::-1]) == WHOLE
    assert Corpus.of(SCENES[:13]).merge(Corpus.of(SCENES[13:])) == WHOLE
    assert Corpus.of([]).merge(WHOLE) == WHOLE


def test_json_round_trip_is_exact() -> None:
    text = json.dumps(WHOLE.to_json())
    again = Corpus.from_json(json.loads(text))
    assert again == WHOLE
    assert json.dumps(again.to_json()) == text
    assert json.dumps(Corpus.of(SCENES[::-1]).to_json()) == text


def test_counts_of_a_kind_do_not_depend_on_other_kinds() -> None:
    asked = {"sound_present", "source_family"}
    some = Corpus.of(SCENES, facts=asked)
    assert {name.partition("/")[0] for name in some.answers} == asked
    for counts, all_counts in ((some.answers, WHOLE.answers), (some.refuted, WHOLE.refuted)):
        assert counts == {name: all_counts[name] for name in all_counts if name.partition("/")[0] in asked}
    assert (some.labels, some.phrases) == (WHOLE.labels, WHOLE.phrases)


def test_phrases_are_bounded() -> None:
    words = [
        "alder",
        "birch",
        "cedar",
        "elm",
        "fir",
        "hazel",
        "larch",
        "maple",
        "oak",
        "pine",
        "rowan",
        "spruce",
    ]
    scenes = [
        scene_of(
            MiniScene(
                turns=[(0.5, 5.0, "S1")],
                utterances=[(0.5, 5.0, "S1", " ".join(words[below(12, n, k)] for k in range(5)))],
            ),
            f"c{n}",
        )
        for n in range(3 * PHRASES_PER_LENGTH)
    ]
    corpus = Corpus.of(scenes)
    assert len(corpus.phrases["train"][5]) == PHRASES_PER_LENGTH
    assert Corpus.of(scenes[:400]).merge(Corpus.of(scenes[400:])) == corpus


def test_each_of_two_sounds_is_equally_often_right() -> None:
    # Three that can be taken for one another, three that cannot.
    shares = {"Dog": 20, "Cat": 15, "Sheep": 10, "Church bell": 25, "Typing": 18, "Chainsaw": 12}
    corpus = Corpus(labels=shares)
    right, wrong = Counter[str](), Counter[str]()
    answers = [label for label, count in shares.items() for _ in range(count)]
    for n in range(15_000):
        answer = pick(answers, "answer", n)
        drawn = corpus.draw_labels("", n)
        other = next(label for label in drawn if not confusable(label, answer))
        right[answer] += 1
        wrong[other] += 1
    for label in shares:
        assert abs(right[label] / (right[label] + wrong[label]) - 0.5) < 0.03, (label, right, wrong)


def test_each_label_is_drawn_once_and_common_ones_come_last() -> None:
    drawn = list(WHOLE.draw_labels("key"))
    assert len(drawn) == len(set(drawn))
    own = len(WHOLE.labels)
    assert set(drawn[:own]) == set(WHOLE.labels)
    assert set(COMMON) <= set(drawn)
    assert list(Corpus().draw_labels("key"))  # the smallest corpus still has wrong choices


def test_phrases_come_from_the_same_split_nearest_in_length_first() -> None:
    pool = WHOLE.phrases["train"]
    lengths = [len(tokens(p)) for p in itertools.islice(WHOLE.draw_phrases("train", 4, "key"), len(pool[4]))]
    assert set(lengths) == {4}
    foreign = set(itertools.islice(WHOLE.draw_phrases("test", 4, "key"), 12))
    assert not foreign & {text for texts in pool.values() for text in texts}


def test_frequent_answers_are_subsampled_to_the_rarest() -> None:
    corpus = Corpus(answers={"voices_overlap": {"Yes": 90, "No": 10}, "k/of 3": {"a": 60, "b": 38, "c": 2}})
    assert corpus.share_kept("voices_overlap", "", "Yes") == 10 / 90
    assert corpus.share_kept("voices_overlap", "", "No") == 1.0
    assert corpus.share_kept("k", "of 3", "a") == 38 / 60
    assert corpus.share_kept("k", "of 3", "c") == 1.0
    # "c" is so rare that it is neither asked for nor offered; of two, the rarer one is what there is.
    assert corpus.common_answers("k", "of 3", ["a", "b", "c"]) == ["a", "b"]
    assert Corpus(answers={"k": {"a": 98, "b": 2}}).share_kept("k", "", "a") == 2 / 98


def test_small_corpora_are_balanced_too() -> None:
    few = Corpus(answers={"voices_overlap": {"Yes": ENOUGH - 2, "No": 1}})
    assert few.share_kept("voices_overlap", "", "Yes") == 3 / (ENOUGH - 2)
    assert few.share_kept("voices_overlap", "", "No") == 1.0
    # One clip that says yes does not prove that all do; five that do are asked about twice.
    assert Corpus(answers={"k": {"Yes": 1}}).share_kept("k", "", "Yes") == 1.0
    assert Corpus(answers={"k": {"Yes": 5}}).share_kept("k", "", "Yes") == 2 / 5


def test_one_dominant_answer_of_three_is_subsampled() -> None:
    corpus = Corpus(answers={"k/of 3": {"third": 96, "second": 3, "first": 2}})
    assert corpus.common_answers("k", "of 3", ["first", "second", "third"]) == ["third"]
    assert corpus.share_kept("k", "of 3", "third") == 0.0


def test_groups_have_as_many_levels_as_colons() -> None:
    assert levels_of("") == ("",)
    assert levels_of("sound:Dog") == ("sound:Dog", "sound")
    assert levels_of("time of 2:3:7") == ("time of 2:3:7", "time of 2:3", "time of 2")


def test_learned_shares_and_factors_replace_counts() -> None:
    corpus = Corpus(
        answers={"k": {"a": 50, "b": 50, "c": 50}},
        kept={"t": {"a": 0.25}, "t/sound": {"b": 0.5}},
        drawn={"t": {"c": 0.0}},
    )
    assert corpus.on("t").share_asked("k", "", "a", closed=True) == 0.25
    assert corpus.on("t").share_asked("k", "sound:Dog", "b", closed=True) == 0.5
    assert corpus.on("t").share_asked("k", "", "b", closed=True) == 1.0
    assert corpus.on("other").share_asked("k", "", "a", closed=True) == 1.0
    assert corpus.on("t").common_answers("k", "", ["a", "b", "c"]) == ["a", "b"]
    assert set(corpus.on("t").draw_answers("k", "", ["a", "b", "c"], "key")) == {"a", "b"}


def test_only_what_could_be_an_answer_counts() -> None:
    assert set(Corpus.of([kitchen()]).labels) == {"Dog", "Church bell"}


def test_answers_of_fixed_lists_are_offered_as_often_as_they_are_right() -> None:
    corpus = Corpus(
        answers={"k": {"a": 40, "b": 40, "c": 40, "never wrong": 40}},
        refuted={"k": {"a": 120, "b": 60, "c": 120, "never wrong": 2}},
    )
    among = ["a", "b", "c", "never wrong", "never right"]
    drawn = [list(corpus.draw_answers("k", "", among, n)) for n in range(2_000)]
    assert all(set(names) == {"a", "b", "c"} for names in drawn)
    # What can be proved false in half of the cases is tried first twice as often.
    first = Counter(names[0] for names in drawn)
    assert abs(first["b"] / len(drawn) - 0.5) < 0.05
    assert corpus.share_kept("k", "", "never wrong") == 0.0
    assert set(Corpus().draw_answers("k", "", among, 0)) == set(among)


def test_rare_answers_are_not_common() -> None:
    corpus = Corpus(answers={"k": {"One": 60, "Two": 38, "Three": 2}})
    assert corpus.common_answers("k", "", ["One", "Two", "Three", "Four"]) == ["One", "Two"]
    assert Corpus().common_answers("k", "", ["One", "Four"]) == ["One", "Four"]


def test_frequent_sounds_are_balanced_separately() -> None:
    rain = {"About one second": 5, "About eight seconds": 50}
    corpus = Corpus(
        answers={"k/sound": {"About one second": 55, "About eight seconds": 50}, "k/sound:Rain": rain}
    )
    assert corpus.share_kept("k", "sound:Rain", "About eight seconds") == 0.1
    assert corpus.share_kept("k", "sound:Dog", "About one second") == 50 / 55


def test_sounds_are_drawn_as_often_as_they_are_right_for_this_question() -> None:
    corpus = Corpus(
        labels={"Rain": 100, "Dog": 100, "Church bell": 100},
        answers={"sound_longest": {"Rain": 80, "Dog": 20, "Church bell": 20}},
        refuted={"sound_longest": {"Rain": 0, "Dog": 40, "Church bell": 40}},
    )
    first = Counter(next(corpus.draw_labels("sound_longest", n)) for n in range(1_000))
    even = Counter(next(corpus.draw_labels("sound_present", n)) for n in range(1_000))
    assert first["Rain"] > 800
    assert 250 < even["Rain"] < 450
