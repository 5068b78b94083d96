"""Facts about sounds beyond order and presence: margins, measured levels, families, inference."""

from __future__ import annotations

from typing import Any

import pytest
from helpers.scenes_made import farm

from paqa_builder.labels import audioset
from paqa_builder.questions.choices.choices import choose
from paqa_builder.questions.corpus.corpus import Corpus
from paqa_builder.questions.examples import scene_of
from paqa_builder.questions.facts import kind
from paqa_builder.questions.facts.families import families, touched
from paqa_builder.questions.facts.inference import conclusions
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.templates import MiniLayers, MiniMeasures, MiniScene

Tags = list[tuple[float, float, str, float]]


def known(tags: Tags, measures: MiniMeasures | None = None, **layers: Any) -> Interpretation:
    """A clip with a complete annotation of sounds and times."""
    truth = MiniLayers(tags=tags, turns=layers.pop("turns", []), **layers)
    return Interpretation(scene_of(MiniScene(truth=truth, tags_complete=True, measures=measures)))


def answers(name: str, on: Interpretation) -> set[str | None]:
    return {fact.answer for fact in kind(name).facts(on)}


@pytest.mark.parametrize(
    ("seconds", "answer"),
    [(0.5, "About half a second"), (2.0, "About two seconds"), (2.4, "About two seconds"), (2.8, None)],
)
def test_a_duration_between_two_steps_has_no_fact(seconds: float, answer: str | None) -> None:
    found = answers("sound_seconds", known([(1.0, 1.0 + seconds, "Dog", 1.0)]))
    assert found == ({answer} if answer else set())


def test_no_length_is_longer_than_the_clip() -> None:
    (fact,) = kind("sound_seconds").facts(known([(1.0, 3.0, "Dog", 1.0)]))
    assert "About eight seconds" in fact.own
    assert "About 16 seconds" not in fact.own


def test_imprecise_edges_hide_a_short_pause() -> None:
    stretches: Tags = [(1.0, 2.0, "Dog", 0.9), (5.0, 6.0, "Dog", 0.9), (9.0, 9.5, "Dog", 0.9)]
    on = Interpretation(scene_of(MiniScene(tags=stretches)))
    assert answers("sound_repeats", on) == {"Yes"}  # one second is left between two of the widest edges
    close = Interpretation(scene_of(MiniScene(tags=[stretches[0], (3.5, 5.0, "Dog", 0.9)])))
    assert answers("sound_repeats", close) == set()
    assert answers("sound_times", known([(1.0, 2.0, "Dog", 1.0), (5.0, 6.0, "Dog", 1.0)])) == {"Two"}


def events(*levels: tuple[float, float, str, float, float | None]) -> MiniMeasures:
    return MiniMeasures(events=list(levels))


def test_the_level_of_simultaneous_sounds_is_an_upper_bound() -> None:
    tags: Tags = [(0.0, 4.0, "Train", 1.0), (1.0, 2.0, "Dog", 1.0), (6.0, 8.0, "Church bell", 1.0)]
    # The level of the dog includes the train, so the dog may be the softest of all.
    measures = events(
        (0.0, 4.0, "Train", -20.0, None),
        (1.0, 2.0, "Dog", -20.0, None),
        (6.0, 8.0, "Church bell", -40.0, None),
    )
    assert answers("sound_level", known(tags, measures)) == set()
    apart: Tags = [(0.0, 4.0, "Train", 1.0), (4.5, 5.5, "Dog", 1.0), (6.0, 8.0, "Church bell", 1.0)]
    measures = events(
        (0.0, 4.0, "Train", -20.0, None),
        (4.5, 5.5, "Dog", -30.0, None),
        (6.0, 8.0, "Church bell", -40.0, None),
    )
    facts = kind("sound_level").facts(known(apart, measures))
    assert {(fact.slots["which"], fact.answer) for fact in facts} == {
        ("loudest", "Train"),
        ("softest", "Church bell"),
    }


