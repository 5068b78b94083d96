"""Supervised fine-tuning on audio: TRL's trainer, with pauses in its batches."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from typing import Any

from trl import SFTTrainer

from recipes import run
from recipes.data.collate import IGNORE, ROWS
from recipes.families import Family
from recipes.layers.last_layer import outputs_from
from recipes.pauses.insertion import Inserter


class Trainer(run.Reloading, SFTTrainer):
    """SFT that puts pauses into its batches and learns from the loss where they belong.

    Args:
        family: Of the model.
        inserter: None for no pauses.
    """

    def __init__(
        self,
        *args: Any,
        family: Family,
        inserter: Inserter | None = None,
        **options: Any,
    ) -> None:
        self.family, self.inserter = family, inserter
        super().__init__(*args, **options)

    def compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any, **options: Any) -> Any:
        """As in SFT, on a batch with pauses."""
        inserter = self.inserter if model.training else None
        if inserter is not None:
            inputs = inserter.insert(inputs, self.state.global_step)
        row_ids, begin = inputs.pop(ROWS), 0
        if not inputs["labels"].is_cuda:
            inputs, begin = _from_first_label(inputs)
        core = self.family.core(model)
        seen: list[Any] = []  # the trainer keeps the log-likelihoods to itself
        with (
            model.register_forward_hook(lambda module, positional, output: seen.append(output)),
            core.base_model.register_forward_hook(partial(_cut, begin)),
            # What checkpointing computes again, it would compute without the hooks.
            outputs_from(core, begin) if begin and not core.is_activation_checkpointing else nullcontext(),
        ):
            loss = super().compute_loss(model, inputs, *args, **options)
        if inserter is not None:
            inserter.likelihood.note(row_ids, inputs["labels"], seen[-1].log_probs)
        return loss


def _from_first_label(inputs: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """A batch without the labels before the first that counts in any row, and how many these are.

    TRL's head reads all positions where it has no Triton, on CPUs: a trace is a fifth of a laptop's row,
    and the head an eighth of its step.
    """
    labels = inputs["labels"]
    learned = (labels != IGNORE).any(0).nonzero()
    # The output before the first label predicts it.
    begin = max(0, int(learned[0]) - 1) if len(learned) else 0
    return inputs | {"labels": labels[:, begin:]}, begin


def _cut(begin: int, module: Any, positional: Any, output: Any) -> Any:
    """A hook of a backbone: the head sees the positions from ``begin`` on."""
    output.last_hidden_state = output.last_hidden_state[:, begin:]
    return output
