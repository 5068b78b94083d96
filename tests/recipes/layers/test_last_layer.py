"""The last layer at some positions: same outputs and gradients."""

from __future__ import annotations

from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
import torch
from helpers.recipe_data import prompts_of

from recipes.families import FAMILIES, family
from recipes.layers import attention, last_layer


def made(name: str, implementation: str) -> tuple[Any, Any]:
    """A tiny model in training, and a batch of it with padding."""
    attention.register()
    kind = family(name)
    model, processor = kind.tiny()
    model.set_attn_implementation(implementation)
    return model.train(), prompts_of(kind, processor)


def scores_and_gradients(
    model: Any, batch: Any, within: AbstractContextManager[None], begin: int
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    model.zero_grad()
    with within:
        scores = model(**batch).logits[:, begin:]
    scores.square().mean().backward()
    return scores, [weight.grad.clone() for weight in model.parameters() if weight.grad is not None]


@pytest.mark.parametrize("begin", [-1, -5, 3])
@pytest.mark.parametrize("implementation", [attention.LEAN, "eager", "sdpa"])
@pytest.mark.parametrize("name", list(FAMILIES))
def test_outputs_and_gradients_are_the_same(name: str, implementation: str, begin: int) -> None:
    model, batch = made(name, implementation)
    whole = scores_and_gradients(model, batch, nullcontext(), begin)
    some = scores_and_gradients(model, batch, last_layer.outputs_from(model, begin), begin)
    torch.testing.assert_close(whole, some, atol=1e-6, rtol=1e-4)


def test_only_the_last_position_is_computed_and_nothing_stays_behind() -> None:
    model, batch = made("qwen2_audio", attention.LEAN)
    read: Counter[str] = Counter()
    layers = model.get_decoder().layers
    parts = {"first": layers[0].mlp.gate_proj, "last": layers[-1].mlp.gate_proj}
    for name, part in {**parts, "head": model.get_output_embeddings()}.items():
        part.register_forward_hook(lambda _, given, out, name=name: read.update({name: given[0].shape[1]}))
    with last_layer.last_position(model):
        scores = model(**batch).logits
    assert read == {"first": batch["input_ids"].shape[1], "last": 1, "head": 1}
    torch.testing.assert_close(model(**batch).logits[:, -1:], scores)
    assert not hasattr(layers[-1].self_attn, last_layer.WANTED)
