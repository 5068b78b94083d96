"""Lean attention against transformers' eager attention."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from helpers.recipe_data import prompts_of
from torch import Tensor
from transformers.models.qwen2.modeling_qwen2 import eager_attention_forward

from recipes.families import FAMILIES, family
from recipes.layers import attention
from recipes.pauses import rollout


def tensors(heads: int, key_heads: int) -> list[Tensor]:
    torch.manual_seed(0)
    shapes = [(heads, 5), (key_heads, 7), (key_heads, 7)]
    return [torch.randn(3, n, length, 16).requires_grad_() for n, length in shapes]


def hidden() -> Tensor:
    """A causal mask of five queries on seven keys; the first row is padded, its first query sees nothing."""
    mask = torch.zeros(3, 1, 5, 7).masked_fill(torch.ones(5, 7).triu(3).bool(), torch.finfo().min)
    mask[0, :, 0] = torch.finfo().min
    return mask


@pytest.mark.parametrize("key_heads", [4, 2])
@pytest.mark.parametrize("masked", [True, False])
def test_outputs_and_gradients_are_those_of_eager_attention(key_heads: int, masked: bool) -> None:
    module = SimpleNamespace(num_key_value_groups=4 // key_heads, training=True)
    mask = hidden() if masked else None
    found = []
    for function in (attention.attend, eager_attention_forward):
        given = tensors(4, key_heads)
        out, _ = function(module, *given, mask, scaling=0.25)
        out.square().sum().backward()
        found.append([out, *(one.grad for one in given)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


def test_in_bfloat16_it_is_close_and_what_sees_nothing_is_finite() -> None:
    module = SimpleNamespace(num_key_value_groups=1, training=True)
    exact, _ = eager_attention_forward(module, *tensors(4, 4), hidden(), scaling=0.25)
    given = tensors(4, 4)
    with torch.autocast("cpu", torch.bfloat16):
        out, _ = attention.attend(module, *given, hidden(), scaling=0.25)
    out.float().square().sum().backward()
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out.float(), exact, atol=0.03, rtol=0.03)
    assert all(one.grad is not None and one.grad.isfinite().all() for one in given)


@pytest.mark.parametrize("name", list(FAMILIES))
def test_a_model_says_the_same_with_it(name: str) -> None:
    attention.register()
    kind = family(name)
    model, processor = kind.tiny()
    batch = prompts_of(kind, processor)
    special = rollout.Special(pad=processor.tokenizer.pad_token_id, eos=tuple(kind.end_ids(model, processor)))
    found = []
    for own in ("eager", attention.LEAN):
        model.set_attn_implementation(own)
        with torch.no_grad():
            scores = model.eval()(**batch).logits[:, -1]
        made = rollout.generate(model, batch, special, 8, sampling=rollout.Sampling(greedy=True))
        found.append((scores, made.tokens))
    torch.testing.assert_close(found[0][0], found[1][0], atol=1e-4, rtol=1e-4)
    assert found[0][1] == found[1][1]
