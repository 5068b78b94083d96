"""Sampling options, special tokens, and results of rollouts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor
from transformers.generation.logits_process import (
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)


@dataclass(frozen=True, slots=True)
class Sampling:
    """Sampling options.

    Attributes:
        greedy: Take the most likely token and ignore the other options.
        seed: Seed of the random numbers; None: drawn from torch's global generator.
    """

    greedy: bool = False
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    seed: int | None = None

    def warp(self, scores: Tensor) -> Tensor:
        """Logits of the sampling distribution."""
        none: Any = None  # input ids, which these processors do not use
        if self.temperature != 1.0:
            scores = TemperatureLogitsWarper(self.temperature)(none, scores)
        if self.top_k:
            scores = TopKLogitsWarper(self.top_k)(none, scores)
        if self.top_p < 1.0:
            scores = TopPLogitsWarper(self.top_p)(none, scores)
        if self.min_p:
            scores = MinPLogitsWarper(self.min_p)(none, scores)
        return scores


@dataclass(frozen=True, slots=True)
class Special:
    """Ids of special tokens.

    Attributes:
        pad: Padding token.
        eos: End-of-sequence tokens; an aborted rollout ends with the first one.
        forced: Token of pauses; None without pauses.
        banned: Tokens that are never sampled, such as the audio placeholder.
    """

    pad: int
    eos: tuple[int, ...]
    forced: int | None = None
    banned: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Rollout:
    """Completions, one list for each row, cut after the first end of sequence.

    Attributes:
        tokens: Token ids.
        forced: Whether each token was forced and not sampled.
        logprobs: Log-probability of each token at the sampling temperature over the whole vocabulary,
            as the trainer computes it; 0 for forced tokens.
        aborted: Whether each row was aborted.
        triggers: Pauses of each row.
        stats: Means by metric name.
    """

    tokens: list[list[int]]
    forced: list[list[bool]]
    logprobs: list[list[float]]
    aborted: list[bool]
    triggers: list[int]
    stats: dict[str, float] = field(default_factory=dict)

    def chosen(self) -> list[list[int]]:
        """The sampled tokens of each row."""
        return [
            [token for token, forced in zip(*row, strict=True) if not forced]
            for row in zip(self.tokens, self.forced, strict=True)
        ]
