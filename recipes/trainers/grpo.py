"""GRPO on audio: extensions of TRL's GRPOTrainer.

TRL's trainer supports text and images. This one adds rollouts with pauses, through the public
``rollout_func``, and the audio features in every forward pass that computes log-probabilities. Without the
features TRL would compute log-probabilities without audio and raise no error. The parts of TRL that this
module relies on are tested in ``tests/recipes/trainers/test_grpo_contract.py``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor
from trl import GRPOConfig, GRPOTrainer
from trl.models import unwrap_model_for_generation

from paqa_builder.errors import ConfigError
from recipes import run
from recipes.data import collate
from recipes.data.rows import Row
from recipes.families import Family
from recipes.pauses import rollout
from recipes.pauses.pause import TOKEN
from recipes.rewards import Reward
from recipes.sections import PauseConfig
from recipes.trainers import sharing

# TRL warns that experimental parts may change; its version is pinned and the contract tests cover them.
os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")

Roller = Callable[..., rollout.Rollout]


def with_transformers(
    model: Any, inputs: Mapping[str, Tensor], special: rollout.Special, budget: int, **options: Any
) -> rollout.Rollout:
    """Completions by :func:`recipes.pauses.rollout.generate`.

    Every roller gets these arguments, and ``trainer`` and ``rows`` (one row a prompt), which only
    :class:`recipes.pauses.vllm.Roller` uses.
    """
    del options["trainer"], options["rows"]
    return rollout.generate(model, inputs, special, budget, **options)


class AudioGRPOTrainer(run.Reloading, GRPOTrainer):
    """TRL's GRPO trainer with audio inputs and pauses.

    Forced tokens stay in the context and are masked elsewhere: in the policy loss, the KL term, the entropy,
    the normalisation by length, and in every reward. Aborted rollouts are masked as a whole and are left out
    of their group's baseline.

    Args:
        model: Model of ``family``; with pauses it must have the pause token.
        family: Model family, which makes the batches.
        rewards: Name to function (see :mod:`recipes.rewards`).
        weights: Name to weight.
        pause: When to pause; None: plain GRPO.
        pause_token: The model's pause token, which plain GRPO never samples.
        block: Run each pause in one forward pass; False: one forward pass a token.
        roll: Generates the completions; takes the arguments of :func:`with_transformers`.
        max_seconds: Longer clips are cut.
        share_prompts: Read each prompt once for log-probabilities (:mod:`recipes.trainers.sharing`).
    """

    _tag_names = ["trl", "grpo", "paqa"]  # noqa: RUF012

    def __init__(
        self,
        model: Any,
        family: Family,
        rewards: Mapping[str, Reward],
        weights: Mapping[str, float],
        args: GRPOConfig,
        *,
        processing_class: Any,
        pause: PauseConfig | None = None,
        pause_token: str = TOKEN,
        block: bool = True,
        roll: Roller = with_transformers,
        max_seconds: float = 30.0,
        share_prompts: bool = False,
        **options: Any,
    ) -> None:
        self.family, self.pause, self.block, self.roll = family, pause, block, roll
        self.max_seconds, self.share_prompts = max_seconds, share_prompts
        self.last: rollout.Rollout | None = None
        self.samples: list[dict[str, Any]] = []
        self._rows: list[Row] = []
        self._audio: dict[str, dict[str, Tensor]] = {}  # audio tensors of the last batch, by mode
        self._clips = torch.empty(0, dtype=torch.long)  # row of those tensors for each completion
        if args.repetition_penalty != 1.0:
            raise ConfigError("stage II: repetition_penalty is not supported; it must be 1.0")
        self.special = rollout.special_tokens(family, model, processing_class, pause, pause_token)
        args.reward_weights = [weights[name] for name in rewards]
        with _with_image_token(family.core(model).config, self.special.banned[0]):
            super().__init__(
                model,
                [self._for_trl(name, reward) for name, reward in rewards.items()],
                args=args,
                processing_class=processing_class,
                rollout_func=_rollout,
                **options,
            )

    # ---- making completions

    def complete(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Generates one completion for each row; equal rows share the forward pass of their prompt."""
        unique = list({id(row): row for row in rows}.values())
        places = {id(row): place for place, row in enumerate(unique)}
        source = [places[id(row)] for row in rows]
        processor: Any = self.processing_class
        clips = collate.samples(self.family, processor, unique, self.max_seconds)
        device = self.accelerator.device
        batch = collate.generation_batch(self.family, self.model, processor, unique, clips, device)
        self._audio[self._mode()] = {key: batch[key] for key in self.family.audio_keys}
        self._clips = torch.tensor(source, device=device)
        args: Any = self.args
        with self._model_for_generation() as model:
            rolled = self.roll(
                model,
                batch,
                self.special,
                args.max_completion_length,
                sampling=rollout.Sampling(
                    temperature=args.temperature,
                    top_k=args.top_k or 0,
                    top_p=args.top_p,
                    min_p=args.min_p or 0.0,
                ),
                pause=self.pause,
                source=source,
                block=self.block,
                synced=self._is_sharded(),
                trainer=self,
                rows=unique,
            )
        self.last = rolled
        ids = [
            row[mask.bool()].tolist()
            for row, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True)
        ]
        chosen = rolled.chosen()
        return {
            "prompt_ids": [ids[place] for place in source],
            "completion_ids": rolled.tokens,
            # TRL uses them to correct for differences of the sampling engine, which only vLLM has.
            "logprobs": rolled.logprobs if args.use_vllm else None,
            "env_mask": [
                [int(not (forced or aborted)) for forced in row]
                for row, aborted in zip(rolled.forced, rolled.aborted, strict=True)
            ],
            "text": processor.batch_decode(chosen, skip_special_tokens=True),
            "count": [len(row) for row in chosen],
            "aborted": rolled.aborted,
        }

    @contextmanager
    def _model_for_generation(self) -> Iterator[Any]:
        args: Any = self.args
        with (
            unwrap_model_for_generation(
                self.model_wrapped,
                self.accelerator,
                gather_deepspeed3_params=args.ds3_gather_for_generation,
                gradient_checkpointing_kwargs=args.gradient_checkpointing_kwargs,
            ) as model,
            self._dist.summon_full_params(self.model_wrapped, recurse=False),
        ):
            yield model

    def _mode(self) -> str:
        model: Any = self.model
        return "train" if model.training else "eval"

    def _is_sharded(self) -> bool:
        """Whether every rank takes part in each forward pass."""
        args: Any = self.args
        gathered = self._dist.is_zero3 and args.ds3_gather_for_generation
        return (
            self.accelerator.num_processes > 1
            and not gathered
            and (self._dist.is_zero3 or self.is_fsdp_enabled)
        )

    # ---- rewards

    def _for_trl(self, name: str, reward: Reward) -> Callable[..., list[float | None]]:
        def call(
            *, row: Any, text: Any, count: Any, aborted: Any, log_metric: Any, **_: Any
        ) -> list[float | None]:
            if name == self.reward_func_names[0]:
                for metric, value in (self.last.stats if self.last else {}).items():
                    log_metric(metric, value)
                self.samples = [
                    {"row": r, "text": completion} for r, completion in zip(row, text, strict=True)
                ]
            values = reward(text, row, count)
            for sample, value in zip(self.samples, values, strict=True):
                sample[name] = value
            # TRL leaves a completion whose rewards are all None out of its group's baseline.
            return [None if ended else value for ended, value in zip(aborted, values, strict=True)]

        call.__name__ = name
        return call

    # ---- overrides of TRL

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        self._rows = [example["row"] for example in inputs]
        batch = super()._generate_and_score_completions(inputs)
        batch["clip"] = self._clips  # TRL shuffles and splits it together with the completions
        return batch

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> Tensor:
        self._clips = inputs["clip"]
        return super()._compute_loss(model, inputs)

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: Tensor,
        attention_mask: Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        **options: Any,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        features = self._audio[self._mode()]
        if len(self._clips) != len(input_ids):
            raise RuntimeError(f"{len(input_ids)} completions, but the clips of {len(self._clips)}")
        parts = []
        for clips, ids, mask in zip(
            *(part.split(batch_size or len(input_ids)) for part in (self._clips, input_ids, attention_mask)),
            strict=True,
        ):
            if self.share_prompts:
                core = self.family.core(model)
                # The whole prompt except its last token, whose output predicts the first completion token.
                begin = ids.shape[1] - logits_to_keep - 1
                with_audio, ids, mask = sharing.reader(model, core, ids, mask, begin, clips, features)
            else:
                with_audio = partial(model, **{key: value[clips] for key, value in features.items()})
            parts.append(
                super()._get_per_token_logps_and_entropies(with_audio, ids, mask, logits_to_keep, **options)
            )
        logps, entropies, extra = zip(*parts, strict=True)
        return (
            torch.cat(logps),
            None if entropies[0] is None else torch.cat(entropies),
            None if extra[0] is None else torch.stack(extra).mean(),
        )


def _rollout(prompts: list[Any], trainer: Any) -> dict[str, Any]:
    return trainer.complete(trainer._rows)


@contextmanager
def _with_image_token(config: Any, placeholder: int) -> Iterator[None]:
    """Sets the audio token as image token, which TRL's constructor requires of a multimodal model."""
    missing = not hasattr(config, "image_token_id")
    if missing:
        config.image_token_id = placeholder
    try:
        yield
    finally:
        if missing:
            del config.image_token_id
