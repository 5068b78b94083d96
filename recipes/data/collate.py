"""From rows to a batch of stage I: the prompt is read, the trace is learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from paqa_builder.errors import ConfigError
from recipes.data import audio, prompts
from recipes.data.rows import Row
from recipes.families import Family

IGNORE = -100
ROWS = "row_ids"


class Collator:
    """Makes batches; picklable, so that other processes can.

    The prompt goes through the family's processor, which expands the audio placeholder; the target's
    tokens are put behind it, just as generation does it. So nothing has to be found out about where
    the prompt ends, and no token spans the border.

    Args:
        rows: Rows to which ``{"index": n}`` of the data set refers; None for a data set of ``{"row": Row}``.
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
            The model's inputs, padded on the right; ``labels``, -100 on all but the target; and the
            rows' ids under ``row_ids``, which are no input of the model.
        """
        if self.rows is None:
            rows = [example["row"] for example in examples]
        else:
            rows = [self.rows[example["index"]] for example in examples]
        rate = self.family.rate(self.processor)
        heads = [self.family.text(self.processor, prompts.prompt(row)) for row in rows]
        clips = [audio.samples(row, rate, self.max_seconds) for row in rows]
        batch = dict(self.family.process(self.processor, heads, clips, side="right"))
        lengths = batch.pop("attention_mask").sum(1).tolist()
        ids = [line[:length] for line, length in zip(batch.pop("input_ids"), lengths, strict=True)]
        targets = [self.target_ids(row, head) for row, head in zip(rows, heads, strict=True)]
        labels = [
            torch.cat([torch.full_like(head, IGNORE), target])
            for head, target in zip(ids, targets, strict=True)
        ]
        full = [torch.cat(parts) for parts in zip(ids, targets, strict=True)]
        return {
            **pad(full, labels, self.processor.tokenizer.pad_token_id),
            **batch,
            ROWS: [row.id for row in rows],
        }

    def target_ids(self, row: Row, head: str) -> Tensor:
        """The tokens of a row's target, up to and with the one that ends an answer."""
        target = prompts.target(row, self.style)
        text = self.family.text(self.processor, prompts.prompt(row), target)
        if not text.startswith(head + target):
            raise ConfigError("the chat template does not put the answer behind the prompt as it is")
        tokenizer = self.processor.tokenizer
        ids = tokenizer.encode(text[len(head) :], add_special_tokens=False)
        if tokenizer.eos_token_id not in ids:
            raise ConfigError(f"the chat template does not end an answer with {tokenizer.eos_token}")
        return torch.tensor(ids[: ids.index(tokenizer.eos_token_id) + 1])


def pad(ids: Sequence[Tensor], labels: Sequence[Tensor], pad_id: int) -> dict[str, Tensor]:
    """Rows of different lengths as a batch, filled up on the right."""
    from torch.nn.utils.rnn import pad_sequence

    return {
        "input_ids": pad_sequence(list(ids), batch_first=True, padding_value=pad_id),
        "attention_mask": pad_sequence([torch.ones_like(one) for one in ids], batch_first=True),
        "labels": pad_sequence(list(labels), batch_first=True, padding_value=IGNORE),
    }
