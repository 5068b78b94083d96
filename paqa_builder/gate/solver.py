"""The blind solver: picks a choice by its text, trained on the questions of other clips.

A conditional logit (McFadden 1974): every choice gets a linear score from its features, and a softmax
over the choices of a question gives probabilities. Cross-validation folds are cut by clip, so no question
is answered by a model that saw another question on the same clip. One temperature per template (Guo et
al. 2017, arXiv:1706.04599), fitted on the held-out answers, calibrates the probabilities. Where the text
tells nothing, the choices become equally likely.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from paqa_builder.gate.features import WIDTH, matrix
from paqa_builder.gate.item import BlindItem, batched
from paqa_builder.seeded import below, unit

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

FOLDS, FEW_FOLDS, MANY = 10, 5, 3_000
"""Number of folds; ``FEW_FOLDS`` for more than ``MANY`` questions."""
CAP = 20_000
"""Largest number of questions to train on. Above it clips are drawn by hash. All questions are judged."""
_PRIOR = 2.0  # strength of the Gaussian prior on weights, in questions
_STEPS, _TOLERANCE, _MEMORY = 60, 5e-4, 5  # of L-BFGS
_BATCH = 1_000
_TEMPERATURES = np.append(np.geomspace(0.5, 50.0, 47), 1e9)
# Weight, in questions, of the mean loss of all templates in the fit of one template's temperature.
_COMMON = 40

Array = np.ndarray
Items = Callable[[], Iterable[BlindItem]]
"""Gives the same items in the same order each time; they need not fit in memory."""


@dataclass(frozen=True, slots=True)
class Answers:
    """Held-out answers of the solver, in the order of the items.

    Attributes:
        hit: 1 if the most probable choice is the answer, else 0; a share where choices tie.
        sure: Probability of the answer.
        chance: One over the number of choices.
        clip: Index of the clip.
        learned_from: Number of questions in the training sample.
    """

    hit: Array
    sure: Array
    chance: Array
    clip: Array
    learned_from: int

    def take(self, which: Array) -> Answers:
        """The answers of some questions, by index or by mask."""
        return Answers(
            self.hit[which], self.sure[which], self.chance[which], self.clip[which], self.learned_from
        )


def held_out(items: Items, *, cap: int = CAP) -> Answers:
    """Answers every question with a model trained on other clips.

    Deterministic. Reads the items three times and keeps a few numbers for each.

    Args:
        cap: See :data:`CAP`.

    Raises:
        ValueError: There are fewer than two clips.
    """
    total, clips = 0, set[str]()
    for item in items():
        total += 1
        clips.add(item.clip)
    if len(clips) < 2:
        raise ValueError("questions on at least two clips are needed")
    folds = min(FOLDS if total <= MANY else FEW_FOLDS, len(clips))
    # Few clips are distributed in turn: a hash could leave a fold empty.
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
    """Weights by feature (row) and fold (column), trained on the other folds."""
    from scipy.sparse import vstack

    batches = [matrix(sample[at : at + _BATCH])[0] for at in range(0, len(sample), _BATCH)]
    features = vstack(batches, format="csr")
    # A feature that occurs once says nothing about another question.
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
    """Weights of a conditional logit under a Gaussian prior.

    Args:
        features: One row per choice; the choices of a question are consecutive.
        sizes: Number of choices of each question.
        answer: Index of the right choice of each question.
    """
    from scipy.optimize import minimize
    from threadpoolctl import threadpool_limits

    transposed = features.T.tocsr()
    first = np.cumsum(sizes) - sizes
    right = first + answer
    prior = _PRIOR / len(sizes)

    def loss(weights: Array) -> tuple[float, Array]:
        probabilities = _softmax(features @ weights, first, sizes)
        error = -np.log(np.maximum(probabilities[right], 1e-300)).mean()
        probabilities[right] -= 1.0
        gradient = transposed @ (probabilities / len(sizes)) + prior * weights
        return float(error + prior / 2 * np.sum(weights * weights)), gradient

    begin = np.zeros(features.shape[1])
    limits = {"maxiter": _STEPS, "gtol": _TOLERANCE, "maxcor": _MEMORY}
    # Sums depend on the number of threads, and on a busy machine two threads are slower than one.
    with threadpool_limits(1):
        return minimize(loss, begin, jac=True, method="L-BFGS-B", options=limits).x


def _softmax(scores: Array, first: Array, sizes: Array) -> Array:
    powers = np.exp(scores - np.repeat(np.maximum.reduceat(scores, first), sizes))
    return powers / np.repeat(np.add.reduceat(powers, first), sizes)


def _answer(
    items: Items, models: Array, fold_of: Callable[[str], int], clips: Sequence[str], learned_from: int
) -> Answers:
    number = {clip: n for n, clip in enumerate(clips)}
    templates: dict[str, int] = {}
    batches: list[Array] = []
    columns: list[Array] = []  # number of choices, answer, clip, template
    for batch in batched(items(), _BATCH):
        features, begins = matrix(batch)
        folds = np.repeat([fold_of(item.clip) for item in batch], np.diff(begins))
        batches.append((features @ models)[np.arange(len(folds)), folds].astype(np.float32))
        template_of = [templates.setdefault(item.template, len(templates)) for item in batch]
        clip_of = [number[item.clip] for item in batch]
        columns.append(np.array([np.diff(begins), [item.answer for item in batch], clip_of, template_of]))
    sizes, right, clip, template = np.concatenate(columns, axis=1)
    first = np.cumsum(sizes) - sizes
    answer = first + right
    # Rounded, because the last bits of a float differ between machines.
    scores = np.round(np.concatenate(batches).astype(np.float64), 4)
    best = scores == np.repeat(np.maximum.reduceat(scores, first), sizes)
    hit = best[answer] / np.add.reduceat(best.astype(np.float64), first)
    temperature = _temperatures(scores, first, sizes, answer, template)
    sure = _softmax(scores / np.repeat(temperature, sizes), first, sizes)[answer]
    return Answers(hit, np.round(sure, 4), 1.0 / sizes, clip, learned_from)


def _temperatures(scores: Array, first: Array, sizes: Array, answer: Array, template: Array) -> Array:
    """For each question, the temperature that maximizes the likelihood of its template's answers."""
    losses = []
    for temperature in _TEMPERATURES:
        loss = -np.log(_softmax(scores / temperature, first, sizes)[answer])
        losses.append(np.bincount(template, loss) + _COMMON * loss.mean())
    return _TEMPERATURES[np.argmin(losses, axis=0)][template]
