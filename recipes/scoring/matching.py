"""Answer matching, confidence intervals and error rates.

Answers are matched by the official rule of MMAU (Sakshi et al. 2024) and MMAR (Ma et al. 2025): the set of
words of an answer is compared with those of the choices. A bare letter is wrong, and so is an answer that
names every choice.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from paqa_builder.questions.traces import grammar

_WORD = re.compile(r"\b\w+\b")
_ANSWERS = ("FINAL_ANSWER", "RESPONSE")


def words(text: str) -> set[str]:
    """The set of lower-case words of a text."""
    return set(_WORD.findall(text.lower()))


def is_right(prediction: str, answer: str, choices: Sequence[str]) -> bool:
    """True if a prediction has every word of the answer and no word of wrong choices alone.

    Args:
        prediction: The answer without the reasoning before it (see :func:`answer_of`).
        answer: Text of the right choice.
        choices: Texts of all choices.
    """
    predicted, wanted = words(prediction), words(answer)
    others = set().union(*map(words, choices)) - wanted
    return bool(predicted) and wanted <= predicted and not predicted & others


def answer_of(completion: str) -> str:
    """The answer of a completion: the text of FINAL_ANSWER if there is one, else of RESPONSE.

    A completion without tags is an answer as a whole, because untrained models do not know the grammar.
    A completion whose answer element is not closed gives the empty string.
    """
    for tag in _ANSWERS:
        texts = re.findall(rf"<{tag}>(.*?)</{tag}>", completion, re.DOTALL)
        if texts:
            return grammar.unescape(texts[-1]).strip()
    return "" if re.search(r"</?[A-Z_]+>", completion) else completion.strip()


def accuracy(hits: Sequence[bool]) -> dict[str, Any]:
    """Share of hits with its 95 % Wilson (1927) interval: ``accuracy``, ``interval`` and ``n``.

    Without hits and misses the accuracy is 0 and the interval ``[0, 1]``.
    """
    from scipy.stats import binomtest

    share, interval = 0.0, (0.0, 1.0)
    if hits:
        share = sum(hits) / len(hits)
        interval = binomtest(sum(hits), len(hits)).proportion_ci(method="wilson")
    return {
        "accuracy": round(share, 4),
        "interval": [round(float(end), 4) for end in interval],
        "n": len(hits),
    }


@dataclass(frozen=True, slots=True)
class Difference:
    """Difference between two systems on the same questions.

    Attributes:
        mean: Mean score of the second minus that of the first.
        low, high: 95 % bootstrap interval over groups.
        p: Two-sided p-value of a sign-flip test over groups.
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
    """Paired comparison of two systems, resampled by clip.

    Questions on one clip depend on each other, so whole clips are resampled.

    Args:
        first, second: Score of each question in [0, 1], in the same order.
        groups: The clip of each question.
        draws: Bootstrap samples, and sign flips.
    """
    numbers: dict[Hashable, int] = {}
    index = np.array([numbers.setdefault(group, len(numbers)) for group in groups], dtype=np.int64)
    gains = np.asarray(second, dtype=float) - np.asarray(first, dtype=float)
    if not len(gains):
        return Difference(0.0, 0.0, 0.0, 1.0)
    count = len(numbers)
    sums, sizes = np.bincount(index, gains, count), np.bincount(index, minlength=count)
    random = np.random.default_rng(seed)
    drawn = random.integers(0, count, (draws, count))
    means = sums[drawn].sum(1) / sizes[drawn].sum(1)
    flipped = np.abs((random.integers(0, 2, (draws, count)) * 2 - 1) @ sums)
    # The observed assignment of signs counts as one of the draws, so p is never 0.
    extreme = np.count_nonzero(flipped >= abs(sums.sum()) - 1e-12)
    low, high = np.quantile(means, [0.025, 0.975])
    return Difference(float(gains.mean()), float(low), float(high), (extreme + 1) / (draws + 1))


def average_precision(scores: Sequence[float], present: Sequence[bool]) -> float | None:
    """Average precision of one label over clips; None if no clip has the label."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(present, scores)) if any(present) else None


def word_errors(reference: str, hypothesis: str) -> tuple[int, int]:
    """Word errors of a hypothesis (substitutions, insertions and deletions), and words in the reference.

    Case and punctuation do not count.
    """
    import jiwer

    return _errors(jiwer.process_words(_plain(reference), _plain(hypothesis)))


def character_errors(reference: str, hypothesis: str) -> tuple[int, int]:
    """Character errors of a hypothesis, and characters in the reference; spaces count as characters."""
    import jiwer

    return _errors(jiwer.process_characters(_plain(reference), _plain(hypothesis)))


def _errors(aligned: Any) -> tuple[int, int]:
    wrong = aligned.substitutions + aligned.deletions
    return wrong + aligned.insertions, wrong + aligned.hits


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+(?:['’][^\W_]+)*", text.casefold()))
