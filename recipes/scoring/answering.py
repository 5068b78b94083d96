"""Inference: completions of a model for rows, on the real audio or on a control.

The controls measure how much of a score depends on the audio: *silent* is digital silence of the clip's
length, *shuffled* is the clip of another question.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from torch import Tensor

from recipes import config, run
from recipes.data import audio, collate
from recipes.data.rows import Row
from recipes.families import Family, family
from recipes.pauses import rollout
from recipes.pauses.pause import TOKEN, add_pause_token
from recipes.pauses.rollout import special_tokens
from recipes.sections import PauseConfig

AudioCondition = Literal["real", "silent", "shuffled"]


@dataclass(frozen=True)
class Answers:
    """Completions of one pass over the rows, in their order.

    Attributes:
        texts: Completions without pauses and control tokens.
        tokens: Sampled tokens of each completion, without pauses.
        pauses: Pauses of each completion.
        seconds: Wall time of the whole pass.
    """

    texts: list[str]
    tokens: list[int]
    pauses: list[int]
    seconds: float


@dataclass
class Answerer:
    """Generates answers with a model.

    Args:
        max_new_tokens: Most tokens of a completion, pauses included.
        pause: When to pause; None: never.
        max_seconds: Longer clips are cut.
        autocast: Process the prompts in bfloat16.
    """

    family: Family
    model: Any
    processor: Any
    max_new_tokens: int = 768
    pause: PauseConfig | None = None
    max_seconds: float = 30.0
    autocast: bool = False
    pause_token: str = TOKEN

    def __post_init__(self) -> None:
        self._special = special_tokens(self.family, self.model, self.processor, self.pause, self.pause_token)

    def ask(
        self,
        rows: Sequence[Row],
        *,
        condition: AudioCondition = "real",
        sampling: rollout.Sampling = rollout.Sampling(greedy=True),  # noqa: B008 (frozen)
        samples: int = 1,
        greedy_first: bool = False,
        batch: int = 16,
        budget: int | None = None,
    ) -> list[Answers]:
        """Answers every row.

        Args:
            samples: Completions a row.
            greedy_first: The first completion of each row is greedy, whatever ``sampling`` is. It shares
                the prompt's forward pass with the sampled ones.
            batch: Rows at a time.
            budget: Most tokens of a completion, pauses included; ``max_new_tokens`` by default.

        Returns:
            One pass for each sample.
        """
        clips = audio_rows(rows, condition)
        passes: list[list[tuple[str, int, int]]] = [[] for _ in range(samples)]
        began = time.monotonic()
        for start in range(0, len(rows), batch):
            inputs = self.inputs(rows[start : start + batch], clips[start : start + batch], condition)
            count = len(rows[start : start + batch])
            seed = None if sampling.seed is None else sampling.seed + start
            completions = rollout.generate(
                self.model,
                inputs,
                self._special,
                budget or self.max_new_tokens,
                sampling=replace(sampling, seed=seed),
                pause=self.pause,
                source=[place for place in range(count) for _ in range(samples)],
                greedy=[n == 0 for _ in range(count) for n in range(samples)] if greedy_first else None,
                autocast=self.autocast,
            )
            chosen = completions.chosen()
            texts = self.processor.tokenizer.batch_decode(chosen, skip_special_tokens=True)
            for place, (text, tokens) in enumerate(zip(texts, chosen, strict=True)):
                passes[place % samples].append((text.strip(), len(tokens), completions.triggers[place]))
        seconds = (time.monotonic() - began) / samples
        return [
            Answers(
                [text for text, *_ in answers], [n for _, n, _ in answers], [p for *_, p in answers], seconds
            )
            for answers in passes
        ]

    def inputs(
        self, rows: Sequence[Row], clips: Sequence[Row], condition: AudioCondition
    ) -> dict[str, Tensor]:
        """The model's inputs for the questions of ``rows`` with the audio of ``clips``."""
        sounds = collate.samples(self.family, self.processor, clips, self.max_seconds)
        if condition == "silent":
            sounds = [np.zeros_like(sound) for sound in sounds]
        return collate.generation_batch(self.family, self.model, self.processor, rows, sounds)


def load_answerer(settings: config.Config, folder: Path | str, pauses: bool) -> Answerer:
    """Loads a model for inference.

    Args:
        folder: Folder or Hub name of the model.
        pauses: Whether it pauses. A model without the pause token gets it.
    """
    kind = family(settings.model.family)
    model, processor = kind.load(settings.model.model_copy(update={"path": str(folder)}))
    add_pause_token(model, processor, settings.pause.token)
    audio.cache_features(processor.feature_extractor, settings.data.mel_cache_mb << 20)
    return Answerer(
        kind,
        model.eval().to(run.device(settings.model)),
        processor,
        max_new_tokens=settings.evaluate.max_new_tokens,
        pause=settings.pause if pauses else None,
        max_seconds=settings.data.max_seconds,
        autocast=run.autocasts(settings.model),
        pause_token=settings.pause.token,
    )


def audio_rows(rows: Sequence[Row], condition: AudioCondition) -> list[Row]:
    """The row that provides the audio of each question: itself, or for ``shuffled`` one of another clip.

    The list of clips is rotated by half its length.
    """
    if condition != "shuffled":
        return list(rows)
    first: dict[str, Row] = {}
    for row in rows:
        first.setdefault(row.clip_id, row)
    clips = list(first)
    shift = max(1, len(clips) // 2)
    other = {clip: clips[(place + shift) % len(clips)] for place, clip in enumerate(clips)}
    return [first[other[row.clip_id]] for row in rows]


def latency(answerer: Answerer, rows: Sequence[Row]) -> dict[str, float]:
    """Mean latency of one question at batch size 1.

    Returns:
        ``first_token`` and ``answer`` in seconds, ``tokens`` (sampled) and ``pauses``.
    """
    answerer.ask(rows[:1], batch=1)  # warm-up: first calls compile kernels and read files
    first, answers = [], []
    for row in rows:
        first.append(answerer.ask([row], batch=1, budget=1)[0].seconds)
        answers += answerer.ask([row], batch=1)
    return {
        "first_token": float(np.mean(first)),
        "answer": float(np.mean([answer.seconds for answer in answers])),
        "tokens": float(np.mean([answer.tokens for answer in answers])),
        "pauses": float(np.mean([answer.pauses for answer in answers])),
    }
