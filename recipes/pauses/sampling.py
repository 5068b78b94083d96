"""What a rollout is asked for, and what it gives."""

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
    """How tokens are drawn.

    Attributes:
        greedy: Take the likeliest token; the rest is ignored.
        seed: Same seed, same tokens; None: drawn from torch's own generator.
    """

    greedy: bool = False
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    seed: int | None = None

    def warp(self, scores: Tensor) -> Tensor:
        """Logits of the distribution that is drawn from."""
        none: Any = None  # the tokens so far, which none of these looks at
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
    """Tokens with a meaning.

    Attributes:
        eos: What ends a completion; the first one is what an aborted rollout ends with.
        forced: What pauses consist of; None without pauses.
        banned: Never sampled: the audio placeholder, which would ask for audio that is not there.
    """

    pad: int
    eos: tuple[int, ...]
    forced: int | None = None
    banned: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Rollout:
    """Completions, a list a row. Everything after the first end of sequence is cut.

    Attributes:
        forced: True where the policy did not choose the token.
        logprobs: Log-probability of each token at the sampling temperature over the whole vocabulary,
            as the trainer computes it; 0 where forced.
        aborted: Rows that were given up.
        triggers: Pauses of each row.
        stats: Means by the names under which they are logged.
    """

    tokens: list[list[int]]
    forced: list[list[bool]]
    logprobs: list[list[float]]
    aborted: list[bool]
    triggers: list[int]
    stats: dict[str, float] = field(default_factory=dict)

    def chosen(self) -> list[list[int]]:
        """The tokens that the policy chose."""
        return [
            [token for token, forced in zip(*row, strict=True) if not forced]
            for row in zip(self.tokens, self.forced, strict=True)
        ]
