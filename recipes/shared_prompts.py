"""Log-probabilities of a group's completions, with its prompt read once.

The completions of a group in GRPO have their prompt in common, and with a clip in it the prompt is most
of what they are: read once a group and not once a completion, a training step of the laptop's model goes
through 4,100 tokens in place of 14,000. The gradient goes through the shared keys and values; it is the
same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from recipes.rollout import LastPosition


def reader(
    model: Any,
    core: Any,
    input_ids: Tensor,
    attention_mask: Tensor,
    logits_to_keep: int,
    clips: Tensor,
    heard: Mapping[str, Tensor],
) -> tuple[Callable[..., Any], Tensor, Tensor]:
    """Reads the prompts, all but their last token, whose output is the first that counts.

    Args:
        model: As the trainer calls it.
        core: The same without wrappers.
        input_ids: Prompts, padded on the left, and completions: ``[completions, length]``.
        attention_mask: Of the same shape.
        logits_to_keep: Length of the completions.
        clips: Of each completion, which prompt it has, ``[completions]``.
        heard: The audio tensors of all prompts.

    Returns:
        A stand-in for the model that goes on from there, and what to call it with: the remaining ids and
        their mask.
    """
    once, source = clips.unique(return_inverse=True)
    some = torch.empty_like(once)
    some[source] = torch.arange(len(clips), device=clips.device)  # a completion of each prompt
    begin = input_ids.shape[1] - logits_to_keep - 1
    positions = (attention_mask.long().cumsum(1) - 1).clamp(min=0)
    with LastPosition(core):
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
