"""Optimiser with Muon for the matrices of a decoder and AdamW for all other parameters.

A decoder with random initial weights learns to answer from its caption in half the steps of AdamW
(docs/recipes.md). Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon) is meant for hidden matrices
only; embeddings, head, projector, norms and biases use AdamW.

``torch.optim.Muon`` orthogonalises one matrix after the other in bfloat16. On a CPU without bfloat16 that
takes longer than the rest of a laptop's step. Here all matrices of one shape are orthogonalised at once, on
such CPUs in their own precision.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch

from recipes import run

# Coefficients of Jordan et al.: singular values converge to between 0.7 and 1.2.
_COEFFICIENTS, _STEPS = (3.4445, -4.7750, 2.0315), 5


def orthogonal(matrices: torch.Tensor) -> torch.Tensor:
    """Approximates the nearest orthogonal matrices by five quintic Newton-Schulz steps.

    Args:
        matrices: ``[n, rows, columns]``.
    """
    a, b, c = _COEFFICIENTS
    tall = matrices.shape[1] > matrices.shape[2]
    wide = matrices.mT if tall else matrices
    wide = wide / wide.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    if matrices.is_cuda or (matrices.device.type == "cpu" and run.cpu_has_bfloat16()):
        wide = wide.bfloat16()
    for _ in range(_STEPS):
        gram = wide @ wide.mT
        wide = torch.baddbmm(wide, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), wide, beta=a)
    return (wide.mT if tall else wide).to(matrices.dtype)


class Muon(torch.optim.Optimizer):
    """Muon (Jordan et al. 2024): SGD with orthogonalised Nesterov momentum.

    Args:
        params: Parameters of two dimensions.
        lr: Learning rate; tall matrices scale it by the square root of rows / columns.
        momentum: Decay of the momentum.
        weight_decay: Decoupled weight decay, as in AdamW.
    """

    def __init__(
        self,
        params: Iterable[torch.nn.Parameter],
        lr: float = 0.02,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Updates all matrices that have a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[torch.nn.Parameter]] = defaultdict(list)
            for weight in group["params"]:
                if weight.grad is not None:
                    by_shape[weight.shape].append(weight)
            for (rows, columns), weights in by_shape.items():
                momenta = torch.stack([self._momentum(weight, group["momentum"]) for weight in weights])
                size = group["lr"] * max(1.0, rows / columns) ** 0.5
                for weight, update in zip(weights, orthogonal(momenta), strict=True):
                    weight.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-size)
        return loss

    def _momentum(self, weight: torch.nn.Parameter, share: float) -> torch.Tensor:
        assert weight.grad is not None
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        state["momentum"].lerp_(weight.grad, 1 - share)
        return weight.grad.lerp(state["momentum"], share)


class MuonAdamW(torch.optim.Optimizer):
    """Muon and AdamW as one optimiser, with the parameter groups of both.

    Args:
        matrices: Parameters of two dimensions, for Muon.
        others: Parameters for AdamW.
        matrix_learning_rate: Learning rate of Muon, much larger than that of AdamW.
        learning_rate: Learning rate of AdamW.
        weight_decay: Weight decay of both.
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
            Muon(matrices, lr=matrix_learning_rate, weight_decay=weight_decay),
            torch.optim.AdamW(others, lr=learning_rate, betas=(0.9, 0.98), weight_decay=weight_decay),
        )
        super().__init__(self._groups(), {})

    def _groups(self) -> list[dict[str, Any]]:
        return [group for part in self.parts for group in part.param_groups]

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Runs one step of both."""
        muon, adamw = self.parts
        loss = muon.step(closure)
        adamw.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """The states of both, in a format for :meth:`load_state_dict` only."""
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Loads the states of both."""
        for part, state in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self.param_groups = self._groups()  # loading has replaced them


def for_model(
    model: torch.nn.Module,
    decoder: torch.nn.Module,
    *,
    matrix_learning_rate: float,
    learning_rate: float,
    weight_decay: float,
) -> MuonAdamW:
    """The optimiser of a model's trainable parameters.

    Args:
        decoder: The model's decoder without the head; the matrices of its layers use Muon.
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
