"""The blind solver: picks a choice by its text alone, having learned from other clips' questions.

A conditional logit (McFadden 1974): every choice gets a linear score from its features, and the
choices of a question share one softmax. Folds are cut by clip, so no question is answered by a model
that saw another question on the same clip. How much the scores may be trusted is one number a
template (a temperature, Guo et al. 2017, arXiv:1706.04599) fitted on the held-out answers: where there
is nothing to learn from, every choice ends up as likely as the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from paqa_builder.gate.features import WIDTH, matrix
from paqa_builder.gate.item import BlindItem
from paqa_builder.seeded import below, unit

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

FOLDS, FEW_FOLDS, MANY = 10, 5, 3_000
"""Models to train; with more than ``MANY`` questions the fewer folds learn enough."""
CAP = 20_000
"""Questions to learn from, at most; above it clips are drawn by hash. All questions are judged."""
_PRIOR = 2.0  # strength of the Gaussian prior on weights, in questions
_STEPS, _CLOSE_ENOUGH, _MEMORY = 60, 5e-4, 5
_BATCH = 1_000
_TEMPERATURES = np.append(np.geomspace(0.5, 50.0, 47), 1e9)
# A template's own temperature leans on that of all, as if so many questions more had been asked.
_COMMON = 40

Array = np.ndarray
Items = Callable[[], Iterable[BlindItem]]
"""Gives the same items in the same order each time: they may be too many to keep."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What the solver makes of every question, each held out, in the order of the items.

    Attributes:
        hit: How far its favourite is the answer: 1 or 0, or a share where favourites tie.
        sure: The probability that it gives to the answer.
        chance: One over the number of choices.
        clip: A number for each clip.
        learned_from: Questions in the sample that it learned from.
    """

    hit: Array
    sure: Array
    chance: Array
    clip: Array
    learned_from: int

    def take(self, which: Array) -> Answers:
        """Those of some questions, by place or by mask."""
        return Answers(
            self.hit[which], self.sure[which], self.chance[which], self.clip[which], self.learned_from
        )


def held_out(items: Items, *, cap: int = CAP) -> Answers:
    """Answers every question with a model that learned from other clips.

    Reads the items three times and keeps a few numbers for each. The same items give the same
    answers.

    Args:
        cap: See :data:`CAP`.

    Raises:
        ValueError: There are fewer than two clips, so that nothing can be held out.
    """
    total, clips = 0, set[str]()
    for item in items():
        total += 1
        clips.add(item.clip)
    if len(clips) < 2:
        raise ValueError("questions on at least two clips are needed")
    folds = min(FOLDS if total <= MANY else FEW_FOLDS, len(clips))
    # Few clips are dealt out in turn: a hash could leave a fold empty.
    turn = {clip: n % folds for n, clip in enumerate(sorted(clips))} if len(clips) < 50 * folds else None

    def fold_of(clip: str) -> int:
        return turn[clip] if turn else below(folds, "fold", clip)

    share = cap / total
    sample = [item for item in items() if share >= 1 or unit("sample", item.clip) < share]
    models = _models(sample, [fold_of(item.clip) for item in sample], folds)
    learned_from = len(sample)
    del sample
    return _answer(items, models, fold_of, sorted(clips), learned_from)


def _models(sample: Sequence[BlindItem], fold: Sequence[int], folds: int) -> Array:
    """One column of weights a fold, learned from the other folds."""
    from scipy.sparse import vstack

    batches = [matrix(sample[at : at + _BATCH])[0] for at in range(0, len(sample), _BATCH)]
    features = vstack(batches, format="csr")
    # What occurs once cannot help with another question.
    kept = np.flatnonzero(np.bincount(features.indices, minlength=WIDTH) > 1)
    features = features[:, kept]
    sizes = np.array([len(item.choices) for item in sample])
    answer = np.array([item.answer for item in sample])
    weights = np.zeros((WIDTH, folds), np.float32)
    for n in range(folds):
        seen = np.array(fold) != n
        if seen.any():
            weights[kept, n] = fit(features[np.repeat(seen, sizes)], sizes[seen], answer[seen])
    return weights


def fit(features: csr_matrix, sizes: Array, answer: Array) -> Array:
    """The weights of a conditional logit under a Gaussian prior.

    Args:
        features: One row a choice, those of a question side by side.
        sizes: The number of choices of each question.
        answer: The place of the right one among them.
    """
    from scipy.optimize import minimize
    from threadpoolctl import threadpool_limits

    turned = features.T.tocsr()
    first = np.cumsum(sizes) - sizes
    right = first + answer
    prior = _PRIOR / len(sizes)

    def loss(weights: Array) -> tuple[float, Array]:
        chances = _softmax(features @ weights, first, sizes)
        value = -np.log(np.maximum(chances[right], 1e-300)).mean() + prior / 2 * np.sum(weights * weights)
        chances[right] -= 1.0
        return float(value), turned @ (chances / len(sizes)) + prior * weights

    begin = np.zeros(features.shape[1])
    limits = {"maxiter": _STEPS, "gtol": _CLOSE_ENOUGH, "maxcor": _MEMORY}
    # Sums depend on how threads divide them, and on a busy machine two threads are slower than one.
    with threadpool_limits(1):
        return minimize(loss, begin, jac=True, method="L-BFGS-B", options=limits).x


def _softmax(scores: Array, first: Array, sizes: Array) -> Array:
    powers = np.exp(scores - np.repeat(np.maximum.reduceat(scores, first), sizes))
    return powers / np.repeat(np.add.reduceat(powers, first), sizes)


def _answer(
    items: Items, models: Array, fold_of: Callable[[str], int], clips: Sequence[str], learned_from: int
) -> Answers:
    number = {clip: n for n, clip in enumerate(clips)}
    scores: list[Array] = []
    right: list[Array] = []
    sizes: list[Array] = []
    about: list[int] = []
    templates: dict[str, int] = {}
    template: list[int] = []
    for batch in _batched(items()):
        features, begins = matrix(batch)
        folds = np.repeat([fold_of(item.clip) for item in batch], np.diff(begins))
        scores.append((features @ models)[np.arange(len(folds)), folds].astype(np.float32))
        sizes.append(np.diff(begins).astype(np.int16))
        right.append(np.array([item.answer for item in batch], np.int16))
        about += [number[item.clip] for item in batch]
        template += [templates.setdefault(item.template, len(templates)) for item in batch]
    return _answers(
        np.concatenate(scores), np.concatenate(sizes), np.concatenate(right), np.array(about),
        np.array(template), learned_from,
    )  # fmt: skip


def _answers(
    scores: Array, sizes: Array, right: Array, clip: Array, template: Array, learned_from: int
) -> Answers:
    sizes = sizes.astype(np.int64)
    first = np.cumsum(sizes) - sizes
    answer = first + right
    # Rounded, so that the last bits of a float, which differ between machines, decide nothing.
    scores = np.round(scores.astype(np.float64), 4)
    best = scores == np.repeat(np.maximum.reduceat(scores, first), sizes)
    hit = best[answer] / np.add.reduceat(best.astype(np.float64), first)
    temperature = _temperatures(scores, first, sizes, answer, template)
    sure = _softmax(scores / np.repeat(temperature, sizes), first, sizes)[answer]
    return Answers(hit, np.round(sure, 4), 1.0 / sizes, clip, learned_from)


def _temperatures(scores: Array, first: Array, sizes: Array, answer: Array, template: Array) -> Array:
    """For each question, the temperature under which its template's answers are likeliest."""
    losses = []
    for temperature in _TEMPERATURES:
        loss = -np.log(_softmax(scores / temperature, first, sizes)[answer])
        losses.append(np.bincount(template, loss) + _COMMON * loss.mean())
    return _TEMPERATURES[np.argmin(losses, axis=0)][template]


def _batched(items: Iterable[BlindItem]) -> Iterator[list[BlindItem]]:
    iterator = iter(items)
    while batch := list(islice(iterator, _BATCH)):
        yield batch
