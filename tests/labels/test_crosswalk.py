"""Crosswalk from the labels of other corpora to AudioSet."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from paqa_builder.labels import audioset
from paqa_builder.labels.crosswalk import accepted, audioset_name, esc50, signs_of, true_of


def test_the_table_has_esc50s_fifty_classes_and_only_audiosets_names() -> None:
    assert len(esc50()) == 50
    for label, (name, also) in esc50().items():
        assert not name or name in audioset.labels(), label
        assert also <= set(audioset.labels()), label
        assert name or not also, label


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("Dog", "Dog"),
        ("church_bells", "Church bell"),
        ("Chirp_and_tweet", "Chirp, tweet"),
        ("Dishes_and_pots_and_pans", "Dishes, pots, and pans"),
        ("drinking_sipping", None),
        ("my own sound", None),
    ],
)
def test_labels_find_their_audioset_name(label: str, name: str | None) -> None:
    assert audioset_name(label) == name


@pytest.mark.testdata
def test_all_names_of_fsd50k_are_mapped(testdata: Path) -> None:
    with (testdata / "fsd50k_full_ground_truth/vocabulary.csv").open(encoding="utf-8") as lines:
        rows = list(csv.reader(lines))
    assert len(rows) == 200
    assert [audioset_name(label) for _, label, _ in rows] == [audioset.by_mid()[mid].name for *_, mid in rows]


def test_correct_names_for_a_label() -> None:
    assert "Bell" in true_of("church_bells")
    assert "Bell" not in signs_of("church_bells")  # it may be any bell
    assert "Chainsaw" in signs_of("engine")
    assert "Chainsaw" not in true_of("engine")  # an engine need not be one
    assert "Animal" not in accepted("dog")
    assert accepted("can_opening") == frozenset()
    assert accepted("my own sound") == {"my own sound"}


def test_classes_of_urbansound_have_audioset_names() -> None:
    assert audioset_name("dog_bark") == "Bark"
    assert audioset_name("Street music") == "Music"
