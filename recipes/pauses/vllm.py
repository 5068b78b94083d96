"""Rollouts by vLLM, for who has it installed: pauses between segments of text.

vLLM generates on its own, so nobody can step in at a token. Here it generates a segment at a time; the
controller reads how sure it was of each token, cuts the segment where a pause belongs, puts the pause
in and lets vLLM go on from there. A pause is then part of a prompt, which vLLM reads in one forward,
and all before it comes from its prefix cache. What this costs and cannot do:

- what follows a pause within a segment was generated in vain: up to ``segment`` tokens a pause;
- confidence is the largest probability only, of vLLM's own logits, where the pause token still counts;
- the policy cannot pause by itself (``pause.policy`` must be ``forbid``);
- one process with one GPU or more by tensor parallelism, beside the trainer (TRL's ``colocate``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import torch

from paqa_builder.errors import ConfigError, NotReadyError
from recipes.data import audio
from recipes.data import prompts as asking
from recipes.data.rows import Row
from recipes.families import Family
from recipes.pauses.pause import PauseConfig, PauseState
from recipes.pauses.sampling import Rollout, Sampling, Special

SEGMENT = 32


@dataclass(frozen=True, slots=True)
class Segment:
    """What an engine adds to a completion.

    Attributes:
        tokens: Up to and with the end of sequence, where it comes.
        logprobs: Of the tokens.
        confidences: Largest probability at each step.
    """

    tokens: Sequence[int]
    logprobs: Sequence[float]
    confidences: Sequence[float]


Extend = Callable[[Sequence[int], Sequence[Sequence[int]], Sequence[int]], Sequence[Segment]]
"""Extends completions: their numbers, their tokens so far, the most tokens to add to each."""


def check(pause: PauseConfig | None) -> None:
    """Raises NotReadyError without vLLM, ConfigError for pauses that it cannot make."""
    if find_spec("vllm") is None:
        raise NotReadyError(
            "stage2.rollout is vllm, which is not installed",
            fix="pip install vllm, on a machine with a GPU, or --set stage2.rollout=block",
        )
    check_pause(pause)


def check_pause(pause: PauseConfig | None) -> None:
    """Raises ConfigError for pauses that cannot be made between segments."""
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
    """Completes with pauses by an engine that can only be asked for more text.

    Args:
        rows: Number of completions.
        budget: Tokens a completion, pauses included.
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
    asked = 0

    def put(row: int, ids: Sequence[int], logs: Sequence[float], by_force: bool) -> None:
        tokens[row] += ids
        logprobs[row] += logs
        forced[row] += [by_force] * len(ids)

    live = list(range(rows))
    while live:
        room = [min(segment if state else budget, budget - len(tokens[row])) for row in live]
        asked += 1
        for row, more in zip(live, extend(live, [tokens[row] for row in live], room), strict=True):
            for token, log, sure in zip(more.tokens, more.logprobs, more.confidences, strict=True):
                if state is not None and pause is not None:
                    wants, gone = state.judge(torch.tensor([sure]), torch.tensor([row]))
                    if wants:
                        put(row, [state.token_id] * pause.n, [0.0] * pause.n, True)
                        break
                    if gone:
                        put(row, [special.eos[0]], [0.0], True)
                        aborted[row] = True
                        break
                put(row, [token], [log], False)
                if token in special.eos:
                    break
        live = [row for row in live if tokens[row][-1] not in special.eos and len(tokens[row]) < budget]
    stats = {"rollout/forwards": float(asked), "rollout/aborted": sum(aborted) / max(1, rows)}
    if state is not None:
        stats |= state.stats()
        stats["pause/tokens"] = sum(map(sum, forced)) / max(1, rows)
    triggers = state.triggers.tolist() if state is not None else [0] * rows
    return Rollout(tokens, forced, logprobs, aborted, triggers, stats)


@dataclass(frozen=True)
class Roller:
    """Completions by the vLLM engine that TRL keeps beside the trainer, with its weights."""

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
        """As :func:`recipes.trainers.grpo.with_transformers`."""
        from vllm import SamplingParams

        processor = trainer.processing_class
        rate = self.family.rate(processor)
        clips = [self.family.cut(processor, audio.samples(row, rate, self.max_seconds)) for row in rows]
        # One placeholder a clip: vLLM expands it itself.
        heads = [
            processor.tokenizer.encode(
                self.family.text(processor, asking.prompt(row)), add_special_tokens=False
            )
            for row in rows
        ]
        banned = (*special.banned, *((special.forced,) if special.forced is not None else ()))

        def extend(
            numbers: Sequence[int], so_far: Sequence[Sequence[int]], room: Sequence[int]
        ) -> list[Segment]:
            asked = [
                {
                    "prompt_token_ids": [*heads[source[number]], *ids],
                    "multi_modal_data": {"audio": [(clips[source[number]], rate)]},
                }
                for number, ids in zip(numbers, so_far, strict=True)
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
            made = trainer.vllm_generation.llm.generate(asked, params, use_tqdm=False)
            return [_segment(one.outputs[0]) for one in made]

        return in_segments(extend, len(source), special, budget, pause)


def _segment(made: Any) -> Segment:
    ids = list(made.token_ids)
    steps = [{token: one.logprob for token, one in step.items()} for step in made.logprobs]
    return Segment(
        ids,
        [step[token] for token, step in zip(ids, steps, strict=True)],
        [math.exp(max(step.values())) for step in steps],
    )
