"""Supervised fine-tuning on audio: TRL's trainer with pauses in its batches."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from typing import Any

from trl import SFTTrainer

from recipes import run
from recipes.data.collate import ERROR, IGNORE, ROWS
from recipes.families import Family
from recipes.layers.last_layer import outputs_from
from recipes.pauses.insertion import Inserter


class Trainer(run.Reloading, SFTTrainer):
    """TRL's SFT trainer with inserted pauses.

    It records the log-likelihood of every target token, from which the inserter chooses positions.

    Args:
        family: Family of the model.
        inserter: Inserts the pauses; None for no pauses.
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

    def get_batch_samples(self, *args: Any, **options: Any) -> Any:
        """The next batches.

        Raises:
            PaqaError: A loader process could not collate one of them.
        """
        batches, count = super().get_batch_samples(*args, **options)
        for batch in batches:
            if ERROR in batch:
                raise batch[ERROR]
        return batches, count

    def compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any, **options: Any) -> Any:
        """The loss of SFTTrainer on a batch with pauses."""
        inserter = self.inserter if model.training else None
        if inserter is not None:
            inputs = inserter.insert(inputs, self.state.global_step)
        row_ids, begin = inputs.pop(ROWS), 0
        if not inputs["labels"].is_cuda:
            inputs, begin = _from_first_label(inputs)
        core = self.family.core(model)
        outputs: list[Any] = []  # the trainer does not return the log-likelihoods
        with (
            model.register_forward_hook(lambda module, positional, output: outputs.append(output)),
            core.base_model.register_forward_hook(partial(_cut, begin)),
            # Checkpointing would recompute the layer without the hooks.
            outputs_from(core, begin) if begin and not core.is_activation_checkpointing else nullcontext(),
        ):
            loss = super().compute_loss(model, inputs, *args, **options)
        if inserter is not None:
            inserter.likelihood.note(row_ids, inputs["labels"], outputs[-1].log_probs)
        return loss


def _from_first_label(inputs: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Cuts the labels before the first one that counts in any row; returns the batch and the cut's length.

    Without Triton, as on CPUs, TRL computes the head at all positions. In the laptop recipe a trace is a
    fifth of a row, and the head an eighth of a step.
    """
    labels = inputs["labels"]
    learned = (labels != IGNORE).any(0).nonzero()
    # The output before the first label predicts it.
    begin = max(0, int(learned[0]) - 1) if len(learned) else 0
    return inputs | {"labels": labels[:, begin:]}, begin


def _cut(begin: int, module: Any, positional: Any, output: Any) -> Any:
    """Forward hook of the backbone that passes the positions from ``begin`` on to the head."""
    output.last_hidden_state = output.last_hidden_state[:, begin:]
    return output