def test_an_unmeasured_sound_prevents_facts_about_loudness() -> None:
    tags: Tags = [(0.0, 4.0, "Train", 1.0), (4.5, 5.5, "Dog", 1.0)]
    assert answers("sound_level", known(tags, events((0.0, 4.0, "Train", -20.0, None)))) == set()


@pytest.mark.parametrize(("over", "answer"), [(9.0, {"Yes"}), (-9.0, {"No"}), (3.0, set()), (None, set())])
def test_louder_than_speech_needs_a_margin(over: float | None, answer: set[str]) -> None:
    on = known([(1.0, 3.0, "Dog", 1.0)], events((1.0, 3.0, "Dog", -20.0, over)), turns=[(0.0, 9.0, "anna")])
    assert answers("sound_over_speech", on) == answer


def test_a_label_touches_the_families_of_all_confusable_labels() -> None:
    for label in list(audioset.labels())[::23]:
        for strictly, alike in ((True, audioset.same_source), (False, audioset.confusable)):
            plain = {c for c, family in families().items() if any(alike(label, m) for m in family.members)}
            assert plain <= touched(label, strictly), label


def test_a_family_is_ruled_out_only_if_no_possible_sound_belongs_to_it() -> None:
    of, on = kind("source_family"), known([(1.0, 3.0, "Dog", 1.0)])
    assert of.judge(on, None, "An animal").true
    assert of.judge(on, None, "A vehicle").true is False
    listened = Interpretation(
        scene_of(MiniScene(tags=[(1.0, 3.0, "Dog", 0.9), (4.0, 5.0, "Engine", 0.1)], turns=[]))
    )
    assert of.judge(listened, None, "A vehicle").true is None
    spoken = known([(1.0, 3.0, "Dog", 1.0)], turns=[(4.0, 6.0, "anna")])
    assert of.judge(spoken, None, "A person").true is None


def test_a_place_needs_two_cues_and_no_cue_of_the_others() -> None:
    cow, rooster = (1.0, 3.0, "Cattle, bovinae", 1.0), (4.0, 6.0, "Crowing, cock-a-doodle-doo", 1.0)
    assert answers("setting", known([cow])) == set()
    both = known([cow, rooster])
    assert answers("setting", both) == {"On a farm"}
    assert kind("setting").judge(both, None, "By the sea").true is False
    gull = known([cow, rooster, (7.0, 8.0, "Ocean", 1.0)])
    assert kind("setting").judge(gull, None, "By the sea").true is None


def test_no_cue_supports_two_places() -> None:
    found = list(conclusions("setting").values())
    for one in found:
        for other in found:
            for cue in frozenset().union(*one.cues) if one != other else ():
                kin = {cue, *audioset.ancestors(cue)}
                assert not any(kin & theirs for theirs in other.cues), (one.choice, other.choice, cue)


def test_wrong_pairs_name_every_sound_twice() -> None:
    on = Interpretation(farm())
    of = kind("sounds_together")
    (fact,) = of.facts(on)
    choices = choose(on, of, fact, "Which two sounds are heard at the same time?", Corpus(), 4, "key")
    assert choices is not None
    assert "train" in choices.texts[choices.index].lower()
    names = [name.lower() for text in choices.texts for name in text.split(" and ")]
    assert len(choices.texts) == 4
    assert sorted(map(names.count, set(names))) == [2, 2, 2, 2]


def test_human_sounds_are_no_choices_in_a_clip_with_speech() -> None:
    tags: Tags = [(1.0, 2.0, "Sneeze", 1.0), (3.0, 4.0, "Dog", 1.0)]
    assert answers("sound_present", known(tags)) == {"Sneeze", "Dog"}
    spoken = known(tags, turns=[(5.0, 7.0, "anna")])
    assert answers("sound_present", spoken) == {"Dog"}
    assert all("Sneeze" not in fact.own for fact in kind("sound_present").facts(spoken))


def test_a_label_outside_audioset_may_name_the_same_sound() -> None:
    on = known([(1.0, 3.0, "sea_waves", 1.0)])
    assert kind("sound_present").judge(on, None, "Waves").true is None
    assert kind("sound_present").judge(on, None, "clock_tick").true is False
