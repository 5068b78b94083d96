"""Attention for small models on a CPU, as transformers' eager one but with less to read and write.

With heads of a few dozen channels the products are the least of it: the scores are, which transformers'
eager attention copies to float32 and back, and torch's fused kernel computes again for gradients. Here they
are made once and stay in the type that the products are made in; softmax sums in float32 inside.
Set ``model.attention: lean``.
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
    """What each query sees, as transformers' attention functions give it.

    Args:
        query: ``[batch, heads, queries, width]``.
        key, value: ``[batch, heads or a divisor of it, keys, width]``.
        attention_mask: Added to the scores, ``[batch, 1, queries, keys]``.

    Returns:
        ``[batch, queries, heads, width]``, and no weights. Zeros where ``module`` says that nothing is wanted
        (:mod:`recipes.layers.last_layer`).
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
    seen = torch.matmul(weights, value).transpose(1, 2)
    left_out = queries - seen.shape[1]
    return (pad(seen, (0, 0, 0, 0, left_out, 0)) if left_out else seen).contiguous(), None


def register() -> None:
    """Makes it known to transformers."""
    AttentionInterface.register(LEAN, attend)
    AttentionMaskInterface.register(LEAN, eager_mask)
