"""The official scoring rule on hand-made cases; intervals against published values."""

import pytest

from recipes.scoring import matching

CHOICES = ["A dog barking", "A cat", "Two dogs barking", "Rain"]


@pytest.mark.parametrize(
    ("said", "right"),
    [
        ("A dog barking", True),
        ("a DOG, barking!", True),
        ("I hear a dog barking loudly.", True),  # words of no choice do no harm
        ("A", False),  # a letter is no answer, although the word "a" is part of it
        ("(A)", False),
        ("dog", False),  # not every word of the answer
        ("A dog barking and a cat", False),  # a word that only a wrong choice has
        ("A dog barking. Two dogs barking. Rain", False),
        ("", False),
        ("...", False),
    ],
)
def test_official_rule(said: str, right: bool) -> None:
    assert matching.is_right(said, "A dog barking", CHOICES) is right


def test_word_that_the_answer_shares_with_a_wrong_choice_is_allowed() -> None:
    assert matching.is_right("dog", "dog", ["dog", "dog and cat"])
    assert not matching.is_right("dog and cat", "dog", ["dog", "dog and cat"])
    # A wrong choice inside the right one cannot be told from it by words alone: the rule's own limit.
    assert matching.is_right("dog and cat", "dog and cat", ["dog", "dog and cat"])


def test_choices_with_the_same_words_are_not_held_against_the_answer() -> None:
    assert matching.is_right("barking dog", "dog barking", ["dog barking", "barking dog"])


@pytest.mark.parametrize(
    ("completion", "answer"),
    [
        ("<THINK>…</THINK><RESPONSE>Rain</RESPONSE>", "Rain"),
        ("<RESPONSE>Rain</RESPONSE><REFLECT>no</REFLECT><FINAL_ANSWER>Dog</FINAL_ANSWER>", "Dog"),
        ("<RESPONSE>a &lt; b</RESPONSE>", "a < b"),
        ("Rain", "Rain"),
        ("<THINK>Rain", ""),
        ("<RESPONSE>Rain", ""),
        ("Rain</RESPONSE>", ""),
    ],
)
def test_answer_of(completion: str, answer: str) -> None:
    assert matching.answer_of(completion) == answer


def test_accuracy_has_the_published_wilson_intervals() -> None:
    # Newcombe (1998), table I, method 3: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    for k, n, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611)):
        interval = matching.accuracy([True] * k + [False] * (n - k))["interval"]
        assert interval == pytest.approx([low, high], abs=1e-4)
    assert matching.accuracy([]) == {"accuracy": 0.0, "interval": [0.0, 1.0], "n": 0}


def test_difference_finds_a_real_gain_and_no_other() -> None:
    clips = [i // 2 for i in range(400)]
    first = [float(i % 4 == 0) for i in range(400)]
    better = [1.0 if i % 3 == 0 else x for i, x in enumerate(first)]
    found = matching.difference(first, better, clips)
    assert found.p < 0.001
    assert found.low > 0.1
    assert found.low < found.mean < found.high
    same = matching.difference(first, first, clips)
    assert (same.mean, same.p) == (0.0, 1.0)
    swapped = matching.difference(first, first[2:] + first[:2], clips)
    assert swapped.p > 0.2


def test_questions_of_one_clip_count_as_one_observation() -> None:
    gains = [1.0] * 40
    none = [0.0] * 40
    many = matching.difference(none, gains, list(range(40)))
    assert many.p < 0.001
    # The same forty gains on two clips prove nothing.
    assert matching.difference(none, gains, [0] * 20 + [1] * 20).p > 0.4


def test_error_rates() -> None:
    assert matching.word_errors("the dog barks", "The dog, barked twice") == (2, 3)
    assert matching.word_errors("", "hello there") == (2, 0)
    assert matching.character_errors("abc", "abd") == (1, 3)


def test_average_precision_of_equal_scores_is_the_share_present() -> None:
    assert matching.average_precision([0.0] * 4, [True, False, False, False]) == pytest.approx(0.25)
    assert matching.average_precision([0.9, 0.1], [False, False]) is None
