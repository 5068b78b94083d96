"""GRPO on audio: the least that TRL's trainer lacks.

TRL's GRPOTrainer knows text and images. Two things are added: rollouts with pauses, through its
public ``rollout_func``, and the clips' features wherever it computes log-probabilities again. Without
the second it would train on log-probabilities of a model that hears nothing, without a word. Every
line of TRL that this rests on has a test in ``tests/recipes/test_grpo_contract.py``.
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
from recipes.data import audio
from recipes.data import prompts as asking
from recipes.data.rows import Row
from recipes.families import Family
from recipes.pauses import rollout
from recipes.pauses.pause import PauseConfig, forced_id, never_emitted
from recipes.rewards import Reward
from recipes.trainers import sharing

# TRL warns of what may change in it; the contract tests and the pinned version see to that.
os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")

Roller = Callable[..., rollout.Rollout]


def with_transformers(
    model: Any, inputs: Mapping[str, Tensor], special: rollout.Special, budget: int, **options: Any
) -> rollout.Rollout:
    """Completions by :func:`recipes.pauses.rollout.generate`; all else that a roller is told is for others.

    Every roller gets these arguments, and ``trainer`` and ``rows`` (one a prompt) by name.
    """
    del options["trainer"], options["rows"]
    return rollout.generate(model, inputs, special, budget, **options)


class AudioGRPOTrainer(run.Reloading, GRPOTrainer):
    """TRL's trainer with ears and pauses.

    Tokens that the policy did not choose stay in the context and count for nothing else: not in the
    policy loss, the KL term, the entropy, the normalisation by length, nor in any reward. Of a rollout
    that was aborted nothing counts, and it is no part of its group's baseline.

    Args:
        model: Model of ``family``; with the pause token, where there are pauses.
        family: Knows how its batches are made.
        rewards: Name to function (see :mod:`recipes.rewards`).
        weights: Name to weight.
        pause: When to pause; None: plain GRPO.
        block: Pauses in one forward; False: one forward a token.
        roll: Makes the completions; takes the arguments of :func:`with_transformers`.
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
        self._heard: dict[str, dict[str, Tensor]] = {}
        self._now = torch.empty(0, dtype=torch.long)
        if args.repetition_penalty != 1.0:
            raise ConfigError("stage II: repetition_penalty is not supported; it must be 1.0")
        self.special = rollout.Special(
            pad=processing_class.tokenizer.pad_token_id,
            eos=tuple(family.end_ids(model, processing_class)),
            forced=None if pause is None else forced_id(pause, processing_class),
            banned=(family.placeholder_id(model), *never_emitted(pause, processing_class)),
        )
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
        """Completes a batch of rows, one completion each; equal rows share their prompt's forward."""
        once = list({id(row): row for row in rows}.values())
        places = {id(row): place for place, row in enumerate(once)}
        source = [places[id(row)] for row in rows]
        processor: Any = self.processing_class
        batch = self._batch(once)
        self._heard[self._mode()] = {key: batch[key] for key in self.family.audio_keys}
        self._now = torch.tensor(source, device=self.accelerator.device)
        args: Any = self.args
        with self._model_for_generation() as model:
            made = self.roll(
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
                rows=once,
            )
        self.last = made
        ids = [
            row[mask.bool()].tolist()
            for row, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True)
        ]
        chosen = made.chosen()
        return {
            "prompt_ids": [ids[place] for place in source],
            "completion_ids": made.tokens,
            # TRL corrects by them for the engine that sampled, which only vLLM's are asked for.
            "logprobs": made.logprobs if args.use_vllm else None,
            "env_mask": [
                [int(not (forced or aborted)) for forced in row]
                for row, aborted in zip(made.forced, made.aborted, strict=True)
            ],
            "text": processor.batch_decode(chosen, skip_special_tokens=True),
            "count": [len(row) for row in chosen],
            "aborted": made.aborted,
        }

    def _batch(self, rows: Sequence[Row]) -> dict[str, Tensor]:
        rate = self.family.rate(self.processing_class)
        made = self.family.process(
            self.processing_class,
            [self.family.text(self.processing_class, asking.prompt(row)) for row in rows],
            [audio.samples(row, rate, self.max_seconds) for row in rows],
        )
        dtype = self.family.core(self.model).dtype
        moved = {key: value.to(self.accelerator.device) for key, value in made.items()}
        return {k: v.to(dtype) if v.is_floating_point() else v for k, v in moved.items()}

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
        """Whether a forward is a matter for all ranks."""
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
                self.samples = [{"row": one, "text": said} for one, said in zip(row, text, strict=True)]
            values = reward(text, row, count)
            for sample, value in zip(self.samples, values, strict=True):
                sample[name] = value
            # TRL leaves a completion that nothing rewards out of its group's baseline.
            return [None if gone else value for gone, value in zip(aborted, values, strict=True)]

        call.__name__ = name
        return call

    # ---- overrides of TRL

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        self._rows = [one["row"] for one in inputs]
        made = super()._generate_and_score_completions(inputs)
        made["clip"] = self._now  # shuffled and split together with the completions
        return made

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> Tensor:
        self._now = inputs["clip"]
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
        heard = self._heard[self._mode()]
        if len(self._now) != len(input_ids):
            raise RuntimeError(f"{len(input_ids)} completions, but the clips of {len(self._now)}")
        found = []
        for clips, ids, mask in zip(
            *(part.split(batch_size or len(input_ids)) for part in (self._now, input_ids, attention_mask)),
            strict=True,
        ):
            if self.share_prompts:
                core = self.family.core(model)
                # All of the prompt but its last token, whose output is the first that counts.
                begin = ids.shape[1] - logits_to_keep - 1
                hearing, ids, mask = sharing.reader(model, core, ids, mask, begin, clips, heard)
            else:
                hearing = partial(model, **{key: value[clips] for key, value in heard.items()})
            found.append(
                super()._get_per_token_logps_and_entropies(hearing, ids, mask, logits_to_keep, **options)
            )
        logps, entropies, extra = zip(*found, strict=True)
        return (
            torch.cat(logps),
            None if entropies[0] is None else torch.cat(entropies),
            None if extra[0] is None else torch.stack(extra).mean(),
        )


def _rollout(prompts: list[Any], trainer: Any) -> dict[str, Any]:
    return trainer.complete(trainer._rows)


@contextmanager
def _with_image_token(config: Any, placeholder: int) -> Iterator[None]:
    """TRL looks for an image token in every multimodal model; lend it the audio one for a moment."""
    lent = not hasattr(config, "image_token_id")
    if lent:
        config.image_token_id = placeholder
    try:
        yield
    finally:
        if lent:
            del config.image_token_id
