"""Batches of rows: training batches of stage I, and prompts for generation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import get_worker_info

from paqa_builder.errors import ConfigError, PaqaError
from recipes.data import audio, prompts
from recipes.data.rows import Row
from recipes.families import Family

IGNORE = -100
ROWS = "row_ids"
ERROR = "error"
"""Key of the error that a batch of a loader process holds in place of inputs."""


class Collator:
    """Collates training batches of stage I. Picklable, for use in worker processes.

    The family's processor tokenizes the prompt and expands the audio placeholder. The tokens of the target
    are appended, as in generation, so no token spans the end of the prompt.

    Args:
        rows: Rows that ``{"index": n}`` of the data set refers to; None for a data set of ``{"row": Row}``.
        style: Style of the traces (:func:`recipes.data.prompts.target`).
        max_seconds: Longer clips are cut.
    """

    def __init__(
        self,
        family: Family,
        processor: Any,
        rows: Sequence[Row] | None = None,
        *,
        style: Literal["full", "terse"] = "full",
        max_seconds: float = 30.0,
    ) -> None:
        self.family, self.processor, self.rows = family, processor, rows
        self.style, self.max_seconds = style, max_seconds

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Collates a batch.

        Returns:
            The model's inputs, padded on the right; ``labels``, -100 outside the target; and ``row_ids``,
            the rows' ids, which the model does not take. In a loader process a :class:`PaqaError` is
            returned under ``error``: torch would raise it with a traceback for its message.
        """
        try:
            return self._collate(examples)
        except PaqaError as error:
            if get_worker_info() is None:
                raise
            return {ERROR: error}

    def _collate(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        if self.rows is None:
            rows = [example["row"] for example in examples]
        else:
            rows = [self.rows[example["index"]] for example in examples]
        texts = prompt_texts(self.family, self.processor, rows)
        clips = samples(self.family, self.processor, rows, self.max_seconds)
        batch = dict(self.family.process(self.processor, texts, clips, side="right"))
        lengths = batch.pop("attention_mask").sum(1).tolist()
        heads = [ids[:length] for ids, length in zip(batch.pop("input_ids"), lengths, strict=True)]
        targets = [self.target_ids(row, text) for row, text in zip(rows, texts, strict=True)]
        ids = [torch.cat(parts) for parts in zip(heads, targets, strict=True)]
        ignored = [torch.full_like(head, IGNORE) for head in heads]
        labels = [torch.cat(parts) for parts in zip(ignored, targets, strict=True)]
        return {
            **pad(ids, labels, self.processor.tokenizer.pad_token_id),
            **batch,
            ROWS: [row.id for row in rows],
        }

    def target_ids(self, row: Row, head: str) -> Tensor:
        """The tokens of a row's target, including the end-of-answer token.

        Args:
            head: The row's prompt as text.

        Raises:
            ConfigError: The chat template changes the target, or lacks the end-of-answer token.
        """
        target = prompts.target(row, self.style)
        text = self.family.text(self.processor, prompts.prompt(row), target)
        if not text.startswith(head + target):
            raise ConfigError("the chat template must put the answer unchanged after the prompt")
        tokenizer = self.processor.tokenizer
        ids = tokenizer.encode(text[len(head) :], add_special_tokens=False)
        if tokenizer.eos_token_id not in ids:
            raise ConfigError(f"the chat template does not end an answer with {tokenizer.eos_token}")
        return torch.tensor(ids[: ids.index(tokenizer.eos_token_id) + 1])


def prompt_texts(family: Family, processor: Any, rows: Sequence[Row]) -> list[str]:
    """The prompts of rows in the chat format of a family."""
    return [family.text(processor, prompts.prompt(row)) for row in rows]


def samples(family: Family, processor: Any, rows: Sequence[Row], max_seconds: float) -> list[np.ndarray]:
    """The clips of rows at the sampling rate of a family."""
    return [audio.samples(row, family.rate(processor), max_seconds) for row in rows]


def generation_batch(
    family: Family,
    model: Any,
    processor: Any,
    rows: Sequence[Row],
    clips: Sequence[np.ndarray],
    device: Any = None,
) -> dict[str, Tensor]:
    """The model's inputs to answer rows, padded on the left, in the model's type.

    Args:
        clips: One clip a row, from :func:`samples`.
        device: Where the inputs go; the model's device by default.
    """
    core = family.core(model)
    batch = family.process(processor, prompt_texts(family, processor, rows), clips)
    moved = {key: value.to(device or core.device) for key, value in batch.items()}
    return {k: v.to(core.dtype) if v.is_floating_point() else v for k, v in moved.items()}


def pad(ids: Sequence[Tensor], labels: Sequence[Tensor], pad_id: int) -> dict[str, Tensor]:
    """A batch of rows of different lengths, padded on the right."""
    from torch.nn.utils.rnn import pad_sequence

    return {
        "input_ids": pad_sequence(list(ids), batch_first=True, padding_value=pad_id),
        "attention_mask": pad_sequence([torch.ones_like(row) for row in ids], batch_first=True),
        "labels": pad_sequence(list(labels), batch_first=True, padding_value=IGNORE),
    }
