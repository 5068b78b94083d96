"""Rows that begin alike, with what they have in common read once.

The completions of a group in GRPO have their prompt in common, and with a clip in it the prompt is most
of what they are: read once a group and not once a completion, a training step of the laptop's model goes
through 4,100 tokens in place of 14,000. In stage I the questions on one clip have the clip in common. The
gradient goes through the shared keys and values; it is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from paqa_builder.errors import ConfigError
from recipes import config
from recipes.data.collate import IGNORE
from recipes.layers.last_layer import last_position


def check(setting: str, fix: str, model: config.Model) -> None:
    """Refuses what cannot be together with a setting by which rows share what they begin with.

    Raises:
        ConfigError: The model drops what it has computed.
    """
    if model.gradient_checkpointing:
        raise ConfigError(
            f"{setting} keeps keys and values, which gradient checkpointing drops",
            fix=f"--set {fix}, or --set model.gradient_checkpointing=false",
        )


def reader(
    model: Any,
    core: Any,
    input_ids: Tensor,
    attention_mask: Tensor,
    begin: int,
    alike: Tensor,
    heard: Mapping[str, Tensor],
) -> tuple[Callable[..., Any], Tensor, Tensor]:
    """Reads the beginnings.

    Args:
        model: As the trainer calls it.
        core: The same without wrappers.
        input_ids: Beginnings, padded on the left to ``begin``, and what follows: ``[rows, length]``.
        attention_mask: Of the same shape.
        begin: Tokens of a beginning. The output of its last one is not given.
        alike: Which beginning each row has, ``[rows]``: a row of ``heard``.
        heard: The audio tensors of the beginnings.

    Returns:
        A stand-in for the model that goes on from there, and what to call it with: the remaining ids and
        their mask.
    """
    once, source = alike.unique(return_inverse=True)
    some = torch.empty_like(once)
    some[source] = torch.arange(len(alike), device=alike.device)  # a row of each beginning
    positions = (attention_mask.long().cumsum(1) - 1).clamp(min=0)
    with last_position(core):
        read = model(
            input_ids=input_ids[some, :begin],
            attention_mask=attention_mask[some, :begin],
            position_ids=positions[some, :begin],
            use_cache=True,
            **{key: value[once] for key, value in heard.items()},
        )
    cache = read.past_key_values
    cache.batch_select_indices(source)

    rest: dict[str, Any] = {
        "attention_mask": attention_mask,  # of the whole, which is what the cache holds and what comes
        "position_ids": positions[:, begin:],
        "past_key_values": cache,
    }

    def go_on(**inputs: Any) -> Any:
        return model(**inputs | rest)

    return go_on, input_ids[:, begin:], attention_mask[:, begin:]


def turned(batch: Mapping[str, Tensor], lengths: Tensor, pad_id: int) -> tuple[dict[str, Tensor], int]:
    """Rows padded on the right, turned so that their beginnings end in one column.

    Args:
        batch: ``input_ids``, ``attention_mask`` and ``labels``, each ``[rows, length]``.
        lengths: Of each row's beginning, ``[rows]``.

    Returns:
        The same three, padded on the left of the beginnings and on the right of what follows, and the
        column at which that begins.
    """
    begin = int(lengths.max())
    rest = int((batch["attention_mask"].sum(1) - lengths).max())
    column = torch.arange(begin + rest, device=lengths.device) - (begin - lengths)[:, None]
    inside = (column >= 0) & (column < batch["attention_mask"].sum(1, keepdim=True))
    column = column.clamp(0, batch["input_ids"].shape[1] - 1)
    filled = {"input_ids": pad_id, "attention_mask": 0, "labels": IGNORE}
    return {
        key: batch[key].gather(1, column).masked_fill(~inside, value) for key, value in filled.items()
    }, begin
