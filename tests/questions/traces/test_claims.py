"""Equal and different claims of sentences."""

from __future__ import annotations

import pytest

from paqa_builder.questions.traces.claims import claims, differences, neutral_words, vocabulary

SAME = [
    ("Which of these sounds is heard before the church bell?", "What can be heard prior to the church bell?"),
    ("Who speaks after the first speaker?", "Which speaker talks following the first voice?"),
    ("The dog is heard from 1.2 s to 3.0 s.", "The dog sounds from 1.20 seconds to 3 seconds."),
    ("It is heard twice.", "It occurs two times."),
    ("It is heard 3 times.", "It occurs three times."),
    ("The dog is not heard.", "The dog is never audible."),
    ("There they say “I. do not”.", "There it is said: “I. do not”."),
    ("A dog is followed by rain.", "A dog comes before rain."),
    ("How often is a siren heard?", "How many times does a siren occur?"),
]
DIFFERENT = [
    ("Which sound comes before the dog?", "Which sound comes after the dog?", "relation"),
    ("A dog comes before rain.", "Rain comes before a dog.", "order"),
    ("A dog is heard before rain.", "Before a dog, rain is heard.", "order"),
    ("A dog comes before rain.", "A dog is preceded by rain.", "relation"),
    ("Which sound is heard before the dog?", "Before which sound is the dog heard?", "order"),
    ("The first speaker talks.", "The second speaker talks.", "speaker"),
    ("The first speaker meets the second speaker.", "The second speaker meets the first speaker.", "order"),
    ("A dog is heard.", "A dog and a cat are heard.", "sound"),
    ("A bell is heard.", "A church bell is heard.", "sound"),
    ("A dog is heard.", "An angry dog is heard.", "word"),
    ("The second speaker talks.", "The second speaker, a man, talks.", "word"),
    ("A dog is heard.", "A dog is not heard.", "negation"),
    ("The bell is not heard but the dog is.", "The bell is heard but not the dog.", "negation"),
    ("The dog is heard 3 times.", "The dog is heard 4 times.", "number"),
    ("It lasts 2.0 seconds.", "It lasts 2.0 minutes.", "number"),
    ("It lasts 2.0 seconds.", "It lasts 2.5 seconds.", "number"),
    ("Who says “come here”?", "Who says “come there”?", "quote"),
    ("A dog is heard.", "A dog is probably heard.", "relation"),
    ("A dog is heard.", "A dog is clearly heard.", "word"),
    ("Which voice is the louder one?", "Which voice is the softer one?", "relation"),
    ("Which sound is the loudest?", "Which sound is the louder?", "relation"),
    ("How long is the dog heard?", "How often is the dog heard?", "question word"),
    ("A dog or rain is heard.", "A dog and rain is heard.", "relation"),
    ("A dog is heard.", "A dog is heard. It is loud.", "word"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_in_other_words(one: str, other: str) -> None:
    assert differences(one, other) == []
    assert differences(one, one) == []


@pytest.mark.parametrize(("one", "other", "kind"), DIFFERENT)
def test_different_claims_are_reported_by_kind(one: str, other: str, kind: str) -> None:
    assert kind in {claim.kind for claim in differences(one, other)}
    assert differences(other, one)


def test_claims_are_by_sentence() -> None:
    one, other = "The dog is heard. The bell is not.", "The dog is. Heard the bell is not."
    assert differences("A dog. A bell.", "A dog a bell.")
    assert [len(sentence) for sentence in claims(one)] == [2 - 1, 2]
    assert not differences(one, other)  # nothing but neutral words has moved


def test_a_templates_own_words_are_no_claims() -> None:
    words = vocabulary(["Which sound fills the gap before {{ other }}?", "the pause holds {{ answer }}"])
    assert {"fills", "gap", "pause", "holds"} <= words
    assert not differences(
        "Which sound fills the gap before rain?", "Which sound is in the pause before rain?", words
    )
    assert differences(
        "Which sound fills the gap before rain?", "Which sound is in the calm before rain?", words
    )


def test_neutral_words_exclude_order_number_certainty_and_people() -> None:
    words = neutral_words()
    claiming = {
        "first",
        "two",
        "before",
        "not",
        "maybe",
        "man",
        "woman",
        "he",
        "she",
        "loud",
        "angry",
        "many",
        "or",
    }
    assert not words & claiming
    assert not [word for word in words if claims(word)]
