"""Choices do not reveal the answer by their form."""

from __future__ import annotations

from collections import Counter

from helpers.scenes_made import many

from paqa_builder.questions import Corpus, QaOptions, generate, load_templates
from paqa_builder.questions.choices.choices import too_close
from paqa_builder.questions.choices.lengths import Lengths
from paqa_builder.questions.choices.none_of_these import NOTHING
from paqa_builder.questions.examples import scene_of
from paqa_builder.questions.facts import AnswerType, kind
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.templates import MiniScene
from paqa_builder.questions.wording import tokens

TEMPLATES = load_templates()
SCENES = many(250)
QUOTES = {t.name for t in TEMPLATES if kind(t.fact).form is AnswerType.QUOTE}
OPTIONS = QaOptions(per_clip=100, unanswerable=0.0, include=tuple(sorted(QUOTES)))


def test_no_quote_has_a_unique_length() -> None:
    """A quote with a unique length would certainly be wrong."""
    corpus, patterns = Corpus.of(SCENES), Counter[str]()
    short = long = 0
    for question in (q for s in SCENES for q in generate(s, corpus, TEMPLATES, OPTIONS)):
        lengths = [len(tokens(choice)) for choice in question.choices]
        mine = lengths[question.answer_index]
        patterns[" ".join(map(str, sorted(Counter(lengths).values())))] += 1
        short += mine == min(lengths) < max(lengths)
        long += mine == max(lengths) > min(lengths)
    assert patterns["4"] + patterns["2 2"] > 0.97 * patterns.total(), patterns
    assert patterns["2 2"] > 100
    # The answer has either length equally often, within three standard deviations.
    assert abs(short - long) < 3 * (short + long) ** 0.5


def test_any_of_three_quotes_may_have_a_unique_length() -> None:
    larger = sum(Lengths.drawn(3, n).same == 2 for n in range(3_000))
    assert abs(larger - 2_000) < 90
    two_of_it, alone = Lengths(2, 1), Lengths(1, 2)
    four, five = ["a b c d"], ["e f g h i"]
    assert two_of_it.fit("k l m n", four + five)
    assert not two_of_it.fit("k l m n o", four + five)
    assert alone.fit("k l m n o", four + five)
    assert not alone.fit("k l m n", four + five)
    assert (two_of_it.missing(four + five), alone.missing(four + five)) == (4, 5)
    assert not Lengths(2, 2).fit("a b", ["a b c d e f"])
    assert not Lengths(2, 2).fit("k l m n o", ["a b c d"] * 3)


def test_wrong_quotes_of_a_speaker_come_from_other_speakers() -> None:
    """Otherwise the words alone would reveal the answer."""
    corpus, beside, total = Corpus.of(SCENES), 0, 0
    options = QaOptions(per_clip=100, include=("said_by_speaker", "words_of_longest_talker"))
    for scene in SCENES:
        said = {p.text for p in Interpretation(scene, options.thresholds).speech.phrases if scene.utterances}
        for question in generate(scene, corpus, TEMPLATES, options):
            total += 1
            beside += sum(choice in said for choice in question.choices) > (question.answer != NOTHING)
    assert beside > 0.7 * total


def test_wrong_quotes_are_not_similar() -> None:
    assert too_close(AnswerType.QUOTE, "we left the house at noon", "we left the old house at noon")
    assert not too_close(AnswerType.QUOTE, "we left the house at noon", "nobody told me about that")
    assert not too_close(AnswerType.QUOTE, NOTHING, "these take the shape of a long round arch")


def test_a_sound_that_is_never_ruled_out_is_not_a_choice() -> None:
    scene = scene_of(
        MiniScene(
            turns=[(0.5, 4.0, "S1"), (5.0, 9.0, "S2")],
            tags=[(1.0, 2.0, "Sneeze", 0.9), (3.0, 4.0, "Dog", 0.95), (6.0, 8.0, "Church bell", 0.95)],
        ),
        "sneeze",
    )
    (fact,) = kind("sound_absent").facts(Interpretation(scene, QaOptions().thresholds))
    assert set(fact.own) == {"Dog", "Church bell"}
    assert NOTHING not in fact.own
