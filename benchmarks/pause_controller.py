"""Forced pauses in transformers' ``generate``, with one forced token in each step (baseline)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from transformers import LogitsProcessor

from recipes.pauses.pause import PauseState
from recipes.sections import PauseConfig


class PauseController(LogitsProcessor):
    """Logits processor that forces pauses token by token; for a single call of ``model.generate``.

    :mod:`recipes.pauses.rollout` makes the same decisions with one forward pass for each pause.

    Args:
        config: Configuration of pauses.
        token_id: The forced token.
        eos_ids: Tokens that end a completion; an aborted completion gets the first.
        budget: ``max_new_tokens`` of the call.
        seed: Seed of the random trigger.
    """

    supports_continuous_batching = False

    def __init__(
        self, config: PauseConfig, token_id: int, eos_ids: Iterable[int], budget: int, seed: int = 0
    ) -> None:
        self.config, self.token_id, self.budget, self.seed = config, token_id, budget, seed
        self._eos = list(dict.fromkeys(eos_ids))
        self.state: PauseState | None = None
        self._steps: list[Tensor] = []

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Forces the pause token or the end of a completion on rows that need it."""
        if self.state is None:
            self._begin(scores)
        state = self.state
        assert state is not None
        if scores.shape[0] != len(self.done):
            raise RuntimeError(
                "rows changed during generation: beam search and assisted decoding cannot pause"
            )
        last = input_ids[:, -1]
        if self._steps:
            self.done |= torch.isin(last, self._eos_ids)
            fresh = (~self.done & ~self._steps[-1]).nonzero()[:, 0]
            began = fresh[state.took(last[fresh], fresh)]
            self._left[began] = self.config.n - 1
        forced = ~self.done & (self._left > 0)
        self._left -= forced.long()
        rows = (~self.done & ~forced).nonzero()[:, 0]
        scores = scores.clone()
        if len(rows):
            scores[rows] = state.forbid(scores[rows], rows)
            pause, abort = state.decide(scores[rows], rows)
            self._left[rows[pause]] = self.config.n - 1
            forced[rows[pause]] = True
            self.aborted[rows[abort]] = True
            scores[rows[abort]] = _only(scores, self._eos[0])
        scores[forced] = _only(scores, self.token_id)
        self._steps.append(forced | (self.aborted & ~self.done))
        return scores

    def forced_mask(self) -> Tensor:
        """Mask of forced tokens, ``bool [rows, steps]``: pauses, and the end of aborted completions."""
        return torch.stack(self._steps, 1)

    def _begin(self, scores: Tensor) -> None:
        rows, device = scores.shape[0], scores.device
        self.state = PauseState(self.config, self.token_id, rows, self.budget, device, self.seed)
        self._eos_ids = torch.tensor(self._eos, device=device)
        self.done = torch.zeros(rows, dtype=torch.bool, device=device)
        self.aborted = torch.zeros(rows, dtype=torch.bool, device=device)
        self._left = torch.zeros(rows, dtype=torch.long, device=device)


def _only(scores: Tensor, token: int) -> Tensor:
    row = torch.full_like(scores[0], -torch.inf)
    row[token] = 0.0
    return row
