"""Muon for the matrices of a decoder, AdamW for all else: both of torch, under one optimiser's name.

A decoder that starts from random numbers learns to copy a choice from what it has heard in half the
steps that AdamW takes (docs/recipes.md). Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon)
is meant for hidden matrices only; embeddings, head, projector, norms and biases stay with AdamW.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch


class MuonAdamW(torch.optim.Optimizer):
    """Two optimisers that step together; their parameter groups are shared with schedulers.

    Args:
        matrices: Parameters of two dimensions, for Muon.
        others: Parameters for AdamW.
        matrix_learning_rate: Muon's; its updates are of one size, so it is far larger than AdamW's.
        learning_rate: AdamW's.
        weight_decay: Of both.
    """

    def __init__(
        self,
        matrices: Iterable[torch.nn.Parameter],
        others: Iterable[torch.nn.Parameter],
        *,
        matrix_learning_rate: float,
        learning_rate: float,
        weight_decay: float,
    ) -> None:
        self.parts: tuple[torch.optim.Optimizer, ...] = (
            torch.optim.Muon(matrices, lr=matrix_learning_rate, weight_decay=weight_decay),
            torch.optim.AdamW(others, lr=learning_rate, betas=(0.9, 0.98), weight_decay=weight_decay),
        )
        super().__init__(self._groups(), {})

    def _groups(self) -> list[dict[str, Any]]:
        return [group for part in self.parts for group in part.param_groups]

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step of both."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part in self.parts:
            part.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """The state of both, for :meth:`load_state_dict` only."""
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes up the state of both."""
        for part, state in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self.param_groups = self._groups()  # loading has replaced them


def of(
    model: torch.nn.Module,
    decoder: torch.nn.Module,
    *,
    matrix_learning_rate: float,
    learning_rate: float,
    weight_decay: float,
) -> MuonAdamW:
    """The optimiser of a model.

    Args:
        model: What of it learns is all that is optimised.
        decoder: Its language model without the head; the matrices of its layers go to Muon.
    """
    table = decoder.get_input_embeddings().weight  # type: ignore[operator]
    learned = [weight for weight in decoder.parameters() if weight.requires_grad]
    matrices = [weight for weight in learned if weight.ndim == 2 and weight is not table]
    chosen = {id(weight) for weight in matrices}
    others = [weight for weight in model.parameters() if weight.requires_grad and id(weight) not in chosen]
    return MuonAdamW(
        matrices,
        others,
        matrix_learning_rate=matrix_learning_rate,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
    )
