"""Which questions stage II practises on: those that the model gets right now and then.

A group whose completions are all right, or all wrong, teaches GRPO nothing about answering: of a model that
answers four questions in five, most groups are such (Yu et al. 2025, "DAPO", draw again until none is
left). Here every question is tried once before training, and those with both kinds of answers are kept.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence

from recipes import rewards
from recipes.data.rows import Row
from recipes.pauses import rollout
from recipes.scoring.answering import Answerer


def unsure(
    one: Answerer, rows: Sequence[Row], *, tries: int, temperature: float, batch: int, seed: int
) -> list[Row]:
    """The rows that are answered rightly in some tries and wrongly in others.

    Args:
        one: The model as it will train, with its pauses.
        tries: Sampled answers a question.
        batch: Completions at a time.

    Returns:
        In the order given; all rows, where too few are left to make a batch.
    """
    print(f"practice: {len(rows)} questions are answered {tries} times first", file=sys.stderr, flush=True)
    drawn = rollout.Sampling(temperature=temperature, seed=seed)
    passes = one.ask(rows, sampling=drawn, samples=tries, batch=max(1, batch // tries))
    right = zip(*(rewards.accuracy(answers.texts, rows) for answers in passes), strict=True)
    kept = [row for row, hits in zip(rows, right, strict=True) if 0 < sum(hits) < tries]
    print(
        f"practice: of {len(rows)} questions {len(kept)} are answered now right, now wrong", file=sys.stderr
    )
    return kept if len(kept) >= batch // tries else list(rows)


def some(rows: Sequence[Row], number: int | None, seed: int) -> list[Row]:
    """``number`` of the rows, drawn at random; all where there are no more."""
    if number is None or number >= len(rows):
        return list(rows)
    return random.Random(seed).sample(list(rows), number)
