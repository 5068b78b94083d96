"""Rollouts by vLLM, with pauses between segments of text.

vLLM cannot be interrupted at a token, so it generates one segment at a time. The controller reads the
confidence of each token, cuts the segment at the first pause, appends the pause, and lets vLLM continue from
there. vLLM processes the pause as part of a prompt, in one forward pass, and takes the text before it from
its prefix cache. Limits:

- the tokens after a pause within a segment are discarded: up to ``segment`` tokens a pause;
- confidence is the largest probability of vLLM's own logits, which include the pause token;
- the policy cannot emit pauses (``pause.policy`` must be ``forbid``);
- one process, with one GPU or with tensor parallelism, beside the trainer (TRL's ``colocate``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import torch

from paqa_builder.errors import ConfigError, NotReadyError
from recipes.data import collate
from recipes.data.rows import Row
from recipes.families import Family
from recipes.pauses.pause import PauseState
from recipes.pauses.sampling import Rollout, Sampling, Special
from recipes.sections import PauseConfig

SEGMENT = 32


@dataclass(frozen=True, slots=True)
class Segment:
    """A continuation of a completion by an engine.

    Attributes:
        tokens: Token ids, up to the end of sequence if it comes.
        logprobs: Log-probabilities of the tokens.
        confidences: Largest probability at each step.
    """

    tokens: Sequence[int]
    logprobs: Sequence[float]
    confidences: Sequence[float]


Extend = Callable[[Sequence[int], Sequence[Sequence[int]], Sequence[int]], Sequence[Segment]]
"""Function that extends completions. Arguments: their numbers, their tokens, most tokens to add to each."""


def check(pause: PauseConfig | None) -> None:
    """Raises NotReadyError without vLLM, ConfigError for pauses that it does not support."""
    if find_spec("vllm") is None:
        raise NotReadyError(
            "stage2.rollout is vllm, which is not installed",
            fix="pip install vllm, on a machine with a GPU, or --set stage2.rollout=block",
        )
    check_pause(pause)


def check_pause(pause: PauseConfig | None) -> None:
    """Raises ConfigError for pauses that are not supported between segments."""
    if pause is not None and (pause.signal != "maxprob" or pause.policy != "forbid"):
        raise ConfigError(
            "stage2.rollout vllm: pause.signal must be maxprob, and pause.policy forbid",
            fix="--set stage2.rollout=block",
        )


def in_segments(
    extend: Extend,
    rows: int,
    special: Special,
    budget: int,
    pause: PauseConfig | None,
    *,
    segment: int = SEGMENT,
    seed: int = 0,
) -> Rollout:
    """Generates completions with pauses by an engine that can only extend text.

    Args:
        extend: The engine.
        rows: Number of completions.
        budget: Most tokens of a completion, pauses included.
        segment: Most tokens that the engine adds at once.
        seed: Seed of the random trigger.
    """
    check_pause(pause)
    state = None
    if pause is not None:
        assert special.forced is not None
        state = PauseState(pause, special.forced, rows, budget, seed=seed)
    tokens: list[list[int]] = [[] for _ in range(rows)]
    forced: list[list[bool]] = [[] for _ in range(rows)]
    logprobs: list[list[float]] = [[] for _ in range(rows)]
    aborted = [False] * rows
    calls = 0

    def append(row: int, ids: Sequence[int], logs: Sequence[float], by_force: bool) -> None:
        tokens[row] += ids
        logprobs[row] += logs
        forced[row] += [by_force] * len(ids)

    live = list(range(rows))
    while live:
        room = [min(segment if state else budget, budget - len(tokens[row])) for row in live]
        calls += 1
        for row, more in zip(live, extend(live, [tokens[row] for row in live], room), strict=True):
            for token, log, confidence in zip(more.tokens, more.logprobs, more.confidences, strict=True):
                if state is not None and pause is not None:
                    pauses, aborts = state.judge(torch.tensor([confidence]), torch.tensor([row]))
                    if pauses:
                        append(row, [state.token_id] * pause.n, [0.0] * pause.n, True)
                        break
                    if aborts:
                        append(row, [special.eos[0]], [0.0], True)
                        aborted[row] = True
                        break
                append(row, [token], [log], False)
                if token in special.eos:
                    break
        live = [row for row in live if tokens[row][-1] not in special.eos and len(tokens[row]) < budget]
    stats = {"rollout/forwards": float(calls), "rollout/aborted": sum(aborted) / max(1, rows)}
    if state is not None:
        stats |= state.stats()
        stats["pause/tokens"] = sum(map(sum, forced)) / max(1, rows)
    triggers = state.triggers.tolist() if state is not None else [0] * rows
    return Rollout(tokens, forced, logprobs, aborted, triggers, stats)


@dataclass(frozen=True)
class Roller:
    """Completions by the vLLM engine that TRL runs beside the trainer."""

    family: Family
    max_seconds: float

    def __call__(
        self,
        model: Any,
        inputs: Mapping[str, Any],
        special: Special,
        budget: int,
        *,
        trainer: Any,
        rows: Sequence[Row],
        source: Sequence[int],
        sampling: Sampling,
        pause: PauseConfig | None,
        **_: Any,
    ) -> Rollout:
        """Generates completions, as :func:`recipes.trainers.grpo.with_transformers` does."""
        from vllm import SamplingParams

        processor = trainer.processing_class
        rate = self.family.rate(processor)
        samples = collate.samples(self.family, processor, rows, self.max_seconds)
        clips = [self.family.cut(processor, clip) for clip in samples]
        texts = collate.prompt_texts(self.family, processor, rows)
        # With one placeholder for each clip, which vLLM expands.
        heads = [processor.tokenizer.encode(text, add_special_tokens=False) for text in texts]
        banned = (*special.banned, *((special.forced,) if special.forced is not None else ()))

        def extend(
            numbers: Sequence[int], completions: Sequence[Sequence[int]], room: Sequence[int]
        ) -> list[Segment]:
            requests = [
                {
                    "prompt_token_ids": [*heads[source[number]], *ids],
                    "multi_modal_data": {"audio": [(clips[source[number]], rate)]},
                }
                for number, ids in zip(numbers, completions, strict=True)
            ]
            params = [
                SamplingParams(
                    max_tokens=most,
                    temperature=sampling.temperature,
                    top_p=sampling.top_p,
                    top_k=sampling.top_k or -1,
                    min_p=sampling.min_p,
                    logprobs=1,
                    stop_token_ids=list(special.eos),
                    logit_bias=dict.fromkeys(banned, -100.0),
                    detokenize=False,
                )
                for most in room
            ]
            outputs = trainer.vllm_generation.llm.generate(requests, params, use_tqdm=False)
            return [_segment(output.outputs[0]) for output in outputs]

        return in_segments(extend, len(source), special, budget, pause)


def _segment(output: Any) -> Segment:
    ids = list(output.token_ids)
    steps = [{token: entry.logprob for token, entry in step.items()} for step in output.logprobs]
    return Segment(
        ids,
        [step[token] for token, step in zip(ids, steps, strict=True)],
        [math.exp(max(step.values())) for step in steps],
    )
