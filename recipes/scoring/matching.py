"""Right or wrong, and how sure one can be of a share.

The rule is the official one of MMAU (Sakshi et al. 2024) and MMAR (Ma et al. 2025): an
answer is compared as a set of words with the texts of the choices. A bare letter is therefore wrong,
and so is naming every choice.
"""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from paqa_builder.questions.traces import grammar

Z95 = 1.959964
_WORD = re.compile(r"\b\w+\b")
_ANSWERS = ("FINAL_ANSWER", "RESPONSE")


def words(text: str) -> set[str]:
    """The words of a text, without case."""
    return set(_WORD.findall(text.lower()))


def is_right(prediction: str, answer: str, choices: Sequence[str]) -> bool:
    """The official rule: every word of the answer, and no word that only wrong choices have.

    Args:
        prediction: The answer as given, without what led to it (see :func:`answer_of`).
        answer: Text of the right choice.
        choices: Texts of all choices.
    """
    said, wanted = words(prediction), words(answer)
    others: set[str] = set()
    for choice in choices:
        if (found := words(choice)) != wanted:
            others |= found - wanted
    return bool(said) and wanted <= said and not said & others


def answer_of(completion: str) -> str:
    """What a completion ends on: FINAL_ANSWER if there is one, else RESPONSE.

    A completion without either is an answer in itself: models that never saw the grammar say so.
    One that opened an element and never closed it gave no answer.
    """
    for tag in _ANSWERS:
        found = re.findall(rf"<{tag}>(.*?)</{tag}>", completion, re.DOTALL)
        if found:
            return grammar.unescape(found[-1]).strip()
    return "" if re.search(r"</?[A-Z_]+>", completion) else completion.strip()


def follows_grammar(completion: str) -> bool:
    """Whether a completion is a trace, to the letter."""
    return not grammar.validate(completion)


def wilson(share: float, n: int, z: float = Z95) -> tuple[float, float]:
    """Wilson's (1927) interval of a share that was seen in ``n`` trials; ``(0, 1)`` for none."""
    if n == 0:
        return 0.0, 1.0
    centre = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


@dataclass(frozen=True, slots=True)
class Difference:
    """How much better one system is than another on the same questions.

    Attributes:
        mean: Mean of second minus first.
        low, high: 95 % bootstrap interval over groups.
        p: Two-sided, of a sign-flip test over groups.
    """

    mean: float
    low: float
    high: float
    p: float


def difference(
    first: Sequence[float],
    second: Sequence[float],
    groups: Sequence[Hashable],
    draws: int = 5000,
    seed: int = 0,
) -> Difference:
    """Compares two systems question by question, clip by clip.

    Questions on one clip stand or fall together, so clips are drawn, not questions.

    Args:
        first, second: Score of each question, in the same order; shares of right samples will do.
        groups: The clip of each question.
    """
    of: dict[Hashable, int] = {}
    index = np.array([of.setdefault(group, len(of)) for group in groups], dtype=np.int64)
    gains = np.asarray(second, dtype=float) - np.asarray(first, dtype=float)
    if not len(gains):
        return Difference(0.0, 0.0, 0.0, 1.0)
    sums = np.bincount(index, gains, len(of))
    sizes = np.bincount(index, minlength=len(of))
    random = np.random.default_rng(seed)
    drawn = random.integers(0, len(of), (draws, len(of)))
    means = sums[drawn].sum(1) / sizes[drawn].sum(1)
    flipped = np.abs((random.integers(0, 2, (draws, len(of))) * 2 - 1) @ sums)
    # The observed assignment of signs counts as one of the draws, so p is never 0.
    extreme = np.count_nonzero(flipped >= abs(sums.sum()) - 1e-12)
    low, high = np.quantile(means, [0.025, 0.975])
    return Difference(float(gains.mean()), float(low), float(high), (extreme + 1) / (draws + 1))


def average_precision(scores: Sequence[float], present: Sequence[bool]) -> float | None:
    """Average precision of one label over clips; None where it is present in none."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(present, scores)) if any(present) else None


def word_errors(said: str, heard: str) -> tuple[int, int]:
    """Fewest substitutions, insertions and deletions of words from one text to the other, and words said."""
    import jiwer

    reference, hypothesis = _plain(said), _plain(heard)
    if not reference:
        return len(hypothesis.split()), 0
    found = jiwer.process_words(reference, hypothesis)
    return found.substitutions + found.insertions + found.deletions, len(reference.split())


def character_errors(said: str, heard: str) -> tuple[int, int]:
    """The same in characters, spaces included."""
    import jiwer

    reference, hypothesis = _plain(said), _plain(heard)
    if not reference:
        return len(hypothesis), 0
    found = jiwer.process_characters(reference, hypothesis)
    return found.substitutions + found.insertions + found.deletions, len(reference)


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+(?:['’][^\W_]+)*", text.casefold()))
