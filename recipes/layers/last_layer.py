"""A decoder's last layer, and its head, where outputs are wanted at some positions only.

Keys and values of the last layer are wanted everywhere, but what comes out of it only where a token is
predicted. Before that its queries, its attention and its feed-forward part are computed for nothing. In
the laptop's decoder of two layers, with a clip in every prompt, that is three tenths of a training step.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import Tensor
from torch.nn.functional import pad

WANTED = "first_wanted"
"""Of an attention module: the first position whose output is wanted; see ``recipes.layers.attention``."""


@contextmanager
def outputs_from(model: Any, begin: int) -> Iterator[None]:
    """Within it a model's last layer puts out nothing of use before a position.

    What it puts out from there on is the same, and so is its gradient.

    Args:
        model: A causal language model of transformers, wrapped by PEFT or not.
        begin: The first position that is wanted; -1 is the last of each forward.
    """
    layer = model.get_decoder().layers[-1]
    attention = layer.self_attn
    with ExitStack() as stack:
        for part in (attention.q_proj, attention.o_proj, layer.mlp):
            cut = _Cut(begin)
            stack.enter_context(part.register_forward_pre_hook(cut.before))
            stack.enter_context(part.register_forward_hook(cut.after))
        setattr(attention, WANTED, begin)
        stack.callback(delattr, attention, WANTED)
        yield


@contextmanager
def last_position(model: Any) -> Iterator[None]:
    """Within it a model's last layer and its head give the last position alone.

    Logits of a whole prompt are large.
    """
    with outputs_from(model, -1), model.get_output_embeddings().register_forward_pre_hook(_Cut(-1).before):
        yield


class _Cut:
    """Hooks by which a module works from a position on, and gives zeros before it."""

    def __init__(self, begin: int) -> None:
        self.begin, self.left_out = begin, 0

    def before(self, module: Any, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        some = given[0][:, self.begin :]
        self.left_out = given[0].shape[1] - some.shape[1]
        return (some, *given[1:])

    def after(self, module: Any, given: Any, output: Tensor) -> Tensor:
        return pad(output, (0, 0, self.left_out, 0)) if self.left_out else output
