"""Difficulty: measurable parts, and a sum that follows them."""

from __future__ import annotations

import dataclasses
from collections import Counter

from helpers.scenes_made import kitchen, many

from paqa_builder.questions import Corpus, QaOptions, generate, load_templates, verify
from paqa_builder.records import Measures, Origin

TEMPLATES = load_templates()
OPTIONS = QaOptions(per_clip=100, balance=False)
MANY = many(40)
CORPUS = Corpus.of(MANY)
ASKED = [q for scene in MANY for q in generate(scene, CORPUS, TEMPLATES, OPTIONS)]


def _measured(snr: float) -> Measures:
    return Measures(snr, -23.0, None, 0.0, (), (), Origin("measure", "signal", "1"))


def test_all_levels_occur() -> None:
    levels = Counter(q.difficulty.level for q in ASKED)
    assert set(levels) == {"easy", "medium", "hard"}


def test_two_layers_take_more_hops_than_one() -> None:
    hops = {q.template: q.difficulty.hops for q in ASKED}
    assert hops["event_during_speaker"] > hops["event_present"]


def test_noise_makes_the_same_question_harder() -> None:
    def scores(snr: float) -> dict[str, float]:
        scene = dataclasses.replace(kitchen(), measures=_measured(snr))
        asked = generate(scene, CORPUS, TEMPLATES, OPTIONS)
        return {q.id: q.difficulty.score for q in asked if q.difficulty.snr == snr}

    clean, noisy = scores(20.0), scores(-5.0)
    assert clean
    assert clean.keys() & noisy.keys()
    assert all(clean[name] < noisy[name] for name in clean.keys() & noisy.keys())


def test_choices_that_happen_in_the_clip_are_close() -> None:
    closeness = {q.template: q.difficulty.closeness for q in ASKED}
    assert closeness["said_by_speaker"] > 0
    assert all(0 <= q.difficulty.closeness <= 1 for q in ASKED)


def test_the_verifier_rates_again() -> None:
    scene = MANY[0]
    question = generate(scene, CORPUS, TEMPLATES, OPTIONS)[0]
    easier = dataclasses.replace(question, difficulty=dataclasses.replace(question.difficulty, hops=9))
    assert verify(easier, scene, OPTIONS, TEMPLATES) == [
        "the difficulty differs from that of the scene and the choices"
    ]
