"""Selection of questions for stage II: those that the model answers both rightly and wrongly.

A group whose completions are all right, or all wrong, has no advantage and gives GRPO no gradient. DAPO (Yu
et al. 2025) samples groups until none is left. Here all questions are answered once before training, and
those with both right and wrong answers are kept.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence

from recipes import rewards
from recipes.data.rows import Row
from recipes.pauses import rollout
from recipes.scoring.answering import Answerer


def undecided(
    answerer: Answerer, rows: Sequence[Row], *, tries: int, temperature: float, batch: int, seed: int
) -> list[Row]:
    """The rows that some sampled answers get right and others wrong.

    Args:
        answerer: The model to train, with its pauses.
        tries: Sampled answers a question.
        batch: Completions at a time.

    Returns:
        The rows in their order; all rows if too few are left for a batch.
    """
    print(f"practice: answering {len(rows)} questions {tries} times first", file=sys.stderr, flush=True)
    sampling = rollout.Sampling(temperature=temperature, seed=seed)
    passes = answerer.ask(rows, sampling=sampling, samples=tries, batch=max(1, batch // tries))
    right = zip(*(rewards.accuracy(answers.texts, rows) for answers in passes), strict=True)
    kept = [row for row, hits in zip(rows, right, strict=True) if 0 < sum(hits) < tries]
    print(f"practice: {len(kept)} of {len(rows)} questions have right and wrong answers", file=sys.stderr)
    return kept if len(kept) >= batch // tries else list(rows)


def sample(rows: Sequence[Row], number: int | None, seed: int) -> list[Row]:
    """A random sample of rows; all rows if ``number`` is None or not below their count."""
    if number is None or number >= len(rows):
        return list(rows)
    return random.Random(seed).sample(list(rows), number)
