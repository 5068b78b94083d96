"""English wording of records, and its inverses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paqa_builder.intervals import both, grow, outside, total, union
from paqa_builder.labels import audioset
from paqa_builder.questions import wording
from paqa_builder.questions.corpus.corpus import COMMON


def test_names_of_labels_are_unique_and_invertible() -> None:
    names = [wording.choice_of_label(label) for label in audioset.labels()]
    assert len({wording.tokens(name) for name in names}) == len(names)
    assert [wording.label_of_choice(name) for name in names] == list(audioset.labels())
    assert not any("," in name or "(" in name for name in names)


@pytest.mark.parametrize(
    ("label", "name", "sound"),
    [
        ("Cattle, bovinae", "cattle", "the sound of cattle"),
        ("Baby cry, infant cry", "crying baby", "the sound of a crying baby"),
        ("Rain", "rain", "the sound of rain"),
        ("Walk, footsteps", "footsteps", "the sound of footsteps"),
        ("Air horn, truck horn", "air horn", "the sound of an air horn"),
        ("Ukulele", "ukulele", "the sound of a ukulele"),
        ("French horn", "French horn", "the sound of a French horn"),
        ("Kookaburra_laugh", "kookaburra laugh", "the sound of a kookaburra laugh"),
    ],
)
def test_labels_have_readable_names(label: str, name: str, sound: str) -> None:
    assert wording.name_of(label) == name
    assert wording.sound_of(label) == sound


def test_choices_of_speakers_and_numbers_are_invertible() -> None:
    for n in range(1, 40):
        assert wording.speaker_of_choice(wording.choice_of_speaker(n)) == n
        assert wording.number_of_choice(wording.choice_of_number(n)) == n
    assert wording.speaker_of_choice("Somebody") is None
    assert [wording.ordinal(n) for n in (1, 10, 11, 21, 22, 113)] == [
        "first", "tenth", "11th", "21st", "22nd", "113th",
    ]  # fmt: skip


def test_quotes_have_one_form() -> None:
    assert wording.quotable(["“Well,", "I", "don't", "know—"]) == "well I don't know"
    assert wording.quotable(["i", "think", "i'm", "late."]) == "I think I'm late"


@pytest.mark.parametrize(
    ("one", "other"), [("Dog", "Bark"), ("Rain", "Waves, surf"), ("Church bell", "Jingle bell")]
)
def test_confusable_sounds_are_known(one: str, other: str) -> None:
    assert audioset.confusable(one, other)
    assert audioset.confusable(other, one)


def test_most_common_sounds_are_not_confusable() -> None:
    for label in COMMON:
        assert label in audioset.labels()
        apart = sum(not audioset.confusable(label, other) for other in COMMON)
        assert apart >= len(COMMON) // 3, label
    assert not audioset.same_source("Piano", "Guitar")
    assert audioset.same_source("Dog", "Canidae, dogs, wolves")


@given(st.sampled_from(sorted(audioset.labels())), st.sampled_from(sorted(audioset.labels())))
def test_confusable_is_symmetric(one: str, other: str) -> None:
    assert audioset.confusable(one, other) == audioset.confusable(other, one)
    assert audioset.same_source(one, other) == audioset.same_source(other, one)
    if audioset.same_source(one, other):
        assert audioset.confusable(one, other)


times = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=6)


@given(times, times)
def test_intervals_agree_with_counting(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    a, b = union(one), union(other)
    cells_a = {t for start, end in one for t in range(start, end)}
    cells_b = {t for start, end in other for t in range(start, end)}
    assert total(a) == len(cells_a)
    assert total(both(a, b)) == len(cells_a & cells_b)
    assert total(outside(a, 0, 50)) == 50 - len(cells_a)
    assert total(grow(a, 1)) == len({t for c in cells_a for t in (c - 1, c, c + 1) if t >= 0})


def test_labels_outside_audioset_have_articles_where_english_has_them() -> None:
    for label, phrase in {
        "rain": "rain", "pouring_water": "pouring water", "brushing_teeth": "brushing teeth", "cow": "a cow",
        "wind": "wind", "door_knock": "a door knock", "people_talking": "people talking",
    }.items():  # fmt: skip
        assert wording.sound_of(label) == f"the sound of {phrase}"
