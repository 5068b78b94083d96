"""Questions put to a model: batches in, completions out, on real audio or on a control.

Controls show what of a score is hearing: digital *silence* of the clip's length, or a *shuffled* clip
that belongs to another question.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from recipes import config, run
from recipes.data import audio, prompts
from recipes.data.rows import Row
from recipes.families import Family, family
from recipes.pauses import rollout
from recipes.pauses.pause import PauseConfig, add_pause_token, forced_id, never_emitted

Hearing = Literal["real", "silent", "shuffled"]


@dataclass(frozen=True)
class Answers:
    """Completions of one pass over the questions, in their order.

    Attributes:
        texts: Without pauses and control tokens.
        tokens: Chosen tokens of each, without pauses.
        pauses: Pauses of each.
        seconds: Wall time of the whole pass.
    """

    texts: list[str]
    tokens: list[int]
    pauses: list[int]
    seconds: float


@dataclass
class Answerer:
    """A model that can be asked.

    Args:
        pause: When it pauses; None: never.
        max_seconds: Longer clips are cut.
        autocast: Prompts are read in bfloat16.
    """

    family: Family
    model: Any
    processor: Any
    max_new_tokens: int = 768
    pause: PauseConfig | None = None
    max_seconds: float = 30.0
    autocast: bool = False
    _rate: int = field(init=False)

    def __post_init__(self) -> None:
        self._rate = self.family.rate(self.processor)
        tokenizer = self.processor.tokenizer
        known = {} if self.pause is None else {"forced": forced_id(self.pause, self.processor)}
        banned = [self.family.placeholder_id(self.model), *never_emitted(self.pause, self.processor)]
        self._special = rollout.Special(
            pad=tokenizer.pad_token_id,
            eos=tuple(self.family.end_ids(self.model, self.processor)),
            banned=tuple(banned),
            **known,
        )

    def ask(
        self,
        rows: Sequence[Row],
        *,
        hearing: Hearing = "real",
        sampling: rollout.Sampling = rollout.Sampling(greedy=True),  # noqa: B008 (frozen)
        samples: int = 1,
        greedy_first: bool = False,
        batch: int = 16,
        budget: int | None = None,
    ) -> list[Answers]:
        """Asks every question.

        Args:
            samples: Completions a question.
            greedy_first: The first of them takes the likeliest tokens, whatever ``sampling`` says: their
                prompt is read once.
            batch: Questions at a time.
            budget: Tokens a completion at most, pauses included; the examinee's own by default.

        Returns:
            One pass for each sample.
        """
        clips = heard(rows, hearing)
        made: list[list[tuple[str, int, int]]] = [[] for _ in range(samples)]
        began = time.monotonic()
        for start in range(0, len(rows), batch):
            inputs = self.inputs(rows[start : start + batch], clips[start : start + batch], hearing)
            count = len(rows[start : start + batch])
            seed = None if sampling.seed is None else sampling.seed + start
            rolled = rollout.generate(
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
            chosen = rolled.chosen()
            texts = self.processor.tokenizer.batch_decode(chosen, skip_special_tokens=True)
            for place, text in enumerate(texts):
                made[place % samples].append((text.strip(), len(chosen[place]), rolled.triggers[place]))
        seconds = (time.monotonic() - began) / samples
        return [
            Answers([text for text, *_ in one], [n for _, n, _ in one], [p for *_, p in one], seconds)
            for one in made
        ]

    def inputs(self, rows: Sequence[Row], clips: Sequence[Row], hearing: Hearing) -> dict[str, Any]:
        """The processor's batch, on the model's device."""
        sounds = [audio.samples(row, self._rate, self.max_seconds) for row in clips]
        if hearing == "silent":
            sounds = [np.zeros_like(one) for one in sounds]
        texts = [self.family.text(self.processor, prompts.prompt(row)) for row in rows]
        made = self.family.process(self.processor, texts, sounds)
        core = self.family.core(self.model)
        moved = {key: value.to(core.device) for key, value in made.items()}
        return {k: v.to(core.dtype) if v.is_floating_point() else v for k, v in moved.items()}


def examinee(settings: config.Config, folder: Path | str, pauses: bool) -> Answerer:
    """A trained or untrained model, ready to be asked.

    Args:
        folder: Of the model; a Hub name will do.
        pauses: Whether it may pause; the token is added where the model has none.
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
        pause=PauseConfig.of(settings.pause) if pauses else None,
        max_seconds=settings.data.max_seconds,
        autocast=run.autocasts(settings.model),
    )


def heard(rows: Sequence[Row], hearing: Hearing) -> list[Row]:
    """The row whose clip is played with each question: its own, or for ``shuffled`` another clip's.

    Clips are shifted by half their number, so that every clip is played as often as before.
    """
    if hearing != "shuffled":
        return list(rows)
    first: dict[str, Row] = {}
    for row in rows:
        first.setdefault(row.clip_id, row)
    clips = list(first)
    shift = max(1, len(clips) // 2)
    other = {clip: clips[(place + shift) % len(clips)] for place, clip in enumerate(clips)}
    return [first[other[row.clip_id]] for row in rows]


def latency(examinee: Answerer, rows: Sequence[Row]) -> dict[str, float]:
    """How long one question takes, asked alone: means over the rows, in seconds and tokens.

    Returns:
        ``first_token`` and ``answer`` (seconds), ``tokens`` (chosen), ``pauses``.
    """
    examinee.ask(rows[:1], batch=1)  # warm: first calls compile kernels and read files
    first, whole = [], []
    for row in rows:
        first.append(examinee.ask([row], batch=1, budget=1)[0].seconds)
        whole.append(examinee.ask([row], batch=1)[0])
    return {
        "first_token": float(np.mean(first)),
        "answer": float(np.mean([one.seconds for one in whole])),
        "tokens": float(np.mean([one.tokens[0] for one in whole])),
        "pauses": float(np.mean([one.pauses[0] for one in whole])),
    }
