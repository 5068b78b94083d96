"""Attention for small models on a CPU (``model.attention: lean``).

With heads of a few dozen channels, memory traffic of the scores costs more than the products. transformers'
eager attention copies the scores to float32 and back, and torch's fused kernel recomputes them for gradients.
Here they are computed once and keep the type of the products; softmax accumulates in float32.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import dropout as drop
from torch.nn.functional import pad
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import repeat_kv
from transformers.masking_utils import eager_mask

from recipes.layers.last_layer import WANTED

LEAN = "lean"


def attend(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attention with the interface of transformers' attention functions.

    Args:
        query: ``[batch, heads, queries, width]``.
        key, value: ``[batch, heads or a divisor of it, keys, width]``.
        attention_mask: Added to the scores, ``[batch, 1, queries, keys]``.

    Returns:
        ``[batch, queries, heads, width]``, and None for the weights. The output is 0 before the first wanted
        position of ``module`` (:mod:`recipes.layers.last_layer`).
    """
    begin, queries = getattr(module, WANTED, 0), query.shape[2]
    query = query[:, :, begin:]
    groups = query.shape[1] // key.shape[1]
    key, value = repeat_kv(key, groups), repeat_kv(value, groups)
    scaling = query.shape[-1] ** -0.5 if scaling is None else scaling
    scores = torch.matmul(query * scaling, key.transpose(2, 3))
    if attention_mask is not None:
        # The least number of one type is infinite in another, and a row of infinities has no softmax.
        least = torch.finfo(scores.dtype).min
        scores += attention_mask[:, :, begin:].clamp(min=least).to(scores.dtype)
    weights = drop(scores.softmax(-1), dropout, training=module.training)
    output = torch.matmul(weights, value).transpose(1, 2)
    left_out = queries - output.shape[1]
    return (pad(output, (0, 0, 0, 0, left_out, 0)) if left_out else output).contiguous(), None


def register() -> None:
    """Registers ``lean`` attention with transformers."""
    AttentionInterface.register(LEAN, attend)
    AttentionMaskInterface.register(LEAN, eager_mask)
