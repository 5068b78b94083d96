"""Rewards of stage II: functions by name, weighted in the configuration.

A reward takes the completions (without pauses), the rows they answer and the number of sampled tokens of
each. It returns a number in [0, 1] for each completion. Plugin files may define more (``--plugin FILE``).
``docs/recipes.md`` describes what each one measures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from paqa_builder import registry
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

registry.declare("reward", REWARDS)

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
    """The rewards with a weight other than 0, in the order of the configuration.

    Args:
        weights: Name of a reward to its weight.
        budget: Most tokens of a completion.

    Raises:
        ConfigError: A name is unknown, or no reward has a weight.
    """
    known = {name: registry.get("reward", name) for name in weights}
    chosen = {name: known[name] for name, weight in weights.items() if weight}
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
    """The weighted sum of the rewards of each completion."""
    values_by_reward = [
        [weights[name] * value for value in reward(completions, rows, tokens)]
        for name, reward in select(weights, budget).items()
    ]
    return [sum(values) for values in zip(*values_by_reward, strict=True)]
