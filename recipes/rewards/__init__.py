"""Rewards of stage II: plain functions in a table of names, weighted in the configuration.

A reward takes the completions (what the policy itself said, pauses left out), the rows they answer
and the number of tokens each took, and gives a number in [0, 1] for each. ``docs/recipes.md`` tells
what each one pays for, and which tricks were tried on it.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from paqa_builder.errors import ConfigError
from recipes.rewards.accuracy import accuracy
from recipes.rewards.agreement import agreement
from recipes.rewards.format import format_
from recipes.rewards.length import length
from recipes.rewards.perception import perception

Reward = Callable[..., list[float]]

REWARDS: dict[str, Reward] = {
    "accuracy": accuracy,
    "format": format_,
    "perception": perception,
    "agreement": agreement,
    "length": length,
}

__all__ = [
    "REWARDS",
    "Reward",
    "accuracy",
    "agreement",
    "format_",
    "length",
    "perception",
    "select",
    "total",
]


def select(weights: Mapping[str, float], budget: int) -> dict[str, Reward]:
    """The rewards of a configuration, in its order; those that weigh nothing are left out.

    Args:
        weights: Name of a reward to its weight.
        budget: Tokens that a completion may take.

    Raises:
        ConfigError: There is no such reward, or nothing is rewarded.
    """
    for name in weights:
        if name not in REWARDS:
            close = difflib.get_close_matches(name, REWARDS, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise ConfigError(f"rewards.{name}: there are: {', '.join(REWARDS)}{hint}")
    chosen = {name: REWARDS[name] for name, weight in weights.items() if weight}
    if not chosen:
        raise ConfigError("rewards: none has a weight", fix="--set rewards.accuracy=1.0")
    if "length" in chosen:
        chosen["length"] = partial(length, budget=budget)
    return chosen


def total(
    weights: Mapping[str, float],
    completions: Sequence[str],
    rows: Sequence[Any],
    tokens: Sequence[int] | None = None,
    budget: int = 768,
) -> list[float]:
    """The weighted sum, as training sees it before it compares within a group."""
    found = [
        [weights[name] * value for value in reward(completions, rows, tokens)]
        for name, reward in select(weights, budget).items()
    ]
    return [sum(values) for values in zip(*found, strict=True)]
