"""Tiny models and prompts for the tests of rollouts."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from recipes.families import family
from recipes.pauses import rollout
from recipes.pauses.pause import add_pause_token
from recipes.pauses.sampling import Sampling, Special

BUDGET = 36
SHORT = {
    "n": 3, "window": 5, "tau": 0.7, "max_triggers": 2, "cooldown": 4, "min_tokens": 2, "reserve": 4,
}  # fmt: skip
Made = tuple[Any, dict[str, torch.Tensor], Special]


def make(name: str) -> Made:
    """A tiny model whose confidences vary and whose answers end, three prompts of different lengths."""
    kind = family(name)
    model, processor = kind.tiny()
    pause = add_pause_token(model, processor)
    ends = kind.end_ids(model, processor)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        head = model.get_output_embeddings().weight
        head.copy_(torch.randn(head.shape, generator=generator) * 1.5)
        head[ends[0]] = head[50:80].mean(0) * 3
    rate, random = kind.rate(processor), np.random.default_rng(0)
    clips = [random.normal(0, 0.1, round(rate * s)).astype(np.float32) for s in (1.0, 0.6, 1.7)]
    texts = [kind.text(processor, "What is heard?" + " and" * 4 * i) for i in range(3)]
    inputs = dict(kind.process(processor, texts, clips))
    assert inputs["attention_mask"].sum(1).unique().numel() == 3
    special = Special(
        processor.tokenizer.pad_token_id, tuple(ends), pause, banned=(kind.placeholder_id(model),)
    )
    # Where the model says its sixth words, it is as likely to pause.
    sixth = [row[5] for row in rollout.generate(model, inputs, special, 6, sampling=Sampling(seed=5)).tokens]
    with torch.no_grad():
        head[pause] = head[sixth].sum(0)
    return model, inputs, special
